"""The neuron family: formats, options and the arithmetic of one step, defined once.

A step of a leaky integrate-and-fire neuron is four leaf operations (Zhou et al. 2024, eqs 1-4):

    integrate   v = saturate(stored + sum of weights of the inputs that spiked + bias)
    fire        s = v >= threshold            (or v > threshold)
    settle      observed = v after the reset  (``same_step``), or v itself (``next_step``)
    renew       stored = what the next step starts from: decay and reset applied

With a synaptic current (CubaLIF) the weights are added to the current ``i``, and ``i`` to ``v``.
The leak is applied when a step ends, so that events of the next step are plain additions to memory.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .fixed import (
    Value,
    let,
    narrow,
    round_shift,
    select,
    shift_right,
    signed_max,
    signed_min,
    signed_width,
)

Comparison = Literal["greater", "greater_equal"]
Reset = Literal["hard", "soft", "none"]
ResetTiming = Literal["same_step", "next_step"]
CurrentTiming = Literal["same_step", "next_step"]


@dataclass(frozen=True)
class Keep:
    """No leak: the value stays (IF, I)."""

    kind: Literal["keep"] = "keep"
    factor_width = 0

    def apply(self, value: Value, factor: Value) -> Value:
        return value


@dataclass(frozen=True)
class Shift:
    """``v - (v >> amount)``: decay by ``1 - 2**-amount``, the shift rounding down; 0 clears the value."""

    amount: int
    kind: Literal["shift"] = "shift"
    factor_width = 0

    def apply(self, value: Value, factor: Value) -> Value:
        return value - shift_right(value, self.amount)


@dataclass(frozen=True)
class Multiply:
    """``v * factor / 2**fraction_bits`` rounded half up; ``factor`` in ``0 … 2**fraction_bits``."""

    fraction_bits: int
    kind: Literal["multiply"] = "multiply"

    @property
    def factor_width(self) -> int:
        return self.fraction_bits + 1

    def apply(self, value: Value, factor: Value) -> Value:
        return round_shift(value * factor, self.fraction_bits)


Decay = Keep | Shift | Multiply


@dataclass(frozen=True)
class Current:
    """Synaptic current state of a CubaLI or CubaLIF neuron.

    ``timing`` says whether the membrane integrates the current of this step (snnTorch, Norse) or of the
    one before.
    """

    width: int
    decay: Decay
    timing: CurrentTiming = "same_step"


@dataclass(frozen=True)
class NeuronModel:
    """Formats and options of a neuron population: what its hardware is built for.

    ``state_width`` and ``current.width`` are signed widths in bits of membrane potential and current;
    ``bias_width`` that of the bias added at every step. LIF: a decay; IF: :class:`Keep`; LI and I: the
    same with ``spiking=False``; Threshold: ``Shift(0)``; CubaLI and CubaLIF: with a ``current``.
    """

    state_width: int
    membrane_decay: Decay
    current: Current | None = None
    spiking: bool = True
    comparison: Comparison = "greater_equal"
    reset: Reset = "hard"
    reset_timing: ResetTiming = "same_step"
    bias_width: int = 1

    def parameter_shapes(self) -> dict[str, tuple[int, bool]]:
        """Names of the parameters that this model reads, each with its (width in bits, signed)."""
        shapes = {"bias": (self.bias_width, True)}
        if self.spiking:
            shapes["threshold"] = (self.state_width, True)
            if self.reset == "hard":
                shapes["reset_value"] = (self.state_width, True)
        if self.membrane_decay.factor_width:
            shapes["membrane_factor"] = (self.membrane_decay.factor_width, False)
        if self.current is not None:
            shapes["membrane_bias"] = (self.bias_width, True)
            if self.current.decay.factor_width:
                shapes["current_factor"] = (self.current.decay.factor_width, False)
        return shapes

    @property
    def integrator_width(self) -> int:
        """Width in bits of the state that weights are added to, once a step has ended."""
        return self.state_width if self.current is None else self.current.width

    def accumulator_range(self, fan_in: int, weight_width: int) -> tuple[int, int]:
        """Least and greatest sum of the integrator and the weights of ``fan_in`` spikes, the most of a step."""
        low, high = weight_range(weight_width)
        base = self.integrator_width
        return signed_min(base) + fan_in * low, signed_max(base) + fan_in * high

    def accumulator_width(self, fan_in: int, weight_width: int) -> int:
        """Width in bits of that sum, which therefore cannot overflow, whatever the weights."""
        return signed_width(*self.accumulator_range(fan_in, weight_width))


def weight_range(width: int) -> tuple[int, int]:
    """Least and greatest weight of ``width`` bits; one bit means -1 or +1."""
    return (-1, 1) if width == 1 else (signed_min(width), signed_max(width))


def integrate(total: Value, width: int) -> tuple[Value, Value]:
    """``total`` of stored state, drive and bias, saturated to ``width`` bits; and whether it had to be."""
    return narrow(total, width, "integrated")


def fire(model: NeuronModel, v: Value, threshold: Value) -> Value:
    """Whether the neuron spikes at membrane potential ``v``."""
    return let(v > threshold if model.comparison == "greater" else v >= threshold, "spike")


def after_reset(model: NeuronModel, v: Value, spike: Value, threshold: Value, reset_value: Value) -> Value:
    """``v`` with the reset of a spike applied."""
    if not model.spiking or model.reset == "none":
        return v
    return let(select(spike, reset_value if model.reset == "hard" else v - threshold, v), "settled", model.state_width)


def observe(model: NeuronModel, v: Value, settled: Value) -> Value:
    """Membrane potential at the end of the step, as a user of the framework sees it."""
    return settled if model.reset_timing == "same_step" else v


def renew(model: NeuronModel, v: Value, settled: Value, spike: Value, threshold: Value, factor: Value) -> Value:
    """Membrane potential that the next step starts from.

    A hard reset, and a soft one in the ``same_step``, act before the decay; a soft one in the
    ``next_step`` subtracts the whole threshold after it (snnTorch's ``reset_delay=True``).
    """
    if model.spiking and model.reset == "soft" and model.reset_timing == "next_step":
        return model.membrane_decay.apply(v, factor) - select(spike, threshold, 0)
    return model.membrane_decay.apply(settled, factor)


def parameter_error(
    model: NeuronModel, parameters: dict[str, np.ndarray], neurons: int, channels: int | None = None
) -> str | None:
    """Why ``parameters`` do not fit ``model``, or None: the names, shapes and ranges are checked."""
    legal = ((), (neurons,)) if channels in (None, neurons) else ((), (neurons,), (channels,))
    shapes = model.parameter_shapes()
    if parameters.keys() != shapes.keys():
        return f"Parameters must be {sorted(shapes)}, not {sorted(parameters)}"
    for name, (width, signed) in shapes.items():
        array = parameters[name]
        if array.shape not in legal:
            return f"Parameter {name} must have shape {' or '.join(map(str, legal))}, not {array.shape}"
        low, high = (signed_min(width), signed_max(width)) if signed else (0, (1 << width) - 1)
        if array.min() < low or array.max() > high:
            return f"Parameter {name} must lie in {low}..{high} ({width} bits), not {array.min()}..{array.max()}"
    if model.spiking and model.reset == "soft" and parameters["threshold"].min() < 0:
        return f"Threshold must not be negative with a soft reset, not {parameters['threshold'].min()}"
    return None
