"""An exponential as a table with straight lines between its entries."""

import math
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from itertools import pairwise

from ..fixed import Value, cut, is_real, let, lookup, round_shift, select, shift_right, signed_min

MOST_CELLS = 1024


@dataclass(frozen=True)
class Exponential:
    """``height * exp((v - onset) / slope)``, all three in units of the potential ``v``, in units of ``2**-guard_bits``.

    The table has ``cells`` cells of ``2**cell`` potentials each, from ``low`` on. Potentials outside count as its ends.
    Entries are limited to the whole range of ``state_width`` bits, which takes any potential to its greatest. Below
    ``low`` the value must round to 0. One multiplication. Raises ValueError where the table does not cover the
    potentials below it, or has no cells or more than :data:`MOST_CELLS`.
    """

    state_width: int
    guard_bits: int
    height: float
    slope: float
    onset: float
    low: int
    cell: int
    cells: int

    def __post_init__(self) -> None:
        if not 1 <= self.cells <= MOST_CELLS:
            raise ValueError(f"A table must have 1 to {MOST_CELLS} cells, not {self.cells}: a lower scale needs fewer")
        least = signed_min(self.state_width)
        if least < self.low and self.entries[0]:
            raise ValueError(
                f"A table of potentials {self.low}..{self.high} does not cover {least}..{self.low - 1}:"
                f" at {self.low} the exponential is {self.entries[0] / (1 << self.guard_bits)}, not yet 0"
            )

    @property
    def high(self) -> int:
        """The last potential that the table covers."""
        return self.low + (self.cells << self.cell)

    @property
    def limit(self) -> int:
        """The greatest entry."""
        return 1 << (self.state_width + self.guard_bits)

    @property
    def entries(self) -> tuple[int, ...]:
        """The value at each end of a cell, rounded to nearest; the same on every machine."""
        return _entries(self)

    @property
    def lifts(self) -> tuple[int, ...]:
        """From each entry to the next; from the last 0."""
        return _lifts(self)

    def apply(self, v: Value) -> Value:
        """The value at ``v``; of a float without a table."""
        if is_real(v):
            return self.height * (1 << self.guard_bits) * math.e ** ((v - self.onset) / self.slope)
        span = self.cells << self.cell
        place = cut(let(v - self.low, "place"))
        place = let(select(place < 0, 0, select(place > span, span, place)), "place_limited", span.bit_length() + 1)
        place = cut(place)
        index = let(shift_right(place, self.cell), "cell")
        entry, lift, along = cut(
            let(lookup(index, self.entries), "entry"),
            let(lookup(index, self.lifts), "lift"),
            let(place - index * (1 << self.cell), "along", self.cell + 1),
        )
        risen = cut(let(lift * along, "risen"))
        return cut(let(entry + round_shift(risen, self.cell), "exponential"))

    @classmethod
    def fitted(
        cls, state_width: int, guard_bits: int, height: float, slope: float, onset: float, top: int
    ) -> "Exponential":
        """A table up to ``top``, or to where entries are limited. A cell is an eighth of ``slope`` or less, an error of
        0.2 %, as far as potentials are integers."""
        cell = max(math.floor(math.log2(slope / 8)), 0)
        low = math.floor(onset + slope * math.log(0.49 / (height * (1 << guard_bits))))
        limited = math.ceil(onset + slope * math.log((1 << state_width) / height))
        cells = max(-(-(min(top, limited) - low) >> cell), 1)
        return cls(state_width, guard_bits, height, slope, onset, low, cell, cells)


@lru_cache
def _entries(table: Exponential) -> tuple[int, ...]:
    """Decimal's exponential is rounded correctly, unlike that of a machine's library."""
    exact = Context(prec=40, Emax=10**9, Emin=-(10**9))
    height, slope, onset = (Decimal(value) for value in (table.height, table.slope, table.onset))
    values = []
    for number in range(table.cells + 1):
        potential = table.low + (number << table.cell)
        power = exact.divide(exact.subtract(Decimal(potential), onset), slope)
        value = exact.multiply(exact.multiply(height, exact.exp(power)), Decimal(1 << table.guard_bits))
        values.append(int(min(value, Decimal(table.limit)).to_integral_value()))
    return tuple(values)


@lru_cache
def _lifts(table: Exponential) -> tuple[int, ...]:
    return (*(after - before for before, after in pairwise(table.entries)), 0)
