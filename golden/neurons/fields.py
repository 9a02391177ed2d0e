"""Values of float models' :class:`.neuron.Field` s: completed and checked, and what models make of them alike."""

from collections.abc import Mapping

import numpy as np

from .neuron import NEURONS, Field, Neuron

RAW = Field(-32, 32)  # a learned value that a sigmoid or tanh limits: beyond, float32 has long reached the limit


def models() -> list[str]:
    """Kinds of neurons that a file or a configuration can name."""
    return sorted(kind for kind, model in NEURONS.items() if model.FIELDS)


def filled(model: type[Neuron], values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """``values`` of ``model``'s ``FIELDS``, float64 ``[neurons]`` or ``[]``, and the default of each that is left out.

    Raises ValueError for names that are none of them, for what must not be left out, and for values out of range.
    """
    unknown = sorted(values.keys() - model.FIELDS.keys())
    if unknown:
        raise ValueError(f"{model.kind} has no {', '.join(unknown)}: its values are {', '.join(model.FIELDS)}")
    found = {}
    for name, field in model.FIELDS.items():
        if name not in values and field.default is None:
            raise ValueError(f"{model.kind} needs {name}, which has no default")
        found[name] = np.asarray(values.get(name, field.default), np.float64)
        if not found[name].size:
            raise ValueError(f"{model.kind} needs a value of {name} at least, not an empty array")
        wrong = found[name][~(np.isfinite(found[name]) & (found[name] >= field.low) & (found[name] <= field.high))]
        if wrong.size:
            raise ValueError(
                f"{model.kind} needs a finite {name} in {field.low:g}..{field.high:g}, not {wrong.flat[0]:g}"
            )
    return found


def switched(model: type[Neuron], values: Mapping[str, np.ndarray], name: str) -> bool:
    """Whether option ``name`` is on, which decides over the hardware of all neurons. Raises ValueError for a value that
    is neither 0 nor 1, and where neurons differ."""
    found = np.unique(values[name])
    if found.tolist() not in ([0.0], [1.0]):
        raise ValueError(f"{model.kind} needs {name} 0 or 1, alike for all neurons, not {found[0]:g}..{found[-1]:g}")
    return bool(found[0])


def ordered(model: type[Neuron], values: Mapping[str, np.ndarray], low: str, high: str) -> None:
    """Raises ValueError where ``low`` is above ``high``."""
    below, above = np.broadcast_arrays(values[low], values[high])
    wrong = below > above
    if wrong.any():
        raise ValueError(
            f"{model.kind} needs {low} at or below {high}, not {below[wrong].flat[0]:g} above {above[wrong].flat[0]:g}"
        )


def factor(model: type[Neuron], name: str, value: np.ndarray, fraction_bits: int) -> np.ndarray:
    """``value`` of a leak in units of ``2**-fraction_bits``. Raises ValueError where rounding would stop the leak."""
    found = np.asarray(value * (1 << fraction_bits))
    slowest = value[(value < 1) & (np.rint(found) == 1 << fraction_bits)]
    if slowest.size:
        raise ValueError(
            f"{model.kind} needs a leak that is left after rounding: {name} of {slowest.max():.8g} is 1 with"
            f" {fraction_bits} fraction bits, set more"
        )
    return found


def sigmoid(raw: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-raw))``."""
    return np.asarray(1 / (1 + np.exp(-raw)))
