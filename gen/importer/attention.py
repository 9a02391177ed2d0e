"""Attention of spikes: SpikingJelly's modules as layers of neurons, and a node where NIR has none.

SpikingSelfAttention is that of Spikformer (Zhou et al., ICLR 2023), QKAttention that of QKFormer (Zhou et al., NeurIPS
2024), SpikeDrivenSelfAttention that of the Spike-driven Transformer (Yao et al., NeurIPS 2023).
"""

from dataclasses import replace
from typing import Any

import numpy as np

from .draft import Draft, Norm, Signal
from .extension import SelfAttention
from .forms import product
from .norms import line
from .registry import read_module, reads
from .synapses import array, biased, over_places, pointwise, window


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
    if module.qka_type == "token":
        heads, channels = module.num_heads, signal.shape[0]
        add_up = pointwise(np.ones((heads, channels // heads)), np.zeros(heads), signal.shape, heads)
        total = draft.add(f"{name}.sum", add_up, query, shape=(heads, *signal.shape[1:]))
        fired = read_module(draft, f"{name}.attn_lif", module.attn_lif, total)
        spread = pointwise(np.ones((channels, 1)), np.zeros(channels), total.shape, heads)
        mask = replace(draft.add(f"{name}.mask", spread, fired, shape=signal.shape), spikes=True)
    else:
        mask = _mask_of_channels(draft, name, module.attn_lif, query)
    return _projected(draft, name, module, product(draft, f"{name}.and", mask, key))


@reads("spikingjelly.SpikeDrivenSelfAttention")
def spike_driven_attention(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """Neurons of the sum of k AND v over all places let q through or hold it back."""
    given = read_module(draft, f"{name}.shortcut_lif", module.shortcut_lif, signal)

    def through(drive: Signal, *parts: str) -> Signal:
        for part in parts:
            drive = read_module(draft, f"{name}.{part}", getattr(module, part), drive)
        return drive

    query, key, value = (through(given, f"{part}_conv", f"{part}_bn", f"{part}_lif") for part in "qkv")
    mask = _mask_of_channels(draft, name, module.attn_lif, product(draft, f"{name}.kv", key, value))
    drive = through(product(draft, f"{name}.and", query, mask), "proj_conv", "proj_bn")
    return draft.summed(name, drive, signal)


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


def _mask_of_channels(draft: Draft, name: str, neurons: Any, signal: Signal) -> Signal:
    """Spikes of ``neurons``, one for each channel, which hear it at all places, at all places."""
    places = signal.shape[1:]
    total = over_places(draft, f"{name}.sum", signal, 1.0)
    fired = read_module(draft, f"{name}.attn_lif", neurons, total)
    # The window of each place holds the one value once.
    spread = window(signal.shape[0], total.shape[1:], places, tuple(size - 1 for size in places), 1.0)
    return replace(draft.add(f"{name}.mask", spread, fired, shape=signal.shape), spikes=True)
