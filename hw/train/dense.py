"""Addresses of dense weights, apart from the engines that use them: rows of an axon, columns of a neuron."""

from collections.abc import Mapping, Sequence

from amaranth.hdl import Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from .config import TrainerConfig
from .wiring import by_layer


def row_layout(config: TrainerConfig) -> data.StructLayout:
    """A part of an axon's row: word ``row + position`` of every bank; lane ``k`` is in bank ``k + rotation``."""
    return data.StructLayout(
        {
            "row": index_width(config.weight_words),
            "position": index_width(config.most_groups),
            "rotation": index_width(config.lanes),
        }
    )


def walk(m: Module, rows: wiring.Component, index: Value, bases: Sequence[int], kept: Mapping[str, Value]) -> None:
    """The circuit of :class:`Rows`: for what ``rows.axons`` offers the parts from word ``bases[layer] + index *
    groups`` on, each with what is ``kept`` of it."""
    part = rows.parts.payload
    last = Signal()
    m.d.comb += [
        rows.axons.ready.eq(~rows.parts.valid | (rows.parts.ready & last)),
        rows.idle.eq(~rows.parts.valid),
    ]
    offset = Const(0)
    for number, layer in enumerate(rows.config.layers):
        offset = Mux(rows.layer == number, index * layer.groups, offset)
    with m.If(rows.parts.ready):
        m.d.sync += [part.position.eq(part.position + 1), last.eq(part.position + 2 == rows.count)]
        with m.If(last):
            m.d.sync += rows.parts.valid.eq(0)
    with m.If(rows.axons.valid & rows.axons.ready):
        m.d.sync += [
            last.eq(rows.count == 1),
            rows.parts.valid.eq(1),
            part.row.eq(by_layer(rows.layer, bases) + offset),
            part.position.eq(0),
            *(getattr(part, name).eq(value) for name, value in kept.items()),
        ]


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
                "axons": In(stream.Signature(unsigned(index_width(config.most_rows)))),
                "parts": Out(stream.Signature(row_layout(config))),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m, axon = Module(), self.axons.payload
        walk(m, self, axon, [layer.weight_base for layer in self.config.layers], {"rotation": axon})
        return m


def column_layout(config: TrainerConfig) -> data.StructLayout:
    """A part of a neuron's column: ``addresses[bank]`` of every bank; the axon of lane ``j`` is in bank
    ``j + rotation``. ``target``: the group of neurons that the axons are the spikes of. ``operand``: the gradient."""
    return data.StructLayout(
        {
            "addresses": data.ArrayLayout(index_width(config.weight_words), config.lanes),
            "rotation": index_width(config.lanes),
            "target": index_width(config.groups),
            "operand": config.setup.gradient_width,
        }
    )


def neuron_layout(config: TrainerConfig) -> data.StructLayout:
    """A neuron of a layer that has a gradient, and that gradient."""
    return data.StructLayout(
        {"index": index_width(config.most_groups * config.lanes), "operand": config.setup.gradient_width}
    )


class Columns(wiring.Component):
    """For every neuron that is offered, with its gradient, the parts of its column in the weights of ``layer``.

    Axons of the layer before are left out for the first layer, whose inputs need no gradient; those of the layer's own
    spikes unless it is recurrent and ``own``.

    Latency: 1 cycle. Throughput: a part a cycle, without a gap between neurons.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        super().__init__(
            {
                "layer": In(range(len(config.layers))),
                "own": In(1),
                "neurons": In(stream.Signature(neuron_layout(config))),
                "parts": Out(stream.Signature(column_layout(config), always_ready=True)),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layers, lanes = self.config, self.config.layers, self.config.lanes
        bits = (lanes - 1).bit_length()
        neuron, part = self.neurons.payload, self.parts.payload
        first_row = [0 if index else layer.input_words * lanes for index, layer in enumerate(layers)]
        first_target = [
            layers[index - 1].group_base if index else layer.group_base for index, layer in enumerate(layers)
        ]
        before = [layer.input_words if index else 0 for index, layer in enumerate(layers)]
        behind = [layer.groups if layer.layer.recurrent else 0 for layer in layers]
        left = Signal(range(max(a + b for a, b in zip(before, behind, strict=True)) + 1))
        running = Signal(index_width(config.weight_words))
        offsets = [Signal(range(lanes * config.most_groups), name=f"offset{lane}") for lane in range(lanes)]
        count = Signal.like(left)
        m.d.comb += [
            count.eq(by_layer(self.layer, before) + Mux(self.own, by_layer(self.layer, behind), 0)),
            self.parts.valid.eq(left != 0),
            self.neurons.ready.eq(left <= 1),
            self.idle.eq(left == 0),
        ]
        m.d.comb += [part.addresses[lane].eq(running + offsets[lane]) for lane in range(lanes)]
        with m.If(left != 0):
            m.d.sync += [
                left.eq(left - 1),
                part.target.eq(part.target + 1),
                running.eq(running + by_layer(self.layer, [lanes * layer.groups for layer in layers])),
            ]
        with m.If(self.neurons.valid & self.neurons.ready):
            base = [layer.weight_base + row * layer.groups for layer, row in zip(layers, first_row, strict=True)]
            m.d.sync += [
                left.eq(count),
                part.target.eq(by_layer(self.layer, first_target)),
                part.rotation.eq(neuron.index),
                part.operand.eq(neuron.operand),
                running.eq(by_layer(self.layer, base) + neuron.index[bits:]),
            ]
            for lane in range(lanes):
                row = Signal(bits, name=f"row_in_bank{lane}")  # of the word's axons, the one that lies in this bank
                m.d.comb += row.eq(lane - neuron.index[:bits])
                scaled = Const(0)
                for index, layer in enumerate(layers):
                    scaled = Mux(self.layer == index, row * layer.groups, scaled)
                m.d.sync += offsets[lane].eq(scaled)
        return m
