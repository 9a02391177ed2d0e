"""Float parameters on their way to integers: the fraction bits of a factor, numbers that are built in."""

from collections.abc import Mapping

import numpy as np

from ..fixed import signed_max, signed_min


def reset_problem(parameters: Mapping[str, np.ndarray]) -> str | None:
    """Where a ``reset_value`` lies above its ``threshold``, or None."""
    reset, threshold = np.broadcast_arrays(parameters["reset_value"], parameters["threshold"])
    wrong = reset > threshold
    if not wrong.any():
        return None
    return f"Parameter reset_value must lie at or below the threshold {threshold[wrong][0]}, not at {reset[wrong][0]}"


def fraction_of(values: np.ndarray, bits: int) -> int:
    """Fraction bits with which the greatest magnitude of ``values`` fills ``bits`` bits; 0 or more."""
    greatest = float(np.abs(values).max())
    if not greatest:
        return bits
    fraction = bits - int(np.frexp(greatest)[1])
    full = np.rint(greatest * 2.0**fraction) == 1 << bits  # rounded up, one bit more
    return max(fraction - int(full), 0)


def built_in(kind: str, name: str, values: np.ndarray) -> float:
    """The one of all ``values``. Raises ValueError where neurons differ: it is wires, not memory."""
    low, high = float(values.min()), float(values.max())
    if high - low > 1e-9 * max(abs(low), abs(high)):
        raise ValueError(f"{kind} needs {name} alike for all neurons of a core, not {low:g}..{high:g} units")
    return low


def started(name: str, value: float, width: int) -> int:
    """The integer from which a state starts. Raises ValueError where it does not fit its ``width``."""
    start = round(value)
    if not signed_min(width) <= start <= signed_max(width):
        raise ValueError(
            f"The initial {name} must lie in {signed_min(width)}..{signed_max(width)} ({width} bits), not at {start}"
        )
    return start
