"""The neuron that fires first."""

from dataclasses import dataclass

from ..fixed import Value, select
from .winner import Winner


@dataclass(frozen=True, kw_only=True)
class FirstSpike(Winner):
    """Score: the steps from a neuron's first spike on, that step included, to the last of ``steps``; 0 before it.
    Nothing can win later, so that the sample may end with the first spike, and no margin is taken. Until one fires the
    answer is neuron 0.
    """

    name = "first_spike"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.margin is not None:
            raise ValueError("Decoder first_spike must have no margin: its answer is certain with the first spike")

    @property
    def score_range(self) -> tuple[int, int]:
        return 0, self.steps

    def advance(self, score: Value, value: Value, remaining: Value) -> Value:
        return select(score == 0, remaining + 1, score)

    def reach(self, remaining: Value) -> Value:
        return remaining

    def exits(self, best: Value, second: Value, ahead: Value, remaining: Value) -> Value:
        """Whoever fires later scores at most ``remaining``, who has fired more than that."""
        return best >= self.reach(remaining)
