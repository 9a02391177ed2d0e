"""Fixed-point primitives with one definition and four interpreters.

Every function here accepts Python ints, NumPy int64 arrays, torch int64 tensors and Amaranth values (and floats, for
which nothing is rounded or limited: the model that the integers approximate), and uses
only ``+ - * >>``, comparisons and :func:`select`. Software types run the function as it
stands; another type (Amaranth's) joins by registering what ``select``, ``shift_right`` and ``let`` mean for it, so this
package imports neither torch nor Amaranth.
"""

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

Value = Any  # int, np.ndarray, torch.Tensor or amaranth.ValueLike


def signed_min(width: int) -> int:
    """Smallest integer of a two's-complement number of ``width`` bits."""
    return -(1 << (width - 1))


def signed_max(width: int) -> int:
    """Largest integer of a two's-complement number of ``width`` bits."""
    return (1 << (width - 1)) - 1


def signed_width(low: int, high: int) -> int:
    """Least two's-complement width that holds every integer of ``low … high``."""
    return max((end if end >= 0 else ~end).bit_length() for end in (low, high)) + 1


def weight_range(width: int) -> tuple[int, int]:
    """Least and greatest weight of ``width`` bits; one bit means -1 or +1."""
    return (-1, 1) if width == 1 else (signed_min(width), signed_max(width))


def drive_range(fan_in: int, width: int, negative: bool = False) -> tuple[int, int]:
    """Least and greatest sum of ``fan_in`` weights of ``width`` bits, of spikes that may be ``negative``."""
    low, high = weight_range(width)
    return (fan_in * min(low, -high), fan_in * max(high, -low)) if negative else (fan_in * low, fan_in * high)


@singledispatch
def select(condition: Value, if_true: Value, if_false: Value) -> Value:
    """``if_true`` where ``condition`` holds, else ``if_false``; element by element."""
    return if_true if condition else if_false


@select.register
def _(condition: np.ndarray, if_true: Value, if_false: Value) -> Value:
    return np.where(condition, if_true, if_false)


@singledispatch
def let(value: Value, name: str, width: int | None = None) -> Value:
    """Name an intermediate: the identity in software, a named signal in hardware.

    Amaranth expressions are trees; without a name an intermediate used twice becomes two circuits.
    ``width``: signed width in bits that is known to hold the value, where the operators cannot know it.
    """
    return value


@singledispatch
def cut(value: Value, *others: Value) -> Value:
    """Where hardware puts a register behind each of the values, which brings them into one stage; else themselves."""
    return (value, *others) if others else value


@singledispatch
def is_real(value: Value) -> bool:
    """Whether ``value`` is a float: the real number that an integer stands for, neither rounded nor limited."""
    return isinstance(value, float)


@is_real.register
def _(value: np.ndarray) -> bool:
    return value.dtype.kind == "f"


@singledispatch
def reaches(v: Value, threshold: Value, strictly: bool) -> Value:
    """Whether ``v`` is at ``threshold`` or above; ``strictly``: above."""
    return v > threshold if strictly else v >= threshold


@singledispatch
def shift_right(value: Value, amount: int) -> Value:
    """``value >> amount``: divided by ``2**amount`` and rounded down; in hardware only the bits that are left."""
    return value / (1 << amount) if is_real(value) else value >> amount


def overflows(value: Value, width: int) -> Value:
    """Whether ``value`` needs more than a signed number of ``width`` bits."""
    if is_real(value):
        return value != value  # nothing does
    top = shift_right(value, width - 1)
    return (top != 0) & (top != -1)


def limit(value: Value, overflow: Value, width: int) -> Value:
    """``value``, or where ``overflow`` holds the end of the signed range of ``width`` bits on its side."""
    return select(overflow, select(value < 0, signed_min(width), signed_max(width)), value)


def narrow(value: Value, width: int, name: str) -> tuple[Value, Value]:
    """``value`` saturated to ``width`` bits, called ``name``; and whether it had to be."""
    overflow = let(overflows(value, width), f"{name}_overflow")
    return let(limit(value, overflow, width), name, width), overflow


def magnitude(value: Value) -> Value:
    """The absolute value."""
    return select(value < 0, -value, value)


@singledispatch
def logistic(value: Value) -> Value:
    """``1 / (1 + exp(-value))`` of floats, which is a table of integers elsewhere."""
    return (1 + np.tanh(value / 2)) / 2


@singledispatch
def lookup(index: Value, table: Sequence[int]) -> Value:
    """``table[index]``; element by element. ``index`` must lie in the table."""
    return table[index]


@lookup.register
def _(index: np.ndarray, table: Sequence[int]) -> Value:
    return np.asarray(table, np.int64)[index]


def truncate_shift(value: Value, shift: int) -> Value:
    """``value / 2**shift`` rounded towards zero."""
    if is_real(value):
        return shift_right(value, shift)
    return shift_right(value + select(value < 0, (1 << shift) - 1, 0), shift) if shift else value


def round_shift(value: Value, shift: int) -> Value:
    """``value / 2**shift`` rounded to the nearest integer, halves upwards."""
    if is_real(value):
        return shift_right(value, shift)
    return shift_right(value + (1 << (shift - 1)), shift) if shift else value
