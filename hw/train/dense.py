"""Addresses of dense weights, apart from the engines that use them: rows of axons, columns of neurons."""

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from .config import TrainerConfig
from .replay import entry_layout
from .wiring import by_layer, rotated


def row_layout(config: TrainerConfig) -> data.StructLayout:
    """A part of an axon's row: word ``row + position`` of every bank; lane ``k`` is in bank ``k + rotation``."""
    return data.StructLayout(
        {
            "row": index_width(config.weight_words),
            "position": index_width(config.most_groups),
            "rotation": index_width(config.lanes),
        }
    )


def listed_layout(part: data.StructLayout) -> data.StructLayout:
    """The ``part`` of an entry of a list; ``end``: nothing, but the end of a round."""
    return data.StructLayout({"end": 1} | {name: field.shape for name, field in part})


def axon_shape(config: TrainerConfig) -> Shape:
    """The number of an axon."""
    return unsigned(index_width(config.most_rows))


def row_start(config: TrainerConfig, layer: Value, bases: Sequence[int], index: Value) -> Value:
    """First word of row ``index`` of ``layer``, whose first row begins at ``bases[layer]``."""
    offset = Const(0)
    for number, geometry in enumerate(config.layers):
        offset = Mux(layer == number, index * geometry.groups, offset)
    return by_layer(layer, bases) + offset


def listed_part(m: Module, rows: wiring.Component, bases: Sequence[int], index: Value) -> data.View:
    """The circuit of :class:`ListedRows`: of each entry of ``rows`` the part of row ``index``, but for what a part says
    of its item beyond that."""
    entry, part = rows.entries.payload, rows.parts.payload
    m.d.sync += [
        rows.parts.valid.eq(rows.entries.valid),
        part.end.eq(entry.end),
        part.row.eq(row_start(rows.config, rows.layer, bases, index)),
        part.position.eq(entry.round),
    ]
    return part


def weight_bases(config: TrainerConfig) -> list[int]:
    """First word of each layer's weights."""
    return [layer.weight_base for layer in config.layers]


class Rows(wiring.Component):
    """For every axon of ``axons`` the parts ``0 … count - 1`` of its row in the weights of ``layer``; ``count`` is at
    least 1.

    Latency: 1 cycle. Throughput: a part a cycle, without a gap between axons.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        super().__init__(
            {
                "layer": In(range(len(config.layers))),
                "count": In(range(config.most_groups + 1)),
                "axons": In(stream.Signature(axon_shape(config))),
                "parts": Out(stream.Signature(row_layout(config))),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m, axon, part = Module(), self.axons.payload, self.parts.payload
        last = Signal()
        m.d.comb += [
            self.axons.ready.eq(~self.parts.valid | (self.parts.ready & last)),
            self.idle.eq(~self.parts.valid),
        ]
        with m.If(self.parts.ready):
            m.d.sync += [part.position.eq(part.position + 1), last.eq(part.position + 2 == self.count)]
            with m.If(last):
                m.d.sync += self.parts.valid.eq(0)
        with m.If(self.axons.valid & self.axons.ready):
            m.d.sync += [
                last.eq(self.count == 1),
                self.parts.valid.eq(1),
                part.row.eq(row_start(self.config, self.layer, weight_bases(self.config), axon)),
                part.position.eq(0),
                part.rotation.eq(axon),
            ]
        return m


class ListedRows(wiring.Component):
    """For every entry of a list of axons the part of its row that belongs to the group of neurons of its round.

    Latency: 1 cycle. Throughput: 1 a cycle.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        entry = entry_layout(axon_shape(config), config.most_groups)
        super().__init__(
            {
                "layer": In(range(len(config.layers))),
                "entries": In(stream.Signature(entry, always_ready=True)),
                "parts": Out(stream.Signature(listed_layout(row_layout(config)), always_ready=True)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m, axon = Module(), self.entries.payload.item
        part = listed_part(m, self, weight_bases(self.config), axon)
        m.d.sync += part.rotation.eq(axon)
        return m


def neuron_layout(config: TrainerConfig) -> data.StructLayout:
    """A neuron that has a gradient, and that gradient; ``own``: of the layer whose neurons it goes back to."""
    return data.StructLayout(
        {
            "own": 1,
            "index": index_width(config.most_groups * config.lanes),
            "operand": config.setup.gradient_width,
        }
    )


def column_layout(config: TrainerConfig) -> data.StructLayout:
    """A part of a neuron's column: ``addresses[bank]`` of every bank; the axon of lane ``j`` is in bank
    ``j + rotation``. ``operand``: the gradient. With the ``end`` of a round: the lanes that are ``filled`` have summed
    up what arrives at their neurons of ``groups``."""
    return data.StructLayout(
        {
            "end": 1,
            "addresses": data.ArrayLayout(index_width(config.weight_words), config.lanes),
            "rotation": index_width(config.lanes),
            "operand": config.setup.gradient_width,
            "groups": data.ArrayLayout(index_width(config.most_groups), config.lanes),
            "filled": config.lanes,
        }
    )


class ListedColumns(wiring.Component):
    """For every entry of a list of neurons the part of its column that belongs to the neurons of its round: of each
    lane one of ``layer``, from ``groups``, where it is ``filled``. They must hold for a whole round.

    What is listed are neurons of the layer behind, or, with ``own``, of ``layer`` itself; the column is that of the
    weights by which ``layer`` reaches them.

    Latency: 1 cycle. Throughput: 1 a cycle.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        rounds = config.most_groups
        super().__init__(
            {
                "layer": In(range(len(config.layers))),
                "groups": In(data.ArrayLayout(index_width(config.most_groups), config.lanes)),
                "filled": In(config.lanes),
                "entries": In(stream.Signature(entry_layout(neuron_layout(config), rounds), always_ready=True)),
                "parts": Out(stream.Signature(column_layout(config), always_ready=True)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, lanes = self.config, self.config.lanes
        bits = (lanes - 1).bit_length()
        entry, part = self.entries.payload, self.parts.payload
        neuron = entry.item
        starts = []  # of each lane the row of its neuron, in the weights of the layer behind and in its own
        for lane in range(lanes):
            start = Signal(index_width(config.weight_words), name=f"start{lane}")
            m.d.comb += start.eq(self._start(lane, neuron.own))
            starts.append(start)
        turn = Signal(bits)
        m.d.comb += turn.eq(-neuron.index)
        m.d.sync += [
            self.parts.valid.eq(self.entries.valid),
            part.end.eq(entry.end),
            part.rotation.eq(neuron.index),
            part.operand.eq(neuron.operand),
            part.groups.eq(self.groups),
            part.filled.eq(self.filled),
        ]
        for bank, start in enumerate(rotated(m, starts, turn, "turned")):
            m.d.sync += part.addresses[bank].eq(start + neuron.index[bits:])
        return m

    def _start(self, lane: int, own: Value) -> Value:
        """The first word of the row of ``lane``'s neuron."""
        layers, lanes = self.config.layers, self.config.lanes
        result: Value = Const(0)
        for number, layer in enumerate(layers):
            row = self.groups[lane] * lanes + lane
            if number + 1 < len(layers):
                behind = layers[number + 1]
                result = Mux((self.layer == number) & ~own, behind.weight_base + row * behind.groups, result)
            if layer.layer.recurrent:
                first = layer.weight_base + layer.input_words * lanes * layer.groups
                result = Mux((self.layer == number) & own, first + row * layer.groups, result)
        return result
