"""Normalisation: folded exactly, or as the mean of its steps with the error stated."""

import copy
import re

import nir
import numpy as np
import pytest
import snntorch as snn
import torch
from spikingjelly.activation_based import functional, layer, neuron
from torch import nn

from .modules import equal, imported, spread

IMAGE, STEPS = (2, 6, 6), 5
FOLDED = {
    "convolution": [layer.Conv2d(2, 4, 3, bias=False), layer.BatchNorm2d(4)],
    "threshold-dependent": [layer.Conv2d(2, 4, 3), layer.ThresholdDependentBatchNorm2d(0.7, 1.0, 4)],
    "matrix": [layer.Flatten(), layer.Linear(72, 10), layer.BatchNorm1d(10)],
    "places": [layer.Flatten(2), layer.Conv1d(2, 3, 3), layer.ThresholdDependentBatchNorm1d(1.0, 0.5, 3)],
    "twice": [layer.Conv2d(2, 4, 3), layer.BatchNorm2d(4), layer.BatchNorm2d(4, affine=False)],
}


@pytest.mark.parametrize("case", FOLDED)
def test_folded_exactly(tmp_path, case):
    module = nn.Sequential(*FOLDED[case], neuron.IFNode(v_threshold=2.0))
    functional.set_step_mode(module, "m")
    done = equal(tmp_path, spread(module), IMAGE)
    kinds = [type(node) for node in done.draft.nodes.values()]
    assert sum(kind in (nir.Affine, nir.Conv1d, nir.Conv2d) for kind in kinds) == 1


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 5), (6,)])
def test_without_synapses_of_its_own(tmp_path, shape):
    norm = nn.BatchNorm2d(3) if len(shape) == 3 else nn.BatchNorm1d(shape[0])
    equal(tmp_path, spread(nn.Sequential(norm, snn.Leaky(0.9, init_hidden=True))), shape)


class BehindSum(nn.Module):
    """One norm of a convolution and of spikes that pass it: the convolution's spikes are used twice, its drive once."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm = (
            nn.Conv2d(2, 3, 3, padding=1),
            nn.Conv2d(3, 3, 3, padding=1),
            nn.BatchNorm2d(3),
        )
        self.fire, self.last = snn.Leaky(0.9, init_hidden=True), snn.Leaky(0.9, threshold=2.0, init_hidden=True)

    def forward(self, x):
        x = self.fire(self.first(x))
        return self.last(self.norm(self.second(x) + x))


def test_behind_a_sum(tmp_path):
    done = equal(tmp_path, spread(BehindSum()), IMAGE)
    assert "norm" not in done.draft.nodes
    assert isinstance(done.draft.nodes["norm.fire"], nir.Scale)


def test_of_a_signal_that_is_used_elsewhere_too(tmp_path):
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm, self.fire = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), snn.Leaky(0.9, init_hidden=True)

        def forward(self, x):
            x = self.conv(x)
            return self.fire(self.norm(x) + x)

    assert "norm" in equal(tmp_path, spread(Twice()), IMAGE).draft.nodes


def effective(change: float) -> nn.Module:
    norm = layer.TemporalEffectiveBatchNorm2d(STEPS, 4)
    norm.scale.data = 1 + change * torch.linspace(-1, 1, STEPS)
    return norm


def through_time(change: float, kind: type = layer.BatchNormThroughTime2d) -> nn.Module:
    norm = kind(STEPS, 4)
    norm.step_mode = "m"
    return alike(norm, norm.bn_list, change)


def alike(module: nn.Module, norms: nn.ModuleList, change: float) -> nn.Module:
    """Of all steps what the first has, but for ``change`` of the weight."""
    spread(module)
    first = copy.deepcopy(norms[0].state_dict())
    for place, each in enumerate(norms):
        each.load_state_dict(first)
        each.weight.data *= 1 + change * (place - STEPS // 2) / (STEPS // 2)
    return module


PER_STEP = {"effective": effective, "through time": through_time}


@pytest.mark.parametrize("case", PER_STEP)
def test_mean_over_steps_and_its_error(tmp_path, case):
    """Exact where all steps agree; else the deviation of a step's scale and bias from the mean is that given."""
    for change in (0.0, 0.125):
        conv = spread(layer.Conv2d(2, 4, 3, step_mode="m"))
        norm = PER_STEP[case](change)
        module = nn.Sequential(conv, spread_mean(norm), neuron.IFNode(step_mode="m"))
        check = imported if change else equal
        done = check(tmp_path / str(change), module, IMAGE, None)
        assert done.comparison.steps == STEPS
        (note,) = done.draft.notes.values()
        stated = [float(figure) for figure in re.findall(r"up to ([\d.]+) ?%", note)]
        assert stated == [100 * change] * 2
    assert done.comparison.differing


def spread_mean(norm: nn.Module) -> nn.Module:
    return norm if isinstance(norm, layer.BatchNormThroughTime2d) else spread(norm)


class Stepped(nn.Module):
    """snnTorch's norms through time: forward takes the number of the step."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norms = nn.Linear(10, 4), snn.BatchNormTT1d(4, STEPS)
        self.fire = snn.Leaky(0.9, init_hidden=True)

    def forward(self, x, step):
        return self.fire(self.norms[step](self.linear(x)))


def test_snntorch_norms_through_time(tmp_path):
    module = spread(Stepped(), 2.0)
    alike(module.norms, module.norms, 0.0)
    done = equal(tmp_path, module, (10,), None)
    assert list(done.draft.notes) == ["norms"]
    original = module.norms[0].weight.detach().numpy() / np.sqrt(module.norms[0].running_var.numpy() + 1e-5)
    np.testing.assert_allclose(
        done.draft.nodes["linear"].weight, module.linear.weight.detach().numpy() * original[:, None], rtol=1e-6
    )
