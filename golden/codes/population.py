"""Population code: each value excites several axons, each most by a value of its own (Bohte et al. 2002; Eliasmith and
Anderson 2003)."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar, Literal

from ..fixed import Value, cut, let, lookup, magnitude, shift_right
from ..generator import WIDTH
from .checks import check_range
from .static import Slot, StaticCode

Curve = Literal["gaussian", "triangular"]
RESPONSE_BITS = 8  # a response of 2**8 spikes in every step
TABLE_BITS = 6  # of the distance, where it has more


@dataclass(frozen=True, kw_only=True)
class Population(StaticCode):
    """``neurons`` axons for each value, whose centres lie evenly over ``0 … maximum``. The tuning ``curve`` of the
    distance d between value and centre is the probability of a spike in a step:

        gaussian     exp(-d**2 / (2 * sigma**2))
        triangular   max(0, 1 - d / sigma)

    with ``sigma`` = ``width`` distances of neighbouring centres. Curves are a table of at most 64 entries of 8 bits
    for the distance, or for its highest bits, each for the middle of what it stands for.
    """

    name: ClassVar[str] = "population"
    draws: ClassVar[bool] = True
    neurons: int
    curve: Curve
    width: float
    seed: int

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self.name, "Neurons", self.neurons, 2, min(256, self.maximum + 1))
        check_range(self.name, "Width", self.width, 0.01, 100)
        check_range(self.name, "Seed", self.seed, 1, (1 << WIDTH) - 1)

    @property
    def units(self) -> int:
        return self.neurons

    @property
    def first_state(self) -> int:
        return self.seed

    @property
    def _shift(self) -> int:
        return max(self.maximum.bit_length() - TABLE_BITS, 0)

    @cached_property
    def centres(self) -> tuple[int, ...]:
        """The value that each unit prefers, rounded down."""
        return tuple(unit * self.maximum // (self.neurons - 1) for unit in range(self.neurons))

    @cached_property
    def responses(self) -> tuple[int, ...]:
        """Of each distance, without its low bits: probability times 2**8, rounded to the nearest."""
        sigma = Fraction(self.width) * Fraction(self.maximum, self.neurons - 1)
        middle = Fraction((1 << self._shift) - 1, 2)
        entries = [
            self._tuning((place << self._shift) + middle, sigma) for place in range((self.maximum >> self._shift) + 1)
        ]
        return tuple(math.floor(entry * (1 << RESPONSE_BITS) + Fraction(1, 2)) for entry in entries)

    def _tuning(self, distance: Fraction, sigma: Fraction) -> Fraction:
        if self.curve == "triangular":
            return max(Fraction(0), 1 - distance / sigma)
        return Fraction(math.exp(-float((distance / sigma) ** 2) / 2))

    def emit(self, slot: Slot) -> tuple[Value, Value]:
        centre = cut(let(lookup(slot.unit, self.centres), "centre"))
        off = cut(let(slot.value - centre, "off"))
        near = cut(let(shift_right(magnitude(off), self._shift), "near"))
        response = cut(let(lookup(near, self.responses), "response"))
        return cut(shift_right(slot.draw, WIDTH - RESPONSE_BITS) < response), slot.kept
