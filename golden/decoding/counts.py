"""The neuron that has fired most often."""

from dataclasses import dataclass

from ..fixed import Value, select
from .winner import Winner


@dataclass(frozen=True, kw_only=True)
class Counts(Winner):
    """Score: the number of spikes; a lead shrinks by at most 1 in a step."""

    name = "counts"

    @property
    def score_range(self) -> tuple[int, int]:
        return 0, self.steps

    def advance(self, score: Value, value: Value, remaining: Value) -> Value:
        return score + select(score < self.steps, 1, 0)  # more than one spike a step would be against the contract

    def reach(self, remaining: Value) -> Value:
        return remaining
