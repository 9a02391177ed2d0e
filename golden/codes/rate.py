"""Rate code: a spike with a probability proportional to the value (Bernoulli trials, the limit of a Poisson process in
steps; Adrian and Zotterman 1926)."""

from dataclasses import dataclass
from typing import ClassVar

from ..fixed import Value, cut, let, shift_right
from ..generator import WIDTH
from .checks import check_range
from .static import Slot, StaticCode

DRAWN = 16  # high bits of a number that are compared


@dataclass(frozen=True, kw_only=True)
class Rate(StaticCode):
    """Axon ``n`` spikes with probability ``value / maximum``: where ``u * maximum / 2**16 < value``, with ``u`` the
    high 16 bits of the number drawn for it. The probability is exact to 2**-16; 0 never spikes, ``maximum`` always."""

    name: ClassVar[str] = "rate"
    draws: ClassVar[bool] = True
    seed: int

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self.name, "Seed", self.seed, 1, (1 << WIDTH) - 1)

    @property
    def first_state(self) -> int:
        return self.seed

    def emit(self, slot: Slot) -> tuple[Value, Value]:
        drawn = cut(let(shift_right(slot.draw, WIDTH - DRAWN) * self.maximum, "drawn"))
        return cut(shift_right(drawn, DRAWN) < slot.value), slot.kept
