"""Turns a bit map in memory into a stream of the indices of its ones."""

from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .config import TrainerConfig
from .wiring import by_layer, lowest_bit


def scan_axons(
    m: Module,
    config: TrainerConfig,
    unit: wiring.Component,
    scanner: wiring.Component,
    *,
    layer: Value,
    own: Value,
    own_scan: Value,
    input_base: Value,
    trace_base: Value,
) -> None:
    """Aim ``scanner`` at the spikes of a layer's axons, through the scan ports of ``unit``: at those of the inputs or
    of the layer before, or, with ``own``, at the layer's own of the step before.

    ``input_base`` and ``trace_base``: first words of the step's input spikes and of its neurons' spikes; ``own_scan``:
    what ``own`` was when the scan that is going on began.
    """
    layers = config.layers
    before_base = [layers[index - 1].group_base if index else 0 for index in range(len(layers))]
    own_base = by_layer(layer, [geometry.group_base for geometry in layers])
    before = Mux(layer == 0, input_base, trace_base + by_layer(layer, before_base))
    groups = by_layer(layer, [geometry.groups for geometry in layers])
    m.d.comb += [
        scanner.address.eq(Mux(own, trace_base - config.groups + own_base, before)),
        scanner.words.eq(Mux(own, groups, by_layer(layer, [geometry.input_words for geometry in layers]))),
        scanner.first.eq(Mux(own, by_layer(layer, [geometry.input_words * config.lanes for geometry in layers]), 0)),
        scanner.read_data.eq(unit.scan_data),
        unit.scan_inputs.eq((layer == 0) & ~own_scan),
        unit.scan_enable.eq(scanner.read_enable),
        unit.scan_address.eq(scanner.read_address),
    ]


class Scanner(wiring.Component):
    """Reads ``words`` words of ``lanes`` bits from ``address`` on and sends ``first + position`` of every 1.

    ``start`` begins a scan, while ``done``. The memory is read through ``read_enable``, ``read_address`` and
    ``read_data``, which keeps its value while ``read_enable`` is low.

    Latency: the first index is offered 3 cycles after ``start``. Throughput: an index a cycle, and a cycle for a word
    without any: ``max(ones, 1)`` cycles a word, while the receiver is ready. ``done`` rises as many cycles after
    ``start`` as all words take and 2 more, 3 if the last word has a 1; if there is no word, 1 after it.
    """

    def __init__(self, *, lanes: int, depth: int, indices: int) -> None:
        self.lanes = lanes
        super().__init__(
            {
                "start": In(1),
                "address": In(range(depth)),
                "words": In(range(depth + 1)),
                "first": In(range(indices)),
                "read_enable": Out(1),
                "read_address": Out(range(depth)),
                "read_data": In(lanes),
                "indices": Out(stream.Signature(unsigned((indices - 1).bit_length() or 1))),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits, rest = Signal(self.lanes), Signal(self.lanes)
        base, next_base = Signal.like(self.first), Signal.like(self.first)
        left = Signal.like(self.words)  # words still to be read
        ahead = Signal()  # the memory's output is the word after this one
        take = Signal()
        m.d.comb += [
            rest.eq(bits & (bits - 1)),
            self.indices.valid.eq(bits.any()),
            self.indices.payload.eq(base + lowest_bit(m, bits, "position")),
            take.eq(ahead & Mux(self.indices.ready, ~rest.any(), ~bits.any())),
            self.read_enable.eq((left != 0) & (~ahead | take)),
            self.done.eq(~bits.any() & ~ahead & (left == 0)),
        ]
        with m.If(self.indices.ready):
            m.d.sync += bits.eq(rest)
        with m.If(take):
            m.d.sync += [bits.eq(self.read_data), base.eq(next_base), next_base.eq(next_base + self.lanes), ahead.eq(0)]
        with m.If(self.read_enable):
            m.d.sync += [ahead.eq(1), left.eq(left - 1), self.read_address.eq(self.read_address + 1)]
        with m.If(self.start):
            m.d.sync += [self.read_address.eq(self.address), left.eq(self.words), next_base.eq(self.first)]
        return m
