"""What forward does with signals beside calling modules: sums, products, shapes.

A product of spikes is a Threshold node behind a sum (SEW's AND and IAND: Fang et al., NeurIPS 2021, table 1):

    a * b               a + b > 1.5
    (1 - a) * b         b - a > 0.5
    (1 - a) * (1 - b)   -a - b > -0.5
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import nir
import numpy as np
import torch

from ..readers.graph import NodeError
from .draft import MERGED, MULTI, SINGLE, Draft, Norm, Signal
from .extension import Upsample2d
from .registry import read_module, reads
from .synapses import array, over_places, reshaped, zeros

Form = Callable[..., Any]
F = TypeVar("F", bound=Form)
_FORMS: dict[str, Form] = {}


@dataclass(frozen=True)
class Complement:
    """1 - spikes, until it is known what it is for."""

    spikes: Signal


def forms(*names: str) -> Callable[[F], F]:
    """Enter a function ``(draft, name, *arguments)`` for functions and methods of these names."""

    def enter(function: F) -> F:
        _FORMS.update(dict.fromkeys(names, function))
        return function

    return enter


def apply(draft: Draft, name: str, target: str | Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a function or method called in forward gives. Raises NodeError."""
    called = target if isinstance(target, str) else target.__name__
    args += tuple(kwargs.pop(named) for named in ("input", "other") if named in kwargs)
    listed = [value for each in args if isinstance(each, tuple | list) for value in each]
    if not any(isinstance(value, Signal | Complement) for value in (*args, *listed)):
        return target(*args, **kwargs) if callable(target) else getattr(args[0], target)(*args[1:], **kwargs)
    if called not in _FORMS or (listed and isinstance(listed[0], Signal)):
        remedy = "use modules, sums, products of spikes, constants, and what flattens"
        raise NodeError(f"{called} of a signal is not read", remedy)
    return _FORMS[called](draft, name, *args, **kwargs)


@forms("add", "add_", "iadd")
def _add(draft: Draft, name: str, a: Any, b: Any) -> Signal:
    a, b = (plain(draft, name, value) for value in (a, b))
    if isinstance(a, Signal) and isinstance(b, Signal):
        return draft.summed(name, a, b)
    signal, constant = (a, b) if isinstance(a, Signal) else (b, a)
    return _moved(draft, name, signal, constant)


@forms("sub", "sub_", "isub")
def _sub(draft: Draft, name: str, a: Any, b: Any) -> Signal | Complement:
    if isinstance(b, Signal) and b.spikes and not isinstance(a, Signal | Complement) and np.all(array(a) == 1):
        return Complement(b)
    b = plain(draft, name, b)
    b = scaled(draft, f"{name}.minus", b, -1.0) if isinstance(b, Signal) else -array(b)
    return _add(draft, name, a, b)


@forms("rsub")
def _rsub(draft: Draft, name: str, a: Any, b: Any) -> Signal | Complement:
    return _sub(draft, name, b, a)


@forms("neg")
def _neg(draft: Draft, name: str, a: Any) -> Signal:
    return scaled(draft, name, plain(draft, name, a), -1.0)


@forms("mul", "mul_", "imul", "multiply")
def _mul(draft: Draft, name: str, a: Any, b: Any) -> Signal:
    factors = [value for value in (a, b) if isinstance(value, Signal | Complement)]
    if len(factors) == 2:
        return product(draft, name, *factors)
    (constant,) = (value for value in (a, b) if value is not factors[0])
    return scaled(draft, name, plain(draft, name, factors[0]), constant)


@forms("truediv", "div", "itruediv")
def _div(draft: Draft, name: str, a: Any, b: Any) -> Signal:
    if isinstance(b, Signal | Complement):
        raise NodeError("it divides by a signal", "divide by constants only")
    return scaled(draft, name, plain(draft, name, a), 1 / array(b))


def product(draft: Draft, name: str, *factors: Signal | Complement) -> Signal:
    """Of spikes: the neurons of a Threshold node fire where all factors are 1. Raises NodeError."""
    signals = []
    for place, factor in enumerate(factors):
        spikes = factor.spikes if isinstance(factor, Complement) else factor
        if not isinstance(spikes, Signal) or not spikes.spikes:
            raise NodeError("it multiplies signals that are not both spikes", "put neurons before it, or add them")
        minus = isinstance(factor, Complement)
        signals.append(scaled(draft, f"{name}.not_{place}", spikes, -1.0) if minus else spikes)
    needed = sum(isinstance(factor, Signal) for factor in factors) - 0.5
    return draft.add(name, nir.Threshold(np.full(signals[0].shape, needed)), *signals, spikes=True)


def scaled(draft: Draft, name: str, signal: Signal, factor: Any) -> Signal:
    """``factor``: a number, or a tensor that broadcasts to the signal."""
    return draft.add(name, nir.Scale(_broadcast(factor, signal).copy()), signal)


def _moved(draft: Draft, name: str, signal: Signal, constant: Any) -> Signal:
    values = _broadcast(constant, signal).reshape(signal.shape[0], -1)
    if np.ptp(values, axis=1).any():
        raise NodeError("it adds a constant that differs within a channel", "add one value for each channel")
    return draft.add(name, Norm(np.ones(len(values)), values[:, 0].copy()), signal)


def _broadcast(constant: Any, signal: Signal) -> np.ndarray:
    values = array(constant)
    while values.ndim > len(signal.shape) and values.shape[0] == 1:
        values = values[0]
    try:
        return np.broadcast_to(values, signal.shape)
    except ValueError:
        reason = f"a constant of shape {list(values.shape)} meets a signal of {list(signal.shape)}"
        raise NodeError(reason, "make the constant broadcast to the signal, without batch and time") from None


def plain(draft: Draft, name: str, value: Any) -> Any:
    """``value``; a complement becomes a signal of its own."""
    if not isinstance(value, Complement):
        return value
    return _moved(draft, f"{name}.one", scaled(draft, f"{name}.not", value.spikes, -1.0), 1.0)


@forms("getattr")
def _attribute(draft: Draft, name: str, signal: Signal, attribute: str) -> Any:
    if attribute not in ("dtype", "device"):
        raise NodeError(f"its forward reads {attribute} of a signal", "read its shape only")
    return getattr(zeros(signal), attribute)


def _reshaping(called: str) -> Form:
    def form(draft: Draft, name: str, signal: Signal, *args: Any, **kwargs: Any) -> Signal:
        seen = getattr(zeros(signal), called)(*args, **kwargs)
        for lead in (MULTI, MERGED) if draft.lead == MULTI else (SINGLE,):
            if tuple(seen.shape[: len(lead)]) == lead:
                return replace(reshaped(signal, seen, lead), lead=lead)
        raise NodeError("it joins values of different samples or steps", "leave the axes of time and batch as they are")

    return form


_FORMS |= {called: _reshaping(called) for called in ("flatten", "unflatten", "view", "reshape", "squeeze")}


@forms("contiguous", "clone", "detach", "float", "double", "to")
def _same(draft: Draft, name: str, signal: Signal, *args: Any, **kwargs: Any) -> Signal:
    return signal


@forms("dropout")
def _dropout(
    draft: Draft, name: str, signal: Signal, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Signal:
    if training:
        raise NodeError("it drops values even outside of training", "give dropout training=self.training")
    return signal


@forms("mean")
def _mean(draft: Draft, name: str, signal: Signal, dim: Any = None, keepdim: bool = False) -> Signal:
    return _over_places(draft, name, signal, dim, keepdim, 1 / int(np.prod(signal.shape[1:])))


@forms("sum")
def _sum(draft: Draft, name: str, signal: Signal, dim: Any = None, keepdim: bool = False) -> Signal:
    return _over_places(draft, name, signal, dim, keepdim, 1.0)


def _over_places(draft: Draft, name: str, signal: Signal, dim: Any, keepdim: bool, weight: float) -> Signal:
    """Of each channel. Raises NodeError."""
    axes = range(len(signal.lead) + len(signal.shape))
    given = sorted(axes[axis] for axis in ([dim] if isinstance(dim, int) else dim or []))
    if not given or given != list(axes[len(signal.lead) + 1 :]):
        reason = f"it adds up the axes {given} of {len(signal.lead)} for time and batch and {list(signal.shape)}"
        raise NodeError(reason, "add up all places of an image, and steps outside of the network")
    total = over_places(draft, name, signal, weight)
    return total if keepdim else replace(total, shape=signal.shape[:1])


def _as_module(kind: type[torch.nn.Module]) -> Form:
    def form(draft: Draft, name: str, signal: Signal, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("antialias", None)  # of downsampling
        return read_module(draft, name, kind(*args, **kwargs), signal)

    return form


_FORMS |= {
    "avg_pool2d": _as_module(torch.nn.AvgPool2d),
    "max_pool2d": _as_module(torch.nn.MaxPool2d),
    "interpolate": _as_module(torch.nn.Upsample),
}


@reads("torch.Upsample", "torch.UpsamplingNearest2d", "spikingjelly.Upsample")
def upsample(draft: Draft, name: str, module: Any, signal: Signal) -> Signal:
    """Nearest, by whole factors."""
    if module.mode not in ("nearest", "nearest-exact") or len(signal.shape) != 3:
        reason = f"its mode is '{module.mode}' for a signal of shape {list(signal.shape)}"
        raise NodeError(reason, "use mode='nearest' for [channels, rows, columns]")
    seen = torch.nn.functional.interpolate(zeros(signal, SINGLE), module.size, module.scale_factor, module.mode)
    shape = tuple(seen.shape[1:])
    if any(after % before for after, before in zip(shape, signal.shape, strict=True)):
        raise NodeError(f"it makes {list(shape)} of {list(signal.shape)}", "use a whole factor")
    factor = np.array([after // before for after, before in zip(shape[1:], signal.shape[1:], strict=True)])
    return draft.add(name, Upsample2d(factor), signal, shape=shape, spikes=signal.spikes)
