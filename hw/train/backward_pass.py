"""The order of the backward pass: walks back through steps and layers, then updates the weights."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from .backward import backward_operation
from .config import TrainerConfig
from .dense import ListedColumns, column_layout, neuron_layout
from .forward_pass import job_layout
from .masks import MaskLists
from .replay import Replay
from .scanner import Scanner
from .wiring import by_layer


class BackwardPass(wiring.Component):
    """Runs each job back in time.

        of each step and layer: gradients behind it → list → columns, for its neurons inside the surrogate's window
                                                    → its neurons' gradients → weights' gradients (``accumulate``)
        then the update of the weights, if the batch ends

    The gradients of the layer behind, and its own of the step after if it is recurrent, are found once and multiplied
    for the first round as they are found, then again for every other from a list. A round is one neuron of each lane,
    of those that the mask names (:class:`MaskLists`). Where there is no gradient, or no neuron, nothing is done.

    ``adding``: gradients may be on their way to the weights', whose memory belongs to the engine so long.

    Without ``overlap`` a layer waits until the weights' gradients of the one before it are done, with it only before
    its neurons' gradients, whose lists they read. With ``recompute`` the forward pass runs the sample again up to each
    step but the newest, before that step's gradients.

    Cycles of a job, beside the forward pass's: 3, or 1 if the batch ends and ``weight_words + 7`` of the update; of
    each step and layer ``groups + stages + 7``, with the ``stages`` of :class:`GradientLane`; at most ``groups +
    3`` more until the masks are read; what each scan of gradients takes, ``max(ones, 1)`` of every word and 3 more,
    or 5 if the last word has a one; with a gradient ``gradients * (rounds - 1) + rounds + 7``; with
    ``recompute`` 2 for each step but the newest; and what :class:`.gradient_pass.GradientPass` takes.
    """

    def __init__(self, config: TrainerConfig, *, input_depth: int, trace_depth: int) -> None:
        self.config = config
        self.input_depth, self.trace_depth = input_depth, trace_depth
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
                "own": Out(1),
                "nonzero_enable": Out(1),
                "nonzero_address": Out(index_width(config.groups)),
                "nonzero_data": In(config.lanes),
                "mask_enable": Out(1),
                "mask_address": Out(index_width(trace_depth)),
                "mask_data": In(config.lanes),
                "indices": Out(stream.Signature(index_width(config.most_groups * config.lanes), always_ready=True)),
                "neurons": In(stream.Signature(neuron_layout(config), always_ready=True)),
                "columns": Out(stream.Signature(column_layout(config), always_ready=True)),
                "restart": Out(1),
                "accumulate": Out(1),
                "layer": Out(range(len(config.layers))),
                "input_base": Out(range(input_depth + 1)),
                "trace_base": Out(range(trace_depth + 1)),
                "accumulated": In(1),
                "gradient_queued": In(1),
                "adding": Out(1),
                "update": Out(1),
                "rate": Out(config.setup.optimiser.rate_width),
                "update_busy": In(1),
                "propagating": Out(1),
                "accumulating": Out(1),
                "updating": Out(1),
            }
            | ({"recall": Out(1), "recalling": In(1)} if config.recompute else {})
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layers, steps = self.config, self.config.layers, self.config.setup.steps
        lanes, overlap, temporal = config.lanes, config.overlap, config.setup.temporal
        layer, step = self.layer, self.step
        trace_base, input_base = self.trace_base, self.input_base
        group = Signal(range(config.most_groups))
        held = Signal(job_layout(config))
        recurrent = by_layer(layer, [int(geometry.layer.recurrent) for geometry in layers])
        groups = by_layer(layer, [geometry.groups for geometry in layers])
        group_base = by_layer(layer, [geometry.group_base for geometry in layers])
        behind = [*layers[1:], layers[-1]]
        m.d.comb += [self.half.eq(held.half), self.rate.eq(held.rate)]
        issuing, arrived = Signal(), Signal()
        m.d.sync += [
            self.valid.eq(issuing),
            self.trace_address.eq(trace_base + group_base + group),
            self.operation.layer.eq(layer),
            self.operation.local.eq(group),
            self.operation.group.eq(group_base + group),
            self.operation.last.eq(group == groups - 1),
            self.operation.newest.eq(step == steps - 1),
            self.operation.arrived.eq(arrived),
        ]

        m.submodules.masks = masks = MaskLists(config, depth=self.trace_depth)
        m.d.comb += [
            masks.address.eq(trace_base + group_base),
            masks.words.eq(groups),
            self.mask_enable.eq(masks.read_enable),
            self.mask_address.eq(masks.read_address),
            masks.read_data.eq(self.mask_data),
        ]

        own = Signal()  # the gradients that are scanned are the layer's own of the step after
        m.submodules.scanner = scanner = Scanner(lanes=lanes, depth=config.groups, indices=config.most_groups * lanes)
        m.d.comb += [
            self.base.eq(Mux(own, group_base, by_layer(layer, [geometry.group_base for geometry in behind]))),
            self.own.eq(own),
            scanner.address.eq(self.base),
            scanner.words.eq(Mux(own, groups, by_layer(layer, [geometry.groups for geometry in behind]))),
            self.nonzero_enable.eq(scanner.read_enable),
            self.nonzero_address.eq(scanner.read_address),
            scanner.read_data.eq(self.nonzero_data),
            self.indices.valid.eq(scanner.indices.valid),
            self.indices.payload.eq(scanner.indices.payload),
            scanner.indices.ready.eq(1),
        ]
        m.submodules.list = listed = Replay(
            neuron_layout(config), depth=self._most_gradients(), most_rounds=config.most_groups
        )
        m.submodules.columns = columns = ListedColumns(config)
        wiring.connect(m, wiring.flipped(self.neurons), listed.items)
        wiring.connect(m, listed.entries, columns.entries)
        wiring.connect(m, columns.parts, wiring.flipped(self.columns))
        m.d.comb += [
            listed.rounds.eq(masks.rounds),
            columns.layer.eq(layer),
            columns.groups.eq(masks.groups),
            columns.filled.eq(masks.filled),
            # Lists that are replayed are not empty: there are two cycles between two ends.
            masks.advance.eq(listed.entries.valid & listed.entries.payload.end),
        ]
        from_behind, from_own = Signal(), Signal()
        m.d.comb += [
            from_behind.eq(layer != len(layers) - 1),
            from_own.eq(recurrent & (step != steps - 1) & int(temporal)),
        ]
        input_end, trace_end = (
            Mux(held.half, 2 * steps * words, steps * words) if overlap else steps * words
            for words in (config.input_words, config.groups)
        )
        free = self.accumulated | int(overlap)  # of the weights' gradients before

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.idle.eq(~self.job.valid), self.job.ready.eq(1)]
                m.d.sync += [layer.eq(len(layers) - 1), step.eq(steps - 1), group.eq(0)]
                with m.If(self.job.valid):
                    m.d.sync += held.eq(self.job.payload)
                    m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.sync += [trace_base.eq(trace_end - config.groups), input_base.eq(input_end - config.input_words)]
                m.d.sync += self.adding.eq(held.learn)
                with m.If(held.learn):
                    m.next = "MASKS"
                with m.Else():
                    m.next = "UPDATE"
            with m.State("MASKS"):
                m.d.comb += [self.propagating.eq(1), masks.start.eq(1)]
                m.d.sync += [arrived.eq(0), own.eq(~from_behind & from_own)]
                m.next = "WAIT"
            with m.State("WAIT"):
                m.d.comb += [self.propagating.eq(free), self.accumulating.eq(~self.accumulated)]
                with m.If(free):
                    with m.If(~(from_behind | from_own)):
                        m.next = "READY"
                    with m.Elif(masks.done):
                        m.next = "READY"
                        with m.If(masks.rounds != 0):
                            m.next = "SCAN"
            with m.State("SCAN"):
                m.d.comb += [self.propagating.eq(1), self.accumulating.eq(~self.accumulated)]
                m.d.comb += [scanner.start.eq(1), listed.start.eq(~(own & from_behind))]
                m.next = "FIRST_ROUND"
            with m.State("FIRST_ROUND"):
                m.d.comb += [self.propagating.eq(1), self.accumulating.eq(~self.accumulated)]
                with m.If(scanner.done & ~self.neurons.valid):
                    with m.If(from_own & ~own):
                        m.d.sync += own.eq(1)
                        m.next = "SCAN"
                    with m.Elif(listed.count == 0):
                        m.next = "READY"
                    with m.Else():
                        m.next = "ROUNDS"
            with m.State("ROUNDS"):
                m.d.comb += [self.propagating.eq(1), self.accumulating.eq(~self.accumulated)]
                m.d.comb += listed.complete.eq(1)
                m.d.sync += arrived.eq(1)
                with m.If(listed.done & ~listed.entries.valid & ~self.engine_busy):
                    m.next = "READY"
            with m.State("READY"):
                m.d.comb += [self.propagating.eq(1), self.accumulating.eq(~self.accumulated)]
                with m.If(self.accumulated):
                    m.d.comb += self.restart.eq(1)
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
                    m.next = "NEXT"
            with m.State("NEXT"):
                m.d.comb += [self.propagating.eq(1), self.accumulate.eq(1)]
                m.d.sync += layer.eq(layer - 1)
                m.next = "MASKS"
                with m.If(layer == 0):
                    m.d.sync += [
                        layer.eq(len(layers) - 1),
                        step.eq(step - 1),
                        trace_base.eq(trace_base - config.groups),
                        input_base.eq(input_base - config.input_words),
                    ]
                    if config.recompute:
                        m.next = "RECALL"
                    with m.If(step == 0):
                        m.next = "FLUSH"
            if config.recompute:  # when nobody reads the spikes, which are written again
                with m.State("RECALL"):
                    m.d.comb += [self.propagating.eq(self.accumulated), self.accumulating.eq(~self.accumulated)]
                    m.d.comb += self.recall.eq(self.accumulated)
                    with m.If(self.accumulated):
                        m.next = "RECALLING"
                with m.State("RECALLING"), m.If(~self.recalling):
                    m.d.comb += self.propagating.eq(1)
                    m.next = "MASKS"
            with m.State("FLUSH"):
                m.d.comb += self.accumulating.eq(1)
                with m.If(self.accumulated & ~self.gradient_queued):
                    m.d.sync += self.adding.eq(0)
                    m.next = "UPDATE"
            with m.State("UPDATE"):
                m.d.comb += [self.updating.eq(held.end), self.update.eq(held.end)]
                m.next = "UPDATING"
            with m.State("UPDATING"):
                m.d.comb += self.updating.eq(held.end)
                with m.If(~self.update_busy):
                    m.next = "IDLE"
        return m

    def _most_gradients(self) -> int:
        """Neurons whose gradients may go back to one layer."""
        layers = [geometry.layer for geometry in self.config.layers]
        behind = [*(layer.neurons for layer in layers[1:]), 0]
        most = (count + (layer.neurons if layer.recurrent else 0) for count, layer in zip(behind, layers, strict=True))
        return max(1, *most)
