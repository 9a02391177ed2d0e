"""Float parameters on their way to integers: their ranges, the fraction bits of a factor, numbers that are built in."""

from collections.abc import Mapping

import numpy as np

from ..fixed import signed_max, signed_min
from .neuron import Field


def check_fields(kind: str, fields: Mapping[str, Field], values: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError where a value of ``fields`` is out of range, or a spike resets to its threshold or above."""
    for name, each in fields.items():
        wrong = values[name][~((each.low <= values[name]) & (values[name] <= each.high))]
        if wrong.size:
            raise ValueError(f"{kind}: {name} must lie in {each.low:g}..{each.high:g}, not {wrong[0]:g}")
    reset = values["c" if "c" in fields else "v_reset"]
    wrong = reset >= values["v_threshold"]
    if wrong.any():
        raise ValueError(
            f"{kind}: the reset must lie below the threshold {values['v_threshold'][wrong][0]:g},"
            f" not at {reset[wrong][0]:g}"
        )


def reset_problem(parameters: Mapping[str, np.ndarray]) -> str | None:
    """Why integers with a ``reset_value`` and a ``threshold`` would spike for ever, or None."""
    reset, threshold = np.broadcast_arrays(parameters["reset_value"], parameters["threshold"])
    wrong = reset >= threshold
    if not wrong.any():
        return None
    return f"Parameter reset_value must lie below the threshold {threshold[wrong][0]}, not at {reset[wrong][0]}"


def fraction_of(values: np.ndarray, bits: int) -> int:
    """Fraction bits with which the greatest magnitude of ``values`` fills ``bits`` bits; 0 or more."""
    greatest = float(np.abs(values).max())
    if not greatest:
        return bits
    fraction = bits - int(np.frexp(greatest)[1])
    full = np.rint(greatest * 2.0**fraction) == 1 << bits  # rounded up, one bit more
    return max(fraction - int(full), 0)


def built_in(kind: str, name: str, values: np.ndarray) -> int:
    """The integer that all ``values`` round to. Raises ValueError where neurons differ: it is wires, not memory."""
    low, high = int(np.rint(values.min())), int(np.rint(values.max()))
    if low != high:
        raise ValueError(f"{kind}: {name} must be the same for all neurons of a core, not {low}..{high} units")
    return low


def check_start(name: str, value: int, width: int) -> None:
    """Raises ValueError where the initial ``value`` of a state does not fit its ``width``."""
    if not signed_min(width) <= value <= signed_max(width):
        raise ValueError(
            f"The initial {name} must lie in {signed_min(width)}..{signed_max(width)} ({width} bits), not at {value}"
        )
