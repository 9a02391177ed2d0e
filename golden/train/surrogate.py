"""Surrogate derivatives of the spike, as integers: what stands for the derivative of the step at the threshold.

Each takes the distance of the membrane potential from the threshold, in integer units of the potential, and gives
an unsigned number of ``width`` bits with ``fraction_bits`` of fraction (Zhou et al. 2024, section 3.2.1).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..fixed import Value, let, lookup, magnitude, select, shift_right

Shape = Literal["sigmoid", "arctan", "tanh", "fast_sigmoid", "dspike"]


@dataclass(frozen=True)
class Rectangle:
    """``2**-fraction_bits`` where ``|distance| < half_width``, else 0 (Wu et al. 2018): one bit, no multiplier.

    A negative ``fraction_bits`` makes it higher than 1.
    """

    half_width: int
    fraction_bits: int = 0
    kind: Literal["rectangle"] = "rectangle"
    width = 1

    def __post_init__(self) -> None:
        if self.half_width < 1:
            raise ValueError(f"Half width of a rectangle must be at least 1, not {self.half_width}")

    def apply(self, distance: Value) -> Value:
        return select((distance < self.half_width) & (distance > -self.half_width), 1, 0)


@dataclass(frozen=True)
class Triangle:
    """``1 - |distance| / 2**log2_half_width``, at least 0, in steps of ``2**-fraction_bits``, rounded down."""

    log2_half_width: int
    fraction_bits: int = 4
    kind: Literal["triangle"] = "triangle"

    def __post_init__(self) -> None:
        if not 0 <= self.fraction_bits <= self.log2_half_width:
            raise ValueError(
                f"Fraction bits of a triangle must be 0..{self.log2_half_width} (log2_half_width), "
                f"not {self.fraction_bits}"
            )

    @property
    def width(self) -> int:
        return self.fraction_bits + 1

    def apply(self, distance: Value) -> Value:
        rest = let((1 << self.log2_half_width) - magnitude(distance), "rest")
        return select(rest > 0, shift_right(rest, self.log2_half_width - self.fraction_bits), 0)


@dataclass(frozen=True)
class Table:
    """``values[|distance| >> index_shift]``, and 0 beyond the table: any even shape, see :func:`table`."""

    values: tuple[int, ...]
    index_shift: int
    fraction_bits: int
    kind: Literal["table"] = "table"

    def __post_init__(self) -> None:
        if len(self.values) < 1 or min(self.values) < 0 or len(self.values) & (len(self.values) - 1):
            raise ValueError("Values of a surrogate table must be a power of two of non-negative integers")

    @property
    def width(self) -> int:
        return max(max(self.values).bit_length(), 1)

    def apply(self, distance: Value) -> Value:
        index = let(shift_right(magnitude(distance), self.index_shift), "index")
        last = len(self.values) - 1
        inside = index <= last
        return select(inside, lookup(let(select(inside, index, last), "entry"), self.values), 0)


Surrogate = Rectangle | Triangle | Table


def derivative(shape: Shape, slope: float) -> Callable[[float], float]:
    """The derivative of a smooth step at ``x`` (in thresholds' units), the larger ``slope`` the steeper.

    ``arctan`` is eq. 13 of Zhou et al. 2024, ``dspike`` the derivative of its eq. 14 (centred on the threshold, 0
    beyond half a unit), ``sigmoid``, ``tanh`` and ``fast_sigmoid`` those of the functions of that name.
    """
    shapes: dict[str, Callable[[float], float]] = {
        "sigmoid": lambda x: slope / (2 + 2 * math.cosh(min(slope * abs(x), 700))),
        "arctan": lambda x: slope / (2 * (1 + (math.pi / 2 * slope * x) ** 2)),
        "tanh": lambda x: slope / 2 / math.cosh(min(slope * abs(x), 350)) ** 2,
        "fast_sigmoid": lambda x: 1 / (1 + slope * abs(x)) ** 2,
        "dspike": lambda x: (
            slope / (2 * math.tanh(slope / 2)) / math.cosh(min(slope * abs(x), 350)) ** 2 if abs(x) <= 0.5 else 0.0
        ),
    }
    return shapes[shape]


def table(
    shape: Shape, slope: float, unit: int, *, entries: int = 64, reach: float = 2.0, fraction_bits: int = 6
) -> Table:
    """``shape`` sampled at the middle of each of ``entries`` steps of equal, power-of-two length to ``reach`` or more.

    ``unit``: integer units of the potential per unit of ``x``. Raises ValueError where the table would be empty.
    """
    if not slope > 0 or not math.isfinite(slope):
        raise ValueError(f"Slope of a surrogate must be positive and finite, not {slope}")
    index_shift = max(math.ceil(math.log2(reach * unit / entries)), 0)
    function, step = derivative(shape, slope), (1 << index_shift) / unit
    values = tuple(round(function((index + 0.5) * step) * (1 << fraction_bits)) for index in range(entries))
    if not any(values):
        raise ValueError(f"A surrogate of slope {slope} is 0 everywhere in steps of {step:g}: use a smaller slope")
    return Table(values, index_shift, fraction_bits)
