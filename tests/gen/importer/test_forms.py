"""Residual forms of Fang et al. 2021 and Hu et al., products of spikes, delays and upsampling."""

import importlib
import sys
import types

import nir
import numpy as np
import pytest
import snntorch as snn
import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.model.ms_resnet import _MSBlock
from torch import nn

from ranvier.gen.config import Quantisation
from ranvier.gen.importer.compare import outputs
from ranvier.gen.importer.trace import trace
from ranvier.gen.network import channels_last
from ranvier.gen.quantize import quantize
from ranvier.golden.inference import run_program

from .modules import SEED, equal, network, spread

IMAGE = (3, 6, 6)
FORMS = {
    "a + b": lambda a, b: a + b,
    "a + a + b": lambda a, b: torch.add(a, a) + b,
    "a and b": lambda a, b: a * b,
    "not a and b": lambda a, b: (1 - a) * b,
    "a and not b": lambda a, b: torch.mul(a, 1.0 - b),
    "neither a nor b": lambda a, b: (1 - a) * (1 - b),
    "not a": lambda a, b: 1 - a,
    "weighted": lambda a, b: 0.75 * a - b / 4,
}


class Block(nn.Module):
    """Two branches that meet by ``form``."""

    def __init__(self, form, integers: bool = False) -> None:
        super().__init__()
        self.form = form
        self.left, self.right, self.after = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.fire = nn.ModuleList(neuron.IFNode(v_threshold=2.0) for _ in range(3))

    def forward(self, x):
        a, b = self.fire[0](self.left(x)), self.fire[1](self.right(x))
        return self.fire[2](self.after(self.form(a, b)))


def whole(module: nn.Module, seed: int = SEED) -> nn.Module:
    """Weights of -2 to 2, without biases."""
    generator = torch.Generator().manual_seed(seed)
    for each in module.modules():
        if isinstance(each, nn.Linear | nn.Conv1d | nn.Conv2d):
            each.weight.data = torch.randint(-2, 3, each.weight.shape, generator=generator).float()
            if each.bias is not None:
                each.bias.data.zero_()
    return module


def golden_equals(folder, module: nn.Module, shape: tuple[int, ...], steps: int) -> None:
    """Integers compute the spikes of ``module``, whose weights are small integers."""
    read = network(folder)
    program = quantize(read, Quantisation(weight_width=6, weight_fraction=1, steps=steps))
    spikes = np.random.default_rng(SEED + 1).random((6, steps, *shape)) < 0.3
    order = channels_last(shape) if len(shape) > 1 else np.arange(shape[0])
    observed = run_program(program, spikes.reshape(6, steps, -1)[..., order])[-1].spikes
    expected = outputs(module, trace(module, shape, "test"), spikes)
    back = channels_last(expected.shape[2:]) if expected.ndim > 3 else np.arange(expected.shape[-1])
    print(f"seed {SEED + 1}: {int(expected.sum())} of {expected.size} spikes are 1")
    np.testing.assert_array_equal(observed, expected.reshape(6, steps, -1)[..., back] > 0)
    assert 10 < expected.sum() < 0.9 * expected.size


@pytest.mark.parametrize("form", FORMS)
def test_forms(tmp_path, form):
    equal(tmp_path, spread(Block(FORMS[form]), 1.5), IMAGE)


@pytest.mark.parametrize("form", ["a + b", "a and b", "not a and b", "a and not b"])
def test_forms_in_integers(tmp_path, form):
    module = whole(Block(FORMS[form]))
    equal(tmp_path, module, IMAGE)
    golden_equals(tmp_path, module, IMAGE, 8)


@pytest.fixture
def sew(monkeypatch):
    """SpikingJelly's SEW ResNet, which imports torchvision for nothing but downloads."""
    download = types.ModuleType("torchvision._internally_replaced_utils")
    download.load_state_dict_from_url = None
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision._internally_replaced_utils", download)
    return importlib.import_module("spikingjelly.activation_based.model.sew_resnet")


@pytest.mark.parametrize("connect", ["ADD", "AND", "IAND"])
@pytest.mark.parametrize("name", ["BasicBlock", "Bottleneck"])
def test_blocks_of_sew_resnet(tmp_path, sew, name, connect):
    block = getattr(sew, name)
    wide = 4 * block.expansion
    down = nn.Sequential(layer.Conv2d(3, wide, 1, 2), layer.BatchNorm2d(wide))
    module = block(3, 4, 2, down, cnf=connect, spiking_neuron=neuron.LIFNode, v_threshold=0.5)
    module = nn.Sequential(module, layer.Conv2d(wide, 5, 3), neuron.IFNode())
    functional.set_step_mode(module, "m")
    done = equal(tmp_path, spread(module, 1.5), IMAGE)
    thresholds = [node.threshold.flat[0] for node in done.draft.nodes.values() if isinstance(node, nir.Threshold)]
    assert thresholds == {"ADD": [], "AND": [1.5], "IAND": [0.5]}[connect]


class Shortcut(nn.Module):
    """Pre-activation with a membrane shortcut: norms behind spikes' convolutions, sums of what drives neurons."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 3, 3, padding=1)
        self.convs = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1, bias=False) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(3) for _ in range(3))
        self.fires = nn.ModuleList(snn.Leaky(0.9, init_hidden=True) for _ in range(4))

    def forward(self, x):
        x = self.stem(x)
        for conv, norm, fire in zip(self.convs, self.norms, self.fires, strict=False):
            x = norm(conv(fire(x))) + x
        return self.fires[-1](x)


def test_a_sum_with_itself_behind_flatten(tmp_path):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.linear = nn.Conv2d(3, 3, 3), nn.Linear(48, 8)
            self.fire, self.last = neuron.IFNode(), neuron.IFNode()

        def forward(self, x):
            x = self.fire(self.conv(x)).flatten(1)
            return self.last(self.linear(x + x))

    equal(tmp_path, spread(Net()), IMAGE)


def test_membrane_shortcuts(tmp_path):
    equal(tmp_path, spread(Shortcut()), IMAGE)


@pytest.mark.parametrize("beta", [0.75, 1.0])
def test_potentials_that_equal_the_threshold(tmp_path, beta):
    """The gain that tau and r, of powers of ten, amount to is 1 to the bit: no spike at mem = threshold."""
    module = whole(nn.Sequential(nn.Conv2d(3, 3, 3), snn.Leaky(beta, threshold=2.0, init_hidden=True)))
    equal(tmp_path, module, IMAGE)
    if beta == 1:
        golden_equals(tmp_path, module, IMAGE, 8)


def test_blocks_of_ms_resnet_and_a_mean_over_places(tmp_path):
    """SpikingJelly's: neurons before convolutions, drives that pass them; the head's input is a mean."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            down = nn.Sequential(layer.Conv2d(4, 6, 1, 2), layer.BatchNorm2d(6))
            self.stem = nn.Sequential(layer.Conv2d(3, 4, 3, padding=1), layer.BatchNorm2d(4))
            self.blocks = nn.Sequential(_MSBlock(4, 4, 1, None), _MSBlock(4, 6, 2, down))
            self.fire = _MSBlock._make_lif()
            self.head = layer.Linear(6, 5)
            functional.set_step_mode(self, "m")

        def forward(self, x):
            if x.ndim != 5:
                raise ValueError(f"it takes [T, N, C, H, W], not {x.shape}")
            return self.head(self.fire(self.blocks(self.stem(x))).mean((-1, -2)))

    equal(tmp_path, spread(Net()), IMAGE)
