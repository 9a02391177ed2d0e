"""State widths that cannot overflow, by interval arithmetic over the integer step.

Starting from zero, the interval that a membrane potential (or synaptic current) can lie in is carried through
``steps`` steps, with every input free to spike or not at each. The steps of :mod:`ranvier.golden.neurons.lif` are
monotone in the state, so that the ends of the interval are enough.
"""

from dataclasses import dataclass

import numpy as np

from ranvier.golden.fixed import signed_width
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.program import Connection, spread
from ranvier.golden.synapse import bounds

WIDE = 24  # bits of state that a model gets by itself
_FAR = 1 << 48  # bounds beyond it fit no state; they are not followed any further


@dataclass(frozen=True)
class Widths:
    """Bits of membrane potential and of synaptic current (None without one)."""

    membrane: int
    current: int | None


def safe_widths(
    model: Lif, connections: tuple[Connection, ...], parameters: dict[str, np.ndarray], steps: int
) -> Widths:
    """Widths that no stimulus of ``steps`` steps overflows, and that hold threshold and reset value.

    ``connections`` and ``parameters`` as in :class:`ranvier.golden.program.Layer`. The widths in ``model`` are not
    looked at.
    """
    membrane, current = reach(model, connections, parameters, steps)
    for name in ("threshold", "reset_value"):
        value = spread(np.asarray(parameters.get(name, 0)), membrane.shape[1])
        membrane = _hull(membrane, np.stack([value] * 2).reshape(2, -1))
    return Widths(_width(membrane), None if model.current is None else _width(current))


def summed_width(connections: tuple[Connection, ...], steps: int) -> int:
    """Bits that hold all that ``steps`` steps can bring together, as far as :data:`WIDE`; beyond, a state saturates."""
    bound = int(np.abs(sum(_arriving(connection) for connection in connections)).max()) * steps
    return min(signed_width(-bound, bound), WIDE)


def reach(
    model: Lif, connections: tuple[Connection, ...], parameters: dict[str, np.ndarray], steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of each neuron's membrane potential and current, before saturation, int64 ``[2, neurons]`` each."""
    drive = np.asarray(sum(_arriving(c) for c in connections))
    neurons = drive.shape[1]
    parameters = {name: spread(array, neurons) for name, array in parameters.items()}
    drive = drive + parameters["bias"]
    zero = np.zeros_like(drive)
    reached, reached_current = zero, zero
    stored, stored_current = zero, zero
    for _ in range(steps):
        before = stored, stored_current
        if model.current is None:
            v = stored + drive
        else:
            current = stored_current + drive
            reached_current = _hull(reached_current, current)
            stored_current = model.current.decay.apply(current, parameters.get("current_factor", 0))
            v = stored + parameters["membrane_bias"]
            if model.current.timing == "same_step":
                v = v + current
        reached = _hull(reached, v)
        stored = _renewed(model, v, parameters)
        if model.current is not None and model.current.timing == "next_step":
            stored = stored + current
        reached = _hull(reached, stored)
        settled = np.array_equal(stored, before[0]) and np.array_equal(stored_current, before[1])
        if settled or max(np.abs(reached).max(), np.abs(reached_current).max()) > _FAR:
            break
    return reached, reached_current


def _arriving(connection: Connection) -> np.ndarray:
    """Least and greatest sum of a step, ``[2, neurons]``."""
    low, high = np.stack(bounds(connection.synapses)) * connection.repeats
    return np.stack([np.minimum(low, -high), np.maximum(high, -low)] if connection.negative else [low, high])


def _renewed(model: Lif, v: np.ndarray, parameters: dict[str, np.ndarray]) -> np.ndarray:
    """Interval that the next step starts from, where this one's membrane potential lies in ``v``."""

    def decayed(interval: np.ndarray) -> np.ndarray:
        return np.asarray(model.membrane_decay.apply(interval, parameters.get("membrane_factor", 0)))

    if not model.spiking or model.reset == "none":
        return decayed(v)
    threshold = parameters["threshold"]
    least = threshold + (model.comparison == "greater")  # least potential that fires
    low, high = v
    silent, firing = np.stack([low, np.minimum(high, least - 1)]), np.stack([np.maximum(low, least), high])
    if model.reset == "hard":
        fired = decayed(np.stack([np.broadcast_to(parameters["reset_value"], low.shape)] * 2))
    elif model.reset_timing == "same_step":
        fired = decayed(firing - threshold)
    else:
        fired = decayed(firing) - threshold
    rested = decayed(silent)
    return np.where(high < least, rested, np.where(low >= least, fired, _hull(rested, fired)))


def _hull(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([np.minimum(a[0], b[0]), np.maximum(a[1], b[1])])


def _width(interval: np.ndarray) -> int:
    return max(2, signed_width(int(interval[0].min()), int(interval[1].max())))
