"""Training through a model's own step: on real numbers in torch, whose spikes have a surrogate gradient.

Of tensors of floats, nothing is rounded or limited (:func:`.fixed.is_real`), a potential that reaches a threshold gives
a :class:`Condition`, 0 or 1 with a gradient, and ``select`` goes from one side to the other along it. So every neuron
model is trained by the arithmetic that its hardware computes, whatever it does with its spikes.
"""

from typing import Any

import torch

from . import torch_arith  # noqa: F401  tensors join the arithmetic
from .fixed import Value, reaches, select

SLOPE = 2.0  # of the surrogate, the derivative of atan(pi/2 * SLOPE * x) / pi (Fang et al. 2021)


class Condition(torch.Tensor):
    """0 where it does not hold and 1 where it does, float; ``&`` and ``|`` as those of probabilities."""

    def __and__(self, other: Any) -> "Condition":
        return _condition(plain(self) * plain(other))

    def __or__(self, other: Any) -> "Condition":
        a, b = plain(self), plain(other)
        return _condition(a + b - a * b)

    __rand__, __ror__ = __and__, __or__


class _Step(torch.autograd.Function):
    """1 from 0 on, or above; backwards the surrogate's derivative."""

    @staticmethod
    def forward(context: Any, distance: torch.Tensor, strictly: bool) -> torch.Tensor:
        context.save_for_backward(distance)
        return (distance > 0 if strictly else distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> Any:
        (distance,) = context.saved_tensors
        return gradient * SLOPE / 2 / (1 + (torch.pi / 2 * SLOPE * distance) ** 2), None


def plain(value: Any) -> torch.Tensor:
    """``value``, a condition of any kind too, as a tensor of floats."""
    tensor = torch.as_tensor(value)
    return (tensor if tensor.is_floating_point() else tensor.to(torch.get_default_dtype())).as_subclass(torch.Tensor)


def _condition(value: torch.Tensor) -> Condition:
    return value.as_subclass(Condition)


@reaches.register
def _(v: torch.Tensor, threshold: Value, strictly: bool) -> Value:
    if not v.is_floating_point():
        return v > threshold if strictly else v >= threshold
    fired: torch.Tensor = _Step.apply(v - threshold, strictly)  # type: ignore[no-untyped-call]
    return _condition(fired)


@select.register
def _(condition: Condition, if_true: Value, if_false: Value) -> torch.Tensor:
    held, otherwise = plain(condition), plain(if_false)
    return otherwise + held * (plain(if_true) - otherwise)
