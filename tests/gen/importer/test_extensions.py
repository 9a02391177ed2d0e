"""Delays, upsampling and self-attention: nodes that NIR gives no simulator, or does not have."""

import h5py
import numpy as np
import pytest
import snntorch as snn
import torch
from spikingjelly.activation_based import functional, layer, neuron
from spikingjelly.activation_based.model.spikformer import SpikformerBlock
from torch import nn

from .modules import equal, spread
from .test_attention import HEADS, TOKENS, integers
from .test_forms import golden_equals

IMAGE = (2, 5, 6)


def fire() -> nn.Module:
    return snn.Leaky(0.9, init_hidden=True)


@pytest.mark.parametrize("mode", "sm")
def test_delays(tmp_path, mode):
    """Of the input, of spikes beside others that are not delayed, and none."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.now, self.then, self.never = layer.Delay(2), layer.Delay(3), layer.Delay(0)
            self.conv, self.head = layer.Conv2d(2, 2, 3, padding=1), layer.Conv2d(2, 3, 3)
            self.fire, self.last = neuron.IFNode(), neuron.IFNode()
            functional.set_step_mode(self, mode)

        def forward(self, x):
            x = self.fire(self.conv(self.now(x)))
            return self.last(self.head(self.then(x) + self.never(x)))

    done = equal(tmp_path, spread(Net(), 1.5), IMAGE, 12)
    np.testing.assert_array_equal(done.draft.nodes["now"].delay, np.full(IMAGE, 2.0))
    with h5py.File(tmp_path / "net.nir") as file:
        np.testing.assert_allclose(file["node/nodes/then/delay"], np.full(IMAGE, 3e-4), rtol=1e-12)


class Interpolated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fire = nn.Conv2d(2, 3, 3), fire()

    def forward(self, x):
        return self.fire(self.conv(torch.nn.functional.interpolate(x, scale_factor=(2, 3))))


UPSAMPLING = {
    "function": lambda: Interpolated(),
    "factor": lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3), fire(), nn.Upsample(scale_factor=2), nn.Conv2d(3, 4, 3), fire()
    ),
    "size": lambda: nn.Sequential(nn.Upsample(size=(10, 18)), nn.Conv2d(2, 4, 3, 2), fire()),
}


@pytest.mark.parametrize("case", UPSAMPLING)
def test_upsampling(tmp_path, case):
    equal(tmp_path, spread(UPSAMPLING[case]()), IMAGE)


def attention(**options: object) -> nn.Module:
    """Of more than its eighth, as there are few tokens."""
    module = layer.SpikingSelfAttention(8, HEADS, **options)
    module.scale = 0.5
    return nn.Sequential(module)


def test_self_attention(tmp_path):
    equal(tmp_path, spread(attention(), 3.0), TOKENS)


def test_self_attention_in_integers(tmp_path):
    module = integers(attention(spiking_neuron=neuron.IFNode, v_threshold=2.0))
    equal(tmp_path, module, TOKENS)
    golden_equals(tmp_path, module, TOKENS, 8)


def test_blocks_of_spikformer(tmp_path):
    """SpikingJelly's, of images as tokens; a mean over them, and a head."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.fire = layer.Conv2d(2, 4, 3, padding=1), neuron.LIFNode(v_threshold=0.5)
            self.blocks = nn.Sequential(SpikformerBlock(4, 2, 2.0), SpikformerBlock(4, 1, 1.0))
            self.head = layer.Linear(4, 3)
            functional.set_step_mode(self, "m")

        def forward(self, x):
            return self.head(self.blocks(self.fire(self.stem(x))).flatten(3).mean(dim=-1))

    equal(tmp_path, spread(Net(), 2.0), IMAGE)


def test_self_attention_node_is_what_the_module_computes(tmp_path):
    """The definition in docs/import.md, against SpikingJelly's kernel."""
    rng = np.random.default_rng(1)
    query, key, value = (rng.random((8, 5)) < 0.5 for _ in range(3))
    heads = np.arange(8) // (8 // HEADS)
    expected = np.zeros((8, 5))
    for c in range(8):
        inside = heads == heads[c]
        for n in range(5):
            expected[c, n] = sum((query[inside, n] & key[inside, m]).sum() * value[c, m] for m in range(5)) / 8
    qkv = torch.from_numpy(np.stack([query, key, value]).astype(float)).reshape(1, 1, 3, HEADS, 8 // HEADS, 5)
    computed = layer.SpikingSelfAttention._ssa_kernel_torch(qkv, 0.125).reshape(8, 5)
    np.testing.assert_array_equal(computed.numpy(), expected)
    assert expected.any()
