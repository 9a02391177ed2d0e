"""A pipeline from plain arithmetic: values that know their stage, and meet in the latest one."""

import operator
from collections.abc import Callable, Sequence

from amaranth.hdl import Module, Signal, Value, ValueLike, signed

from ranvier.golden.fixed import cut, let, lookup, select, shift_right

from . import arith  # noqa: F401  Amaranth's values join the arithmetic


class Staged:
    """A value that is there from ``stage`` on; ``at`` gives it in that stage or a later one.

    It takes part in golden arithmetic as a number does: operands come to the latest stage of all, so that a step that
    was written without a pipeline cannot mix the values of two neurons. ``cut`` begins the next stage.
    """

    def __init__(self, m: Module, at: Callable[[int], Value], stage: int) -> None:
        self.m, self.at, self.stage = m, at, stage

    def low(self, width: int) -> "Staged":
        """The low bits as a signed number; registers hold them with the others."""
        return Staged(self.m, lambda stage: self.at(stage)[:width].as_signed(), self.stage)

    def _with(self, function: Callable[..., ValueLike], *others: object) -> "Staged":
        return combined(function, self, *others)

    def __add__(self, other: object) -> "Staged":
        return self._with(operator.add, other)

    __radd__ = __add__

    def __sub__(self, other: object) -> "Staged":
        return self._with(operator.sub, other)

    def __rsub__(self, other: object) -> "Staged":
        return self._with(lambda value, first: first - value, other)

    def __mul__(self, other: object) -> "Staged":
        return self._with(operator.mul, other)

    __rmul__ = __mul__

    def __and__(self, other: object) -> "Staged":
        return self._with(operator.and_, other)

    __rand__ = __and__

    def __or__(self, other: object) -> "Staged":
        return self._with(operator.or_, other)

    __ror__ = __or__

    def __neg__(self) -> "Staged":
        return self._with(operator.neg)

    def __eq__(self, other: object) -> "Staged":
        return self._with(operator.eq, other)

    def __ne__(self, other: object) -> "Staged":
        return self._with(operator.ne, other)

    def __lt__(self, other: object) -> "Staged":
        return self._with(operator.lt, other)

    def __le__(self, other: object) -> "Staged":
        return self._with(operator.le, other)

    def __gt__(self, other: object) -> "Staged":
        return self._with(operator.gt, other)

    def __ge__(self, other: object) -> "Staged":
        return self._with(operator.ge, other)

    __hash__ = object.__hash__


def staged(m: Module, value: ValueLike, stage: int, name: str) -> Staged:
    """``value``, which belongs to ``stage``; registers without reset bring it to later ones as far as any is asked for,
    called ``s<stage>_<name>``."""
    values = [Value.cast(value)]

    def at(wanted: int) -> Value:
        while len(values) <= wanted - stage:
            register = Signal(values[-1].shape(), name=f"s{stage + len(values)}_{name}", reset_less=True)
            m.d.sync += register.eq(values[-1])
            values.append(register)
        return values[wanted - stage]

    return Staged(m, at, stage)


def latest(*values: object) -> int:
    """The stage in which all of ``values`` are there."""
    return max(value.stage for value in values if isinstance(value, Staged))


def combined(function: Callable[..., ValueLike], *values: object) -> Staged:
    """``function`` of ``values``, numbers among them, in the stage in which they meet."""
    stage = latest(*values)
    m = next(value.m for value in values if isinstance(value, Staged))
    result = function(*(value.at(stage) if isinstance(value, Staged) else value for value in values))
    return staged(m, result, stage, "value")


@select.register
def _(condition: Staged, if_true: object, if_false: object) -> Staged:
    return combined(select, condition, if_true, if_false)


@shift_right.register
def _(value: Staged, amount: int) -> Staged:
    return combined(lambda each: shift_right(each, amount), value)


@lookup.register
def _(index: Staged, table: Sequence[int]) -> Staged:
    return combined(lambda each: lookup(each, table), index)


@let.register
def _(value: Staged, name: str, width: int | None = None) -> Staged:
    here = value.at(value.stage)
    named = Signal(here.shape() if width is None else signed(width), name=name)
    value.m.d.comb += named.eq(here)
    return staged(value.m, named, value.stage, name)


@cut.register
def _(value: Staged, *others: object) -> object:
    stage = latest(value, *others) + 1
    moved = [Staged(each.m, each.at, stage) if isinstance(each, Staged) else each for each in (value, *others)]
    return tuple(moved) if others else moved[0]
