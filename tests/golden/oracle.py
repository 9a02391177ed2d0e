"""The neuron family in exact fractions, written from the equations; shares nothing with ``ranvier.golden``.

It reads a :class:`Lif` as a plain description. Here the leak opens a step, as in the frameworks;
golden and the hardware apply it when the step before ends. Integers are what is left after each rounding.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from ranvier.golden.neurons.leak import Keep, Multiply, Shift, Shifts
from ranvier.golden.neurons.lif import Lif


def nearest(value: Fraction) -> int:
    """Nearest integer, halves upwards."""
    return floor(value + Fraction(1, 2))


def limited(value: int, width: int) -> int:
    """The closest number that ``width`` bits in two's complement hold."""
    half = 2 ** (width - 1)
    return min(max(value, -half), half - 1)


def leaked(decay, value: int, factor: int) -> int:
    """One time step of exponential decay."""
    match decay:
        case Keep():
            return value
        case Shift(amount=amount):
            return value - floor(Fraction(value, 2**amount))
        case Shifts(amounts=amounts):
            return value - floor(sum(Fraction(value, 2**amount) for amount in amounts))
        case Multiply(fraction_bits=bits):
            return nearest(Fraction(value * factor, 2**bits))


@dataclass(frozen=True)
class State:
    """What a neuron remembers: membrane at the end of the step (after a reset of the same step), whether it
    spiked, the synaptic current, and for how many further steps it rests."""

    membrane: int = 0
    spiked: bool = False
    current: int = 0
    rests: int = 0


@dataclass(frozen=True)
class Step:
    """What is seen of one step, and the state that it leaves."""

    spike: bool
    membrane: int
    saturated: bool
    state: State


def opening(model: Lif, parameters: dict[str, int], state: State) -> int:
    """The membrane potential that a step starts from: leak and delayed reset applied."""
    membrane = state.membrane
    delayed = state.spiked and model.reset_timing == "next_step"
    if delayed and model.reset == "hard":
        membrane = parameters["reset_value"]
    v = leaked(model.membrane_decay, membrane, parameters.get("membrane_factor", 0))
    if delayed and model.reset == "soft":
        v -= parameters["threshold"]
    if model.current is not None and model.current.timing == "next_step":
        v += state.current
    return v


def step(model: Lif, parameters: dict[str, int], state: State, drive: int) -> Step:
    """One time step with ``drive``, the sum of the weights of the inputs that spiked."""
    width, current = model.state_width, model.current
    v, i, sums = opening(model, parameters, state), 0, []
    if current is None:
        sums.append((v + drive + parameters["bias"], width))
    else:
        leak = leaked(current.decay, state.current, parameters.get("current_factor", 0))
        sums.append((leak + drive + parameters["bias"], current.width))
        i = limited(*sums[0])
        # the current of the step before joined when that step ended, and was limited there
        v = limited(v, width) if current.timing == "next_step" else v + i
        sums.append((v + parameters["membrane_bias"], width))
    v = limited(*sums[-1])

    spike, rests = False, max(state.rests - 1, 0)
    if state.rests:
        v = parameters["reset_value"]
    elif model.spiking:
        spike = v > parameters["threshold"] if model.comparison == "greater" else v >= parameters["threshold"]
    if spike and model.reset_timing == "same_step":
        if model.reset == "hard":
            v = parameters["reset_value"]
        elif model.reset == "soft":
            v -= parameters["threshold"]
    after = State(v, spike, i, model.refractory if spike else rests)
    if current is not None and current.timing == "next_step":
        sums.append((opening(model, parameters, after), width))
    return Step(spike, v, any(limited(*total) != total[0] for total in sums), after)
