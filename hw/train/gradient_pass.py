"""The order of the weights' gradients of a step and layer: every axon that spiked, with every neuron that learns."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from .config import TrainerConfig
from .dense import Rows, row_layout
from .gradient import PAIR
from .scanner import Scanner, scan_axons
from .wiring import by_layer


class GradientPass(wiring.Component):
    """Scans the spikes of a layer's axons and sends the parts of their rows to the gradient engine.

        scan of the inputs' spikes, of the layer's own → Rows → parts

    ``start``, while ``done``, takes ``layer``, whether the step is the ``first`` of the sample, before which no neuron
    of the layer has spiked, and ``input_base`` and ``trace_base``, the first words of the step's input spikes and of
    its neurons' spikes. ``words``: parts of each row; if 0 there is nothing to do.

    Latency: of each scan, in cycles, at least its spikes times ``words`` and at most ``2 * spikes * words + empty +
    6``, where ``empty`` of its words have no spike, while the engine takes a part at least every other cycle.
    """

    def __init__(self, config: TrainerConfig, *, input_depth: int, trace_depth: int) -> None:
        self.config = config
        self.scan_depth = max(input_depth, trace_depth)
        super().__init__(
            {
                "start": In(1),
                "layer": In(range(len(config.layers))),
                "first": In(1),
                "input_base": In(range(input_depth + 1)),
                "trace_base": In(range(trace_depth + 1)),
                "words": In(range(-(-config.most_groups // PAIR) + 1)),
                "scan_inputs": Out(1),
                "scan_enable": Out(1),
                "scan_address": Out(index_width(self.scan_depth)),
                "scan_data": In(config.lanes),
                "parts": Out(stream.Signature(row_layout(config))),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layers = self.config, self.config.layers
        m.submodules.scanner = scanner = Scanner(lanes=config.lanes, depth=self.scan_depth, indices=config.most_rows)
        m.submodules.rows = rows = Rows(config)
        wiring.connect(m, scanner.indices, rows.axons)
        wiring.connect(m, rows.parts, wiring.flipped(self.parts))
        layer, words = Signal.like(self.layer), Signal.like(self.words)
        input_base, trace_base = Signal.like(self.input_base), Signal.like(self.trace_base)
        own, own_follows = Signal(), Signal()
        aim = {"own": own, "own_scan": own, "input_base": input_base, "trace_base": trace_base}
        scan_axons(m, config, self, scanner, layer=layer, **aim)
        m.d.comb += [rows.layer.eq(layer), rows.count.eq(words)]
        recurrent = by_layer(self.layer, [int(geometry.layer.recurrent) for geometry in layers])
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.done.eq(1)
                m.d.sync += [
                    layer.eq(self.layer),
                    words.eq(self.words),
                    input_base.eq(self.input_base),
                    trace_base.eq(self.trace_base),
                    own.eq(0),
                    own_follows.eq(recurrent & ~self.first),
                ]
                with m.If(self.start & (self.words != 0)):
                    m.next = "SCAN"
            with m.State("SCAN"):
                m.d.comb += scanner.start.eq(1)
                m.next = "ROWS"
            with m.State("ROWS"), m.If(scanner.done & rows.idle):
                m.next = "IDLE"
                with m.If(own_follows & ~own):
                    m.d.sync += own.eq(1)
                    m.next = "SCAN"
        return m
