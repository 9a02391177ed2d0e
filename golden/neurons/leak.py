"""Leaks: what a state keeps of itself from one step to the next."""

from dataclasses import dataclass

from ..fixed import Value, round_shift, shift_right


@dataclass(frozen=True)
class Keep:
    """No leak: the value stays (IF, I)."""

    factor_width = 0

    def apply(self, value: Value, factor: Value) -> Value:
        return value


@dataclass(frozen=True)
class Shift:
    """``v - (v >> amount)``: decay by ``1 - 2**-amount``, the shift rounding down; 0 clears the value."""

    amount: int
    factor_width = 0

    def apply(self, value: Value, factor: Value) -> Value:
        return value - shift_right(value, self.amount)


@dataclass(frozen=True)
class Shifts:
    """``v`` less ``v / 2**a + v / 2**b + …``, that sum rounded down once: decay by ``1 - 2**-a - 2**-b - …``.

    Raises ValueError for ``amounts`` that do not grow from 1 or more.
    """

    amounts: tuple[int, ...]
    factor_width = 0

    def __post_init__(self) -> None:
        if not self.amounts or self.amounts[0] < 1 or list(self.amounts) != sorted(set(self.amounts)):
            raise ValueError(f"Amounts of a leak by shifts must be 1 or more and grow, not {list(self.amounts)}")

    def apply(self, value: Value, factor: Value) -> Value:
        last = self.amounts[-1]
        taken = sum(value * (1 << (last - amount)) for amount in self.amounts)
        return value - shift_right(taken, last)


@dataclass(frozen=True)
class Multiply:
    """``v * factor / 2**fraction_bits`` rounded half up; ``factor`` in ``0 … 2**fraction_bits``."""

    fraction_bits: int

    @property
    def factor_width(self) -> int:
        return self.fraction_bits + 1

    def apply(self, value: Value, factor: Value) -> Value:
        return round_shift(value * factor, self.fraction_bits)


Decay = Keep | Shift | Shifts | Multiply
