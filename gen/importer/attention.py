"""Attention of spikes: SpikingJelly's modules as layers of neurons, and a node where NIR has none.

SpikingSelfAttention    Zhou et al., ICLR 2023 (Spikformer)
QKAttention             Zhou et al., NeurIPS 2024 (QKFormer)
"""

from dataclasses import replace
from typing import Any

import nir
import numpy as np

from .draft import Draft, Norm, Signal
from .extension import SelfAttention
from .forms import product
from .norms import line
from .registry import read_module, reads
from .synapses import array, biased, pointwise


@reads("spikingjelly.SpikingSelfAttention")
def self_attention(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """q, k and v are thirds of one convolution's channels; the attention of their spikes drives neurons."""
    query, key, value = _parts(draft, name, ("query", "key", "value"), module.qkv_conv_bn, module.qkv_lif, signal)
    names = (spikes.sources[0] for spikes in (query, key, value))
    node = SelfAttention(module.num_heads, float(module.scale), *names)
    attention = draft.add(f"{name}.attention", node, query, key, value)
    return _projected(draft, name, module, read_module(draft, f"{name}.attn_lif", module.attn_lif, attention))


@reads("spikingjelly.QKAttention", "spikingjelly.TokenQKAttention", "spikingjelly.ChannelQKAttention")
def qk_attention(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """Neurons of the sum of q, over a head's channels or over all places, let k through or hold it back."""
    query, key = _parts(draft, name, ("query", "key"), module.qk_conv_bn, module.qk_lif, signal)
    channels, places = signal.shape
    if module.qka_type == "token":
        heads = module.num_heads
        add_up = pointwise(np.ones((heads, channels // heads)), np.zeros(heads), signal.shape, heads)
        shape = (heads, places)
        spread = pointwise(np.ones((channels, 1)), np.zeros(channels), shape, heads)
    else:
        add_up, shape = _window(channels, places, places, 0), (channels, 1)
        spread = _window(channels, 1, places, places - 1)  # each place's window holds the one value once
    total = draft.add(f"{name}.sum", add_up, query, shape=shape)
    fired = read_module(draft, f"{name}.attn_lif", module.attn_lif, total)
    mask = replace(draft.add(f"{name}.mask", spread, fired, shape=signal.shape), spikes=True)
    return _projected(draft, name, module, product(draft, f"{name}.and", mask, key))


def _parts(
    draft: Draft, name: str, parts: tuple[str, ...], conv_and_norm: Any, neurons: Any, signal: Signal
) -> list[Signal]:
    """A convolution of kernel 1 and its norm, taken apart along its outputs, each part with neurons of its own."""
    conv, norm = conv_and_norm
    scale, bias = line(norm, conv.out_channels)
    weights, own = array(conv.weight)[:, :, 0], biased(conv, conv.out_channels)
    given = []
    for part, rows in zip(parts, np.split(np.arange(conv.out_channels), len(parts)), strict=True):
        node = pointwise(weights[rows], own[rows], signal.shape)
        drive = draft.add(f"{name}.{part}_conv", node, signal)
        drive = draft.add(f"{name}.{part}_bn", Norm(scale[rows], bias[rows]), drive)
        given.append(read_module(draft, f"{name}.{part}", neurons, drive))
    return given


def _projected(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    for part, each in zip(("proj_conv", "proj_bn"), module.proj_conv_bn, strict=True):
        signal = read_module(draft, f"{name}.{part}", each, signal)
    given: Signal = read_module(draft, f"{name}.proj_lif", module.proj_lif, signal)
    return given


def _window(channels: int, length: int, kernel: int, padding: int) -> nir.Conv1d:
    """Sums over windows of each channel."""
    return nir.Conv1d(length, np.ones((channels, 1, kernel)), 1, padding, 1, channels, np.zeros(channels))
