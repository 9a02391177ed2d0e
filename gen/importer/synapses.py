"""Linear modules, pooling and what only renumbers a signal, as nodes of NIR."""

from dataclasses import replace
from typing import Any

import nir
import numpy as np
import torch
from torch.nn.modules.utils import _pair

from ..readers.graph import NodeError
from .draft import SINGLE, Draft, Shape, Signal
from .registry import reads


def array(values: Any) -> np.ndarray:
    """A tensor or number as float64."""
    return torch.as_tensor(values).detach().to("cpu", torch.float64).numpy()


def zeros(signal: Signal, lead: Shape | None = None) -> torch.Tensor:
    """A tensor of the signal's shape, to see what becomes of it."""
    return torch.zeros(*(signal.lead if lead is None else lead), *signal.shape)


def biased(module: Any, count: int) -> np.ndarray:
    return np.zeros(count) if module.bias is None else array(module.bias)


@reads("torch.Linear", "spikingjelly.Linear")
def linear(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    if signal.shape[-1:] != (module.in_features,) or len(signal.shape) > 1:
        reason = f"it takes {module.in_features} values but gets a signal of shape {list(signal.shape)}"
        raise NodeError(reason, "flatten the signal before it" if len(signal.shape) > 1 else "make the two agree")
    node = nir.Affine(array(module.weight), biased(module, module.out_features))
    return draft.add(name, node, signal, shape=(module.out_features,))


@reads("torch.Conv1d", "torch.Conv2d", "spikingjelly.Conv1d", "spikingjelly.Conv2d")
def convolution(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    dimensions = module.weight.ndim - 2
    if module.padding_mode != "zeros":
        raise NodeError(f"its padding_mode is '{module.padding_mode}'", "use padding_mode='zeros'")
    if len(signal.shape) != dimensions + 1 or signal.shape[0] != module.in_channels:
        reason = f"it takes {module.in_channels} channels along {dimensions} axes but gets {list(signal.shape)}"
        raise NodeError(reason, "make the two agree")
    options: list[Any] = [module.stride, module.padding, module.dilation]
    if dimensions == 1:
        options = [each if isinstance(each, str) else each[0] for each in options]
    size: Any = signal.shape[1:] if dimensions == 2 else signal.shape[1]
    with torch.no_grad():
        x = torch.zeros(1, *signal.shape, dtype=module.weight.dtype, device=module.weight.device)
        shape = tuple(module._conv_forward(x, module.weight, module.bias).shape[1:])
    kind = nir.Conv2d if dimensions == 2 else nir.Conv1d
    node = kind(size, array(module.weight), *options, module.groups, biased(module, module.out_channels))
    return draft.add(name, node, signal, shape=shape)


@reads("torch.AvgPool2d", "spikingjelly.AvgPool2d")
def average_pool(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    padded = any(_pair(module.padding)) and not module.count_include_pad
    if module.ceil_mode or padded or module.divisor_override is not None:
        reason = "it uses ceil_mode, divisor_override, or padding that is not counted"
        raise NodeError(reason, "use the defaults of these")
    return _pooled(draft, name, nir.AvgPool2d, module, signal)


@reads("torch.MaxPool2d", "spikingjelly.MaxPool2d")
def max_pool(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """Of spikes: whether there is one in the window, so that their sum is at least 1."""
    if not signal.spikes:
        raise NodeError("it takes the maximum of a signal that is no spikes", "put it behind neurons, or use AvgPool2d")
    if module.ceil_mode or _pair(module.dilation) != (1, 1):
        raise NodeError("it uses ceil_mode or dilation", "use the defaults of these")
    total = _pooled(draft, f"{name}.sum", nir.SumPool2d, module, signal)
    return draft.add(name, nir.Threshold(np.full(total.shape, 0.5)), total, spikes=True)


@reads("torch.AdaptiveAvgPool2d", "spikingjelly.AdaptiveAvgPool2d")
def adaptive_pool(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    sizes = signal.shape[1:]
    wanted = tuple(size if out is None else out for size, out in zip(sizes, _pair(module.output_size), strict=True))
    if any(size % out for size, out in zip(sizes, wanted, strict=True)):
        raise NodeError(f"its output of {list(wanted)} does not divide {list(sizes)}", "use AvgPool2d")
    kernel = tuple(size // out for size, out in zip(sizes, wanted, strict=True))
    return average_pool(draft, name, torch.nn.AvgPool2d((kernel[0], kernel[1])), signal)


def _pooled(draft: Draft, name: str, kind: Any, module: Any, signal: Signal) -> Signal:
    if len(signal.shape) != 3:
        raise NodeError(f"it takes [channels, rows, columns] but gets {list(signal.shape)}", "make the two agree")
    kernel, stride, padding = (np.array(_pair(v)) for v in (module.kernel_size, module.stride, module.padding))
    rows = (np.array(signal.shape[1:]) + 2 * padding - kernel) // stride + 1
    shape = (signal.shape[0], *(int(n) for n in rows))
    return draft.add(name, kind(kernel, stride, padding), signal, shape=shape)


@reads("spikingjelly.VotingLayer")
def voting(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """The mean of each ``voting_size`` neurons."""
    size = module.voting_size
    if len(signal.shape) > 1 or signal.shape[0] % size:
        raise NodeError(f"its votes of {size} do not divide a signal of {list(signal.shape)}", "make the two agree")
    votes = np.kron(np.eye(signal.shape[0] // size), np.full((1, size), 1 / size))
    return draft.add(name, nir.Linear(votes), signal, shape=(len(votes),))


@reads("torch.Flatten", "spikingjelly.Flatten")
def flatten(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    stepwise = getattr(module, "step_mode", "s") == "m"  # SpikingJelly's own sees one step at a time
    lead = SINGLE if stepwise else signal.lead
    return reshaped(signal, zeros(signal, lead).flatten(module.start_dim, module.end_dim), lead)


def reshaped(signal: Signal, seen: torch.Tensor, lead: Shape) -> Signal:
    """``signal`` behind what made ``seen`` of a tensor of its shape behind ``lead``. Raises NodeError."""
    if tuple(seen.shape[: len(lead)]) != lead:
        raise NodeError("it joins values of different samples or steps", "leave the axes of time and batch as they are")
    return replace(signal, shape=tuple(seen.shape[len(lead) :]))


@reads("torch.Identity", "torch.Dropout", "torch.Dropout1d", "torch.Dropout2d", "spikingjelly.Dropout",
       "spikingjelly.Dropout2d")  # fmt: skip
def unchanged(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """What does nothing when a network is not being trained."""
    return signal


@reads("spikingjelly.Delay")
def delay(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """In steps, until :mod:`.write` knows how long a step is."""
    if not module.delay_steps:
        return signal
    node = nir.Delay(np.full(signal.shape, float(module.delay_steps)))
    return draft.add(name, node, signal, spikes=signal.spikes)


def pointwise(weight: np.ndarray, bias: np.ndarray, shape: Shape, groups: int = 1) -> nir.NIRNode:
    """``weight`` ``[outputs, inputs of a group]`` at each place of a signal of ``shape``."""
    if len(shape) == 1:
        return nir.Affine(weight, bias)
    if len(shape) == 2:
        return nir.Conv1d(shape[1], weight[:, :, None], 1, 0, 1, groups, bias)
    return nir.Conv2d(shape[1:], weight[:, :, None, None], 1, 0, 1, groups, bias)


def window(channels: int, sizes: Shape, kernel: Shape, padding: Shape, weight: float) -> nir.NIRNode:
    """Sums over windows of each channel, times ``weight``."""
    weights, zero = np.full((channels, 1, *kernel), weight), np.zeros(channels)
    if len(sizes) == 1:
        return nir.Conv1d(sizes[0], weights, 1, padding[0], 1, channels, zero)
    return nir.Conv2d(sizes, weights, 1, padding, 1, channels, zero)


def over_places(draft: Draft, name: str, signal: Signal, weight: float) -> Signal:
    """The sum of each channel over all places, times ``weight``: places of size 1 stay."""
    channels, *places = signal.shape
    sizes = tuple(places)
    node = window(channels, sizes, sizes, (0,) * len(sizes), weight)
    return draft.add(name, node, signal, shape=(channels, *(1 for _ in sizes)))
