"""Leaky integrate-and-fire and its kin: IF, LIF, LI, CubaLI, CubaLIF, Threshold.

A step of a leaky integrate-and-fire neuron is four leaf operations (Zhou et al. 2024, eqs 1-4):

    integrate   v = saturate(stored + sum of weights of the inputs that spiked + bias)
    fire        s = v >= threshold            (or v > threshold)
    settle      observed = v after the reset  (``same_step``), or v itself (``next_step``)
    renew       stored = what the next step starts from: decay and reset applied

With a synaptic current (CubaLIF) the weights are added to the current ``i``, and ``i`` to ``v``.
The leak is applied when a step ends, so that events of the next step are plain additions to memory.
For ``refractory`` steps after a spike the potential stays at the reset value, whatever arrives.
"""

from dataclasses import dataclass
from typing import Literal

from ..fixed import Value, cut, let, narrow, reaches, select, signed_max
from .leak import Decay, Multiply
from .neuron import Format, Inputs, Neuron, Outputs

Comparison = Literal["greater", "greater_equal"]
Reset = Literal["hard", "soft", "none"]
ResetTiming = Literal["same_step", "next_step"]
CurrentTiming = Literal["same_step", "next_step"]


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
class Lif(Neuron, kind="lif"):
    """Formats and options of a population.

    ``current.width``: signed bits of the current. LIF: a decay; IF: :class:`.leak.Keep`; LI and I: the
    same with ``spiking=False``; Threshold: ``Shift(0)``; CubaLI and CubaLIF: with a ``current``. Raises ValueError
    for a ``refractory`` period without a hard reset in the step of the spike.
    """

    state_width: int
    membrane_decay: Decay
    current: Current | None = None
    spiking: bool = True
    comparison: Comparison = "greater_equal"
    reset: Reset = "hard"
    reset_timing: ResetTiming = "same_step"
    bias_width: int = 1
    refractory: int = 0

    def __post_init__(self) -> None:
        settles = self.spiking and self.reset == "hard" and self.reset_timing == "same_step"
        if self.refractory < 0 or (self.refractory and not settles):
            raise ValueError(
                "A refractory period must be 0 or more steps after a hard reset in the same step, not"
                f" {self.refractory} with {self.reset} in the {self.reset_timing.replace('_', ' ')}"
            )

    def parameter_shapes(self) -> dict[str, Format]:
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
        return self.state_width if self.current is None else self.current.width

    def states(self) -> dict[str, Format]:
        states = {} if self.current is None else {"membrane": (self.state_width, True)}
        return states | ({"resting": (self.refractory.bit_length(), False)} if self.refractory else {})

    def ranges(self) -> dict[str, tuple[int, int]]:
        ranges = super().ranges()
        decays = {"membrane_factor": self.membrane_decay}
        if self.current is not None:
            decays["current_factor"] = self.current.decay
        ranges |= {name: (0, 1 << each.fraction_bits) for name, each in decays.items() if isinstance(each, Multiply)}
        return ranges | ({"threshold": (0, signed_max(self.state_width))} if self.soft else {})

    @property
    def soft(self) -> bool:
        """Whether a spike subtracts the threshold."""
        return self.spiking and self.reset == "soft"

    def step(self, given: Inputs) -> Outputs:
        if self.current is None:
            v, spike, state = self._fired(given.integrated, given)
            v, spike = cut(v, spike)
            settled = self._settled(v, spike, given)
            if isinstance(self.membrane_decay, Multiply):
                settled, v, spike = cut(settled, v, spike)
            renewed = self._renewed(v, settled, spike, given)
            return Outputs(renewed, spike, observe(self, v, settled), state=state)
        return self._with_current(self.current, given)

    def _with_current(self, current: Current, given: Inputs) -> Outputs:
        i, width = cut(given.integrated), self.state_width
        push = i if current.timing == "same_step" else 0
        total = cut(let(given.state["membrane"] + push + given.parameters["membrane_bias"], "membrane_total"))
        v, saturated = narrow(total, width, "membrane")
        v, spike, state = self._fired(v, given)
        v, spike, saturated = cut(v, spike, saturated)
        settled, v, i = cut(self._settled(v, spike, given), v, i)
        i_factor = given.parameters.get("current_factor", 0)
        decayed = let(current.decay.apply(i, i_factor), "current_decayed", current.width)
        renewed = self._renewed(v, settled, spike, given)
        if current.timing == "next_step":
            renewed, decayed, i = cut(renewed, decayed, i)
            renewed, overflow = narrow(let(renewed + i, "pushed_total"), width, "pushed")
            saturated = saturated | overflow
        return Outputs(decayed, spike, observe(self, v, settled), saturated, state | {"membrane": renewed})

    def _fired(self, v: Value, given: Inputs) -> tuple[Value, Value, dict[str, Value]]:
        """The membrane potential, held while the neuron rests; the spike; and for how long it rests."""
        if not self.spiking:
            return v, False, {}
        threshold = given.parameters["threshold"]
        if not self.refractory:
            return v, fire(self, v, threshold), {}
        resting = given.state["resting"]
        rests = let(resting != 0, "rests")
        v = let(select(rests, given.parameters["reset_value"], v), "held", self.state_width)
        spike = let(fire(self, v, threshold) & (resting == 0), "awake")
        left = select(rests, resting - 1, 0)
        left = let(select(spike, self.refractory, left), "left", self.refractory.bit_length() + 1)
        return v, spike, {"resting": left}

    def _settled(self, v: Value, spike: Value, given: Inputs) -> Value:
        threshold, reset_value = (given.parameters.get(name, 0) for name in ("threshold", "reset_value"))
        return after_reset(self, v, spike, threshold, reset_value)

    def _renewed(self, v: Value, settled: Value, spike: Value, given: Inputs) -> Value:
        threshold, factor = (given.parameters.get(name, 0) for name in ("threshold", "membrane_factor"))
        return let(renew(self, v, settled, spike, threshold, factor), "renewed", self.state_width)


def integrate(total: Value, width: int) -> tuple[Value, Value]:
    """``total`` of stored state, drive and bias, saturated to ``width`` bits; and whether it had to be."""
    return narrow(total, width, "integrated")


def fire(model: Lif, v: Value, threshold: Value) -> Value:
    """Whether the neuron spikes at membrane potential ``v``."""
    return let(reaches(v, threshold, model.comparison == "greater"), "spike")


def after_reset(model: Lif, v: Value, spike: Value, threshold: Value, reset_value: Value) -> Value:
    """``v`` with the reset of a spike applied."""
    if not model.spiking or model.reset == "none":
        return v
    return let(select(spike, reset_value if model.reset == "hard" else v - threshold, v), "settled", model.state_width)


def observe(model: Lif, v: Value, settled: Value) -> Value:
    """Membrane potential at the end of the step, as a user of the framework sees it."""
    return settled if model.reset_timing == "same_step" else v


def renew(model: Lif, v: Value, settled: Value, spike: Value, threshold: Value, factor: Value) -> Value:
    """Membrane potential that the next step starts from.

    A hard reset, and a soft one in the ``same_step``, act before the decay; a soft one in the
    ``next_step`` subtracts the whole threshold after it (snnTorch's ``reset_delay=True``).
    """
    if model.soft and model.reset_timing == "next_step":
        return model.membrane_decay.apply(v, factor) - select(spike, threshold, 0)
    return model.membrane_decay.apply(settled, factor)
