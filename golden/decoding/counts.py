"""The neuron that has fired most, spikes of a value counted as so many."""

from dataclasses import dataclass

from ..fixed import Value, select
from .winner import Winner


@dataclass(frozen=True, kw_only=True)
class Counts(Winner):
    """Score: the sum of the spikes, each 1 to ``levels``, where they are ``signed`` also below 0. In a step a lead
    shrinks by at most ``levels``, or twice that.
    """

    levels: int = 1
    signed: bool = False

    name = "counts"

    @property
    def score_range(self) -> tuple[int, int]:
        most = self.steps * self.levels
        return -most if self.signed else 0, most

    def advance(self, score: Value, value: Value, remaining: Value) -> Value:
        return score + select(score < self.steps * self.levels, value, 0)  # more would be against the contract

    def reach(self, remaining: Value) -> Value:
        return remaining * (self.levels << self.signed)
