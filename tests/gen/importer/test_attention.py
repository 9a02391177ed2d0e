"""SpikingJelly's attention modules, as layers of neurons."""

import pytest
from spikingjelly.activation_based import layer, neuron
from torch import nn

from .modules import equal, spread
from .test_forms import golden_equals, whole

TOKENS, HEADS = (8, 5), 2


def qk(kind: str, **options: object) -> nn.Module:
    return nn.Sequential(layer.QKAttention(8, HEADS, kind, **options))


@pytest.mark.parametrize("kind", ["token", "channel"])
def test_qk_attention(tmp_path, kind):
    equal(tmp_path, spread(qk(kind), 2.0), TOKENS)


@pytest.mark.parametrize("kind", [layer.TokenQKAttention, layer.ChannelQKAttention])
def test_qk_attention_between_convolutions(tmp_path, kind):
    """Behind an image that forward flattens, with heads of one channel."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fire = layer.Conv2d(2, 4, 3, 2, step_mode="m"), neuron.IFNode(step_mode="m")
            self.attention, self.head = kind(4, 4), layer.Linear(36, 5, step_mode="m")

        def forward(self, x):
            x = self.fire(self.conv(x))
            x = x.flatten(3)
            x = self.attention(x) + x
            return self.head(x.flatten(2))

    equal(tmp_path, spread(Net(), 2.0), (2, 7, 7))


def integers(module: nn.Module) -> nn.Module:
    """Small integers for weights; norms that do nothing; neurons without a leak."""
    for each in whole(module).modules():
        if isinstance(each, nn.BatchNorm1d):
            each.running_var.fill_(1 - each.eps)
    return module


@pytest.mark.parametrize("kind", ["token", "channel"])
def test_qk_attention_in_integers(tmp_path, kind):
    module = integers(qk(kind, spiking_neuron=neuron.IFNode, v_threshold=2.0))
    equal(tmp_path, module, TOKENS)
    golden_equals(tmp_path, module, TOKENS, 8)


class SpikeDriven(nn.Module):
    """Attention whose input is a drive, which it adds to its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.attention = layer.Conv2d(2, 4, 3, step_mode="m"), layer.SpikeDrivenSelfAttention(4, HEADS)
        self.fire = neuron.LIFNode(step_mode="m")

    def forward(self, x):
        return self.fire(self.attention(self.conv(x)))


def test_spike_driven_self_attention(tmp_path):
    equal(tmp_path, spread(SpikeDriven(), 2.0), (2, 6, 5))
