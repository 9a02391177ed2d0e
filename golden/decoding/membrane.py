"""The readout neuron of the greatest potential, added up over the steps."""

from dataclasses import dataclass
from typing import ClassVar

from ..fixed import Value, signed_max, signed_min
from .winner import Winner


@dataclass(frozen=True, kw_only=True)
class Membrane(Winner):
    """Score: the sum of the potentials, each of ``potential_width`` bits. In a step one can fall to the least of them
    and another rise to the greatest, so that a lead shrinks by at most ``2**potential_width - 1``. As that is much, a
    ``margin`` (a difference of such sums) is what ends samples early.
    """

    potential_width: int

    name = "membrane"
    readout: ClassVar[bool] = True

    @property
    def value_width(self) -> int:
        return self.potential_width

    @property
    def score_range(self) -> tuple[int, int]:
        return self.steps * signed_min(self.potential_width), self.steps * signed_max(self.potential_width)

    def advance(self, score: Value, value: Value, remaining: Value) -> Value:
        return score + value

    def reach(self, remaining: Value) -> Value:
        return remaining * (1 << self.potential_width) - remaining
