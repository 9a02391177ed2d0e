"""Golden arithmetic as hardware: what ``select``, ``shift_right`` and ``let`` mean for Amaranth values."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value, ValueLike, signed

from ranvier.golden.fixed import let, lookup, select, shift_right

_scope: ContextVar[tuple[Module, str]] = ContextVar("scope")


@contextmanager
def naming(m: Module, prefix: str = "") -> Iterator[None]:
    """Put the signals that ``let`` names into ``m``, their names beginning with ``prefix``."""
    token = _scope.set((m, prefix))
    try:
        yield
    finally:
        _scope.reset(token)


@select.register
def _(condition: Value, if_true: ValueLike, if_false: ValueLike) -> Value:
    return Mux(condition, if_true, if_false)


@shift_right.register
def _(value: Value, amount: int) -> Value:
    return value.shift_right(amount)


@lookup.register
def _(index: Value, table: Sequence[int]) -> Value:
    return Array(Const(entry, max(max(table).bit_length(), 1)) for entry in table)[index]


@let.register
def _(value: Value, name: str, width: int | None = None) -> Signal:
    m, prefix = _scope.get()
    signal = Signal(value.shape() if width is None else signed(width), name=prefix + name)
    m.d.comb += signal.eq(value)
    return signal


def register(m: Module, prefix: str, values: dict[str, Value]) -> dict[str, Signal]:
    """A pipeline register behind each of ``values``, without reset, named with ``prefix``."""
    registers = {name: Signal(value.shape(), name=prefix + name, reset_less=True) for name, value in values.items()}
    m.d.sync += [registers[name].eq(value) for name, value in values.items()]
    return registers


def reciprocal(divisor: int, most: int) -> tuple[int, int]:
    """Least ``(factor, shift)`` with ``value * factor >> shift == value // divisor`` for all values of ``0 … most``."""
    shift = 0
    while True:
        factor = -(-(1 << shift) // divisor)
        if (factor * divisor - (1 << shift)) * most < 1 << shift:
            return factor, shift
        shift += 1


def quotient(value: Value, divisor: int, most: int) -> Value:
    """``value // divisor`` for values of ``0 … most``: wires for a power of two, else a multiplication."""
    factor, shift = reciprocal(divisor, most)
    return (value * factor)[shift:] if factor > 1 else value[shift:]
