"""The order of the backward pass: walks back through steps and layers, then updates the weights."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from .backward import backward_operation
from .config import TrainerConfig
from .dense import Columns, Rows, column_layout, neuron_layout, row_layout
from .forward_pass import job_layout
from .gradient import PAIR
from .scanner import Scanner, scan_axons
from .wiring import by_layer


class BackwardPass(wiring.Component):
    """Runs each job back in time.

        of each step and layer: neurons' gradients → their columns (scan of the gradients)
                                                   → weights' gradients (scan of the spikes)
        then the update of the weights, if the batch ends

    Without ``overlap`` the columns come before the weights' gradients, with it beside them. Both are skipped where the
    layer has no gradient.

    Cycles of a job: 3, or 1 if the batch ends and ``weight_words + 7`` of the update; of each step and layer ``groups +
    stages + 7``, with the ``stages`` of :class:`GradientLane`; with a gradient 1 more, at most ``gradients * parts +
    empty + 9`` for columns of that many ``parts``, where ``empty`` words of gradients have none, and for each scan of
    spikes at least ``parts``, its spikes times the ``words`` of :class:`GradientEngine`, and at most ``2 * parts +
    empty + 6``; at most 39 until the queues are empty. A recurrent layer's own spikes are a second scan, but in the
    first step.
    """

    def __init__(self, config: TrainerConfig, *, input_depth: int, trace_depth: int) -> None:
        self.config = config
        self.input_depth, self.trace_depth = input_depth, trace_depth
        self.scan_depth = max(input_depth, trace_depth)
        super().__init__(
            {
                "job": In(stream.Signature(job_layout(config))),
                "idle": Out(1),
                "valid": Out(1),
                "operation": Out(backward_operation(config)),
                "trace_address": Out(index_width(trace_depth)),
                "step": Out(range(config.setup.steps)),
                "half": Out(1),
                "engine_busy": In(1),
                "base": Out(index_width(config.groups)),
                "nonzero_enable": Out(1),
                "nonzero_address": Out(index_width(config.groups)),
                "nonzero_data": In(config.lanes),
                "indices": Out(stream.Signature(index_width(config.most_groups * config.lanes))),
                "neurons": In(stream.Signature(neuron_layout(config))),
                "columns": Out(stream.Signature(column_layout(config), always_ready=True)),
                "restart": Out(1),
                "words": In(range(-(-config.most_groups // PAIR) + 1)),
                "gradient_queued": In(1),
                "scan_inputs": Out(1),
                "scan_enable": Out(1),
                "scan_address": Out(index_width(self.scan_depth)),
                "scan_data": In(config.lanes),
                "parts": Out(stream.Signature(row_layout(config))),
                "update": Out(1),
                "rate": Out(config.setup.optimiser.rate_width),
                "update_busy": In(1),
                "propagating": Out(1),
                "accumulating": Out(1),
                "updating": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layers, steps = self.config, self.config.layers, self.config.setup.steps
        lanes, overlap, temporal = config.lanes, config.overlap, config.setup.temporal
        layer, step = Signal(range(len(layers)), init=len(layers) - 1), self.step
        group = Signal(range(config.most_groups))
        held = Signal(job_layout(config))
        recurrent = by_layer(layer, [int(geometry.layer.recurrent) for geometry in layers])
        groups = by_layer(layer, [geometry.groups for geometry in layers])
        group_base = by_layer(layer, [geometry.group_base for geometry in layers])
        trace_base = Signal(range(self.trace_depth + 1))
        input_base = Signal(range(self.input_depth + 1))
        m.d.comb += [
            self.half.eq(held.half),
            self.rate.eq(held.rate),
            self.base.eq(group_base),
        ]
        issuing = Signal()
        m.d.sync += [
            self.valid.eq(issuing),
            self.trace_address.eq(trace_base + group_base + group),
            self.operation.layer.eq(layer),
            self.operation.local.eq(group),
            self.operation.group.eq(group_base + group),
            self.operation.last.eq(group == groups - 1),
            self.operation.newest.eq(step == steps - 1),
        ]

        m.submodules.gradient_scanner = neurons = Scanner(
            lanes=lanes, depth=config.groups, indices=config.most_groups * lanes
        )
        m.submodules.columns = columns = Columns(config)
        wiring.connect(m, neurons.indices, wiring.flipped(self.indices))
        wiring.connect(m, wiring.flipped(self.neurons), columns.neurons)
        wiring.connect(m, columns.parts, wiring.flipped(self.columns))
        m.d.comb += [
            neurons.address.eq(group_base),
            neurons.words.eq(groups),
            self.nonzero_enable.eq(neurons.read_enable),
            self.nonzero_address.eq(neurons.read_address),
            neurons.read_data.eq(self.nonzero_data),
            columns.layer.eq(layer),
            columns.own.eq(recurrent & (step != 0) & int(temporal)),
        ]
        propagated = Signal()  # the scan of gradients has been followed to its end
        m.d.comb += propagated.eq(neurons.done & ~self.neurons.valid & columns.idle & ~self.engine_busy)

        m.submodules.spike_scanner = spikes = Scanner(lanes=lanes, depth=self.scan_depth, indices=config.most_rows)
        m.submodules.rows = rows = Rows(config)
        wiring.connect(m, spikes.indices, rows.axons)
        gate = Signal()  # the first part waits until the columns are done, the scan does not
        m.d.comb += [
            self.parts.payload.eq(rows.parts.payload),
            self.parts.valid.eq(rows.parts.valid & gate),
            rows.parts.ready.eq(self.parts.ready & gate),
        ]
        own, own_scan = Signal(), Signal()
        aim = {"own": own, "own_scan": own_scan, "input_base": input_base, "trace_base": trace_base}
        scan_axons(m, config, self, spikes, layer=layer, **aim)
        m.d.comb += [rows.layer.eq(layer), rows.count.eq(self.words)]
        accumulated = Signal()  # the scan of spikes has been followed to its end, but for the queues
        m.d.comb += accumulated.eq(spikes.done & rows.idle)
        sends_back = Signal()  # somebody wants the layer's columns
        m.d.comb += sends_back.eq((layer != 0) | columns.own)
        input_end, trace_end = (
            Mux(held.half, 2 * steps * words, steps * words) if overlap else steps * words
            for words in (config.input_words, config.groups)
        )

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.idle.eq(~self.job.valid), self.job.ready.eq(1)]
                m.d.sync += [layer.eq(len(layers) - 1), step.eq(steps - 1), group.eq(0)]
                with m.If(self.job.valid):
                    m.d.sync += held.eq(self.job.payload)
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.sync += [trace_base.eq(trace_end - config.groups), input_base.eq(input_end - config.input_words)]
                with m.If(held.learn):
                    m.next = "RESTART"
                with m.Else():
                    m.next = "UPDATE"
            with m.State("RESTART"):
                m.d.comb += [self.restart.eq(1), self.propagating.eq(1)]
                m.next = "NEURONS"
            with m.State("NEURONS"):
                m.d.comb += [issuing.eq(1), self.propagating.eq(1)]
                m.d.sync += group.eq(group + 1)
                with m.If(group == groups - 1):
                    m.d.sync += group.eq(0)
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.comb += self.propagating.eq(1)
                with m.If(~self.engine_busy):
                    m.next = "COUNT"
            with m.State("COUNT"):
                m.d.comb += self.propagating.eq(1)
                m.next = "DECIDE"
            with m.State("DECIDE"):
                m.d.comb += self.propagating.eq(1)
                m.next = "NEXT"
                with m.If((self.words != 0) | int(config.setup.traces)):
                    m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += [self.propagating.eq(1), neurons.start.eq(sends_back)]
                m.d.comb += spikes.start.eq(self.words != 0)
                m.d.sync += own_scan.eq(0)
                m.next = "COLUMNS"
                with m.If(~sends_back):
                    m.next = "ROWS"
            with m.State("COLUMNS"):
                m.d.comb += [self.propagating.eq(1), gate.eq(int(overlap)), self.accumulating.eq(gate & ~accumulated)]
                with m.If(propagated):
                    m.next = "ROWS"
            with m.State("OWN_SPIKES"):
                m.d.comb += [self.accumulating.eq(1), spikes.start.eq(self.words != 0)]
                m.d.sync += own_scan.eq(1)
                m.next = "ROWS"
            with m.State("ROWS"):
                m.d.comb += [self.accumulating.eq(1), gate.eq(1)]
                with m.If(accumulated):
                    m.d.sync += own.eq(0)
                    m.next = "NEXT"
                    with m.If(recurrent & (step != 0) & ~own):
                        m.d.sync += own.eq(1)
                        m.next = "OWN_SPIKES"
            with m.State("NEXT"):
                m.d.comb += self.propagating.eq(1)
                m.d.sync += layer.eq(layer - 1)
                m.next = "RESTART"
                with m.If(layer == 0):
                    m.d.sync += [
                        layer.eq(len(layers) - 1),
                        step.eq(step - 1),
                        trace_base.eq(trace_base - config.groups),
                        input_base.eq(input_base - config.input_words),
                    ]
                    with m.If(step == 0):
                        m.next = "FLUSH"
            with m.State("FLUSH"):
                m.d.comb += self.accumulating.eq(1)
                with m.If(~self.gradient_queued):
                    m.next = "UPDATE"
            with m.State("UPDATE"):
                m.d.comb += [self.updating.eq(held.end), self.update.eq(held.end)]
                m.next = "UPDATING"
            with m.State("UPDATING"):
                m.d.comb += self.updating.eq(held.end)
                with m.If(~self.update_busy):
                    m.next = "IDLE"
        return m
