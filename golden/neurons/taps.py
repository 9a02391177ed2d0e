"""Filters over time, for neurons that keep the drives of several steps (the PSN family)."""

from collections.abc import Mapping, Sequence
from math import isqrt

import numpy as np

from ..fixed import Value, cut, let, narrow, round_shift, select, signed_width

MAX_FRACTION_BITS = 16
MAX_TAP_WIDTH = 24


def check(kind: str, *, tap_width: int, fraction_bits: int) -> None:
    """Raise ValueError for formats that no neuron of ``kind`` has."""
    if not 1 <= tap_width <= MAX_TAP_WIDTH:
        raise ValueError(f"Weights over time of a {kind} must have 1..{MAX_TAP_WIDTH} bits, not {tap_width}")
    if not 0 <= fraction_bits <= MAX_FRACTION_BITS:
        raise ValueError(f"Fraction bits of a {kind} must be 0..{MAX_FRACTION_BITS}, not {fraction_bits}")


def check_range(what: str, number: int, most: int) -> None:
    """Raise ValueError for a ``number`` that is not 1 to ``most``."""
    if not 1 <= number <= most:
        raise ValueError(f"{what} must be 1..{most}, not {number}")


def chosen(number: Value, options: Sequence[Value], otherwise: Value) -> Value:
    """``options[number]``, or ``otherwise`` where there are fewer."""
    value = otherwise
    for place, option in reversed(list(enumerate(options))):
        value = select(number == place, option, value)
    return value


def filtered(drives: Sequence[Value], taps: Sequence[Value], fraction_bits: int, width: int) -> tuple[Value, Value]:
    """The sum of ``drives[k] * taps[k] / 2**fraction_bits``, rounded once and saturated to ``width`` bits; and whether
    it had to be. In hardware a multiplier for each tap, and a tree of adders."""
    pairs = enumerate(zip(drives, taps, strict=True))
    sums = [cut(let(drive * tap, f"product{place}")) for place, (drive, tap) in pairs]
    level = 0
    while len(sums) > 1:
        level += 1
        added = [let(sums[k] + sums[k + 1], f"sum{level}_{k // 2}") for k in range(0, len(sums) - 1, 2)]
        sums = [cut(each) for each in added] + sums[len(added) * 2 :]
    rounded = cut(let(round_shift(sums[0], fraction_bits), "filtered_total"))
    return narrow(rounded, width, "filtered")


def square(kind: str, values: Mapping[str, np.ndarray]) -> tuple[int, np.ndarray, np.ndarray]:
    """The number of steps T, the weights ``[T, T]`` and the thresholds ``[T]`` of a neuron of ``kind``. Raises
    ValueError where they do not fit each other."""
    weight, thresholds = values["weight"], values["v_thresholds"].reshape(-1)
    steps = isqrt(weight.size)
    if steps**2 != weight.size or thresholds.size not in (1, steps):
        raise ValueError(
            f"{kind} needs a weight of T × T values, a row for each step, and v_thresholds of 1 or T, not {weight.size}"
            f" and {thresholds.size}"
        )
    return steps, weight.reshape(steps, steps), np.broadcast_to(thresholds, steps)


def tap_width(taps: Mapping[str, np.ndarray]) -> int:
    """Signed bits that hold all of ``taps``, rounded; more than a neuron may have for what is greater still."""
    largest = max(np.rint(np.abs(array)).max() for array in taps.values())
    return max(signed_width(0, int(min(largest, 2.0**62))), 2)
