"""Small circuits that the engines share: constants by layer, rotation over lanes, the lowest set bit."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, ValueLike
from amaranth.lib import data

from ..config import index_width
from .config import TrainerConfig


def by_layer(layer: Value, values: Sequence[int]) -> Value:
    """The constant of the selected layer."""
    width = max(max(values).bit_length(), 1)
    result: Value = Const(values[-1], width)
    for index in reversed(range(len(values) - 1)):
        if len(set(values[index:])) > 1:
            result = Mux(layer == index, Const(values[index], width), result)
    return result


def rotated(m: Module, values: Sequence[Value], amount: Value, name: str) -> list[Value]:
    """``values[(lane + amount) % lanes]`` for each lane; the number of lanes is a power of two."""
    lanes = len(values)
    for bit in range((lanes - 1).bit_length()):
        stage = [Signal(value.shape(), name=f"{name}_{bit}_{lane}") for lane, value in enumerate(values)]
        m.d.comb += [
            stage[lane].eq(Mux(amount[bit], values[(lane + (1 << bit)) % lanes], values[lane])) for lane in range(lanes)
        ]
        values = list(stage)
    return list(values)


def delayed(
    m: Module, valid: Value, operation: data.View, stages: int, name: str = "operation"
) -> list[tuple[Value, data.View]]:
    """``valid`` and ``operation`` now and in each of the ``stages`` cycles after."""
    line = [(valid, operation)]
    for index in range(1, stages + 1):
        later = (
            Signal(name=f"{name}_valid_s{index}"),
            Signal(operation.shape(), name=f"{name}_s{index}", reset_less=True),
        )
        m.d.sync += [after.eq(before) for after, before in zip(later, line[-1], strict=True)]
        line.append(later)
    return line


def filled_lanes(m: Module, config: TrainerConfig, operation: data.View) -> Signal:
    """The lanes that hold a neuron, in the group of ``operation``: all, but in the ``last`` of its ``layer``."""
    mask = Signal(config.lanes, name="mask")
    in_last = by_layer(operation.layer, [(1 << layer.last_lanes) - 1 for layer in config.layers])
    m.d.comb += mask.eq(Mux(operation.last, in_last, (1 << config.lanes) - 1))
    return mask


def lowest_bit(m: Module, bits: Value, name: str) -> Signal:
    """Index of the lowest 1 of ``bits``; 0 where there is none."""
    index = Signal(index_width(len(bits)), name=name)
    for position in reversed(range(len(bits))):
        with m.If(bits[position]):
            m.d.comb += index.eq(position)
    return index


def largest(m: Module, values: Sequence[Value], name: str) -> Value:
    """The largest of ``values``, by a tree of comparisons."""
    level = 0
    while len(values) > 1:
        pairs = [values[index : index + 2] for index in range(0, len(values), 2)]
        winners = [Signal(values[0].shape(), name=f"{name}_{level}_{index}") for index in range(len(pairs))]
        m.d.comb += [
            winner.eq(Mux(pair[0] > pair[-1], pair[0], pair[-1])) for winner, pair in zip(winners, pairs, strict=True)
        ]
        values, level = winners, level + 1
    return values[0]


def split(word: Value, lanes: int, *, is_signed: bool) -> list[Value]:
    """The parts of a word of all lanes, the first in the low bits."""
    width = len(word) // lanes
    parts = [word[lane * width : (lane + 1) * width] for lane in range(lanes)]
    return [part.as_signed() for part in parts] if is_signed else parts


def joined(values: Sequence[ValueLike]) -> Value:
    """One word of all lanes."""
    return Cat(*values)
