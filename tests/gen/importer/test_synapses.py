"""Linear modules, pooling, shapes and delays, against the module's own forward."""

import pytest
import snntorch as snn
import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.model.parametric_lif_net import MNISTNet
from torch import nn

from .modules import equal, spread

IMAGE = (2, 8, 8)


def fire(**options: object) -> nn.Module:
    return snn.Leaky(0.9, init_hidden=True, **options)


CHAINS = {
    "stride, padding, dilation, groups": [nn.Conv2d(2, 4, (3, 2), (2, 1), (1, 2), (1, 2), groups=2)],
    "same padding": [nn.Conv2d(2, 3, 3, padding="same")],
    "average pool": [nn.Conv2d(2, 4, 3, bias=False), nn.AvgPool2d(2)],
    "average pool that overlaps": [nn.AvgPool2d(3, 2, 1), nn.Conv2d(2, 4, 3)],
    "adaptive pool": [nn.Conv2d(2, 4, 3, padding=1), nn.AdaptiveAvgPool2d((4, None))],
    "max pool of spikes": [nn.MaxPool2d(3, 2, 1), nn.Dropout(), nn.Identity(), nn.Conv2d(2, 4, 3)],
    "flatten": [nn.Conv2d(2, 4, 3, 2), nn.Flatten(), nn.Linear(36, 10)],
    "flatten places": [nn.Flatten(2), nn.Conv1d(2, 3, 5, 3, 2, 2)],
}


@pytest.mark.parametrize("case", CHAINS)
def test_chains_of_one_step(tmp_path, case):
    equal(tmp_path, spread(nn.Sequential(*CHAINS[case], fire())), IMAGE)


def test_a_whole_network_of_spikingjelly(tmp_path):
    """Of Fang et al., ICCV 2021: two blocks of convolution, norm, neurons and pooling, two dense layers, and votes."""
    module = MNISTNet(channels=3, spiking_neuron=neuron.ParametricLIFNode, v_threshold=0.5)
    functional.set_step_mode(module, "m")
    equal(tmp_path, spread(module, 1.5), (1, 28, 28), 4)


class Functional(nn.Module):
    """The same by functions and methods."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear, self.fire, self.last = nn.Conv2d(2, 4, 3), nn.Linear(36, 10), fire(), fire()
        self.gain = nn.Parameter(torch.tensor([0.5, 1.0, 1.5, 2.0])[:, None, None])

    def forward(self, x):
        x = self.fire(torch.nn.functional.avg_pool2d(self.conv(x), 2) * self.gain)
        x = torch.nn.functional.dropout(x, 0.5, self.training)
        return self.last(0.25 - self.linear(x.view(x.shape[0], -1)) / 2 - 0.125)


class Pools(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fire = nn.Conv2d(2, 4, 3), fire()

    def forward(self, x):
        x = torch.flatten(self.conv(torch.nn.functional.max_pool2d(x, 2)), start_dim=1)
        return self.fire(x.reshape(x.size(0), x.size(1)).contiguous())


@pytest.mark.parametrize("module", [Functional(), Pools()], ids=["functional", "pools"])
def test_functions_and_methods(tmp_path, module):
    equal(tmp_path, spread(module), IMAGE)


SEQUENCES = {
    "layers": [layer.Conv2d(2, 4, 3), neuron.IFNode(), layer.AvgPool2d(2), layer.Flatten(), layer.Linear(36, 10)],
    "container of layers": [layer.SeqToANNContainer(nn.Conv2d(2, 4, 3), nn.AvgPool2d(2), nn.Flatten())],
    "container of steps": [
        layer.MultiStepContainer(nn.Conv2d(2, 4, 3), neuron.IFNode(), nn.Flatten(), nn.Linear(144, 5))
    ],
    "pooled spikes": [layer.MaxPool2d(2), layer.Conv2d(2, 4, 3), layer.Dropout(), layer.AdaptiveAvgPool2d((1, 1))],
}


@pytest.mark.parametrize("case", SEQUENCES)
def test_sequences(tmp_path, case):
    module = nn.Sequential(*SEQUENCES[case], neuron.LIFNode(v_threshold=0.25))
    for each in module:
        if not isinstance(each, layer.MultiStepContainer):
            functional.set_step_mode(each, "m")
    functional.set_step_mode(module[-1], "m")
    equal(tmp_path, spread(module), IMAGE)


@pytest.mark.parametrize("mode", "sm")
def test_functions_on_merged_steps(tmp_path, mode):
    """A forward that joins time and batch by itself, as SpikingJelly's containers do."""

    class Merged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fire = nn.Conv2d(2, 4, 3, 2), neuron.IFNode(step_mode=mode)

        def forward(self, x):
            if mode == "s":
                return self.fire(self.conv(x).flatten(1))
            steps, samples = x.shape[:2]
            x = self.conv(x.flatten(0, 1)).flatten(1)
            return self.fire(x.view(steps, samples, -1))

    equal(tmp_path, spread(Merged()), IMAGE)
