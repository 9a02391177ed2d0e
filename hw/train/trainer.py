"""The trainer: everything that learns, around one memory of weights."""

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .ablation.front import Front, front
from .access import Access, access_layout
from .assess import assessment, error_slot
from .backward import BackwardEngine, GradientTrace
from .backward_pass import BackwardPass
from .config import REPLY_WIDTH, TrainerConfig
from .counters import Counters
from .forward import ForwardEngine, ForwardTrace
from .forward_pass import ForwardPass, result_layout, sample_stream
from .gradient import GradientEngine
from .gradient_pass import GradientPass
from .memories import Banks, WordMemory
from .optimiser import Optimiser
from .wiring import joined, split


class Trainer(wiring.Component):
    """Trains a network on chip by backpropagation through time: the host sends samples and reads results.

        samples → ForwardPass ⇄ ForwardEngine → traces ─┐      results →
                                     ↑ rows             │
                        access ⇄ weights, momenta, …    │  loss
                                     ↓ columns          ↓
                  BackwardPass ⇄ BackwardEngine → GradientEngine → Optimiser → weights

    ``samples``: :func:`sample_stream`; ``results``: :func:`result_layout`, one for each sample; ``access`` and
    ``reply``: :mod:`.access`, taken while nothing is at work. One clock; reset is synchronous and active high. After
    reset momenta and sums of gradients are set to zero, a word a cycle, which takes as many cycles as a bank has words;
    weights are kept, and undefined until they are written.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        super().__init__(
            {
                "samples": In(sample_stream(config)),
                "results": Out(stream.Signature(result_layout(config))),
                "access": In(stream.Signature(access_layout(config))),
                "reply": Out(stream.Signature(REPLY_WIDTH)),
                "idle": Out(1),
            }
        )

        traces = {"forward": ForwardTrace(config), "backward": GradientTrace(config)}
        self.probes = {  # signals for benches: every update and every gradient, ``lanes`` neurons at a time
            (unit, name): Signal(member.shape, name=f"probe_{unit}_{name}")
            for unit, trace in traces.items()
            for name, member in trace.members.items()
        }

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, lanes = self.config, self.config.lanes
        m.submodules.forward_pass = ahead = ForwardPass(config)
        m.submodules.backward_pass = back = BackwardPass(
            config, input_depth=ahead.input_depth, trace_depth=ahead.trace_depth
        )
        m.submodules.gradient_pass = sums = GradientPass(
            config, input_depth=ahead.input_depth, trace_depth=ahead.trace_depth
        )
        m.submodules.forward = forward = ForwardEngine(config)
        m.submodules.backward = backward = BackwardEngine(config)
        m.submodules.gradient = gradient = GradientEngine(config)
        m.submodules.optimiser = optimiser = Optimiser(config)
        m.submodules.access = access = Access(config)
        m.submodules.assessment = judge = assessment(config)
        m.submodules.counters = counters = Counters(step=3 * lanes)
        blocks = None if config.forward == "events" else front(config)

        wiring.connect(m, wiring.flipped(self.samples), ahead.samples)
        wiring.connect(m, ahead.results, wiring.flipped(self.results))
        wiring.connect(m, ahead.job, back.job)
        wiring.connect(m, wiring.flipped(self.access), access.requests)
        wiring.connect(m, access.replies, wiring.flipped(self.reply))
        resting = Signal()
        m.d.comb += [
            resting.eq(ahead.idle & back.idle & ~access.wiping),
            self.idle.eq(resting & ~access.busy),
            access.enable.eq(resting),
            ahead.enable.eq(~access.wiping & ~access.busy),
            ahead.backward_idle.eq(back.idle),
        ]
        if config.recompute:
            m.d.comb += [
                ahead.recall.eq(back.recall),
                ahead.recall_step.eq(back.step),
                back.recalling.eq(ahead.recalling),
            ]

        self._weights(m, ahead, back, forward, backward, optimiser, access, blocks)
        self._momenta(m, optimiser, access)
        self._gradients(m, back, sums, backward, gradient, optimiser, access)
        self._traces(m, ahead, back, sums, forward, backward)

        # The forward engine, and what judges its outputs.
        last = config.layers[-1]
        seen = forward.trace.valid & ~ahead.recalling if config.recompute else forward.trace.valid  # for the first time
        m.d.comb += [
            forward.valid.eq(blocks.engine_valid if blocks else ahead.valid),
            forward.operation.eq(blocks.engine_operation if blocks else ahead.operation),
            ahead.engine_busy.eq(forward.busy | blocks.busy if blocks else forward.busy),
            judge.output_valid.eq(seen & (forward.trace.layer == len(config.layers) - 1)),
            judge.first.eq(ahead.first_step),
            judge.group.eq(forward.trace.group - last.group_base),
            judge.outputs.eq(forward.trace.spikes if last.layer.model.spiking else forward.trace.membranes),
            judge.start.eq(ahead.assess),
            judge.opening.eq(ahead.first_step),
            judge.slot.eq(ahead.assess_slot),
            judge.label.eq(ahead.label),
            ahead.assessed.eq(judge.done),
            ahead.loss.eq(judge.loss),
            ahead.prediction.eq(judge.prediction),
        ]
        m.d.comb += [
            judge.error_address.eq(error_slot(config, back.step, back.half) * last.groups + back.operation.local),
            backward.errors.eq(judge.errors),
        ]

        # The optimiser, the generators behind the access port, and the counts.
        m.d.comb += [
            optimiser.start.eq(back.update),
            optimiser.rate.eq(back.rate),
            back.update_busy.eq(optimiser.busy),
            optimiser.load.eq(access.load_generator),
            optimiser.seed.eq(access.written),
            access.generators.eq(optimiser.states),
            access.pending.eq(ahead.pending),
            ahead.pending_load.eq(access.load_pending),
            ahead.pending_new.eq(access.written),
            access.count.eq(counters.value),
            counters.index.eq(access.counter),
            counters.clear.eq(access.clear_counter),
        ]
        ended = ahead.results.valid & ahead.results.ready
        result = ahead.results.payload
        m.d.comb += [
            counters.samples.eq(ended),
            counters.correct.eq(ended & (result.prediction == result.label)),
            counters.rejected.eq(ended & result.rejected),
            counters.load_cycles.eq(ahead.loading),
            counters.forward_cycles.eq(ahead.running),
            counters.assess_cycles.eq(ahead.assessing),
            counters.backward_cycles.eq(back.propagating),
            counters.gradient_cycles.eq(back.accumulating),
            counters.update_cycles.eq(back.updating | blocks.reading if blocks else back.updating),
            counters.busy_cycles.eq(~(ahead.idle & back.idle)),
            counters.forward_words.eq(ahead.valid & ~ahead.operation.update),
            counters.backward_words.eq(back.columns.valid & ~back.columns.payload.end),
            counters.gradient_pairs.eq(gradient.pairs),
            counters.update_words.eq(optimiser.write),
            counters.forward_saturations.eq(_ones(forward.trace.saturated, seen)),
            counters.backward_saturations.eq(Mux(backward.trace.valid, backward.trace.saturations, 0)),
            counters.momentum_saturations.eq(optimiser.saturations),
        ]
        for (unit, name), probe in self.probes.items():
            value = getattr((forward if unit == "forward" else backward).trace, name)
            m.d.comb += probe.eq(seen if (unit, name) == ("forward", "valid") else value)
        return m

    def _weights(
        self,
        m: Module,
        ahead: ForwardPass,
        back: BackwardPass,
        forward: ForwardEngine,
        backward: BackwardEngine,
        optimiser: Optimiser,
        access: Access,
        blocks: Front | None,
    ) -> None:
        """One memory that serves rows to the forward engine, or to what stands before it, and columns to the backward
        engine."""
        config, lanes = self.config, self.config.lanes
        m.submodules.weights = weights = Banks(
            lanes=lanes,
            depth=config.weight_words,
            width=config.setup.weight_width,
            copies=2 if config.overlap else 1,
            registered=True,
        )
        columns = weights.read1 if config.overlap else weights.read0
        row = blocks.address if blocks else ahead.row_address
        row = Mux(optimiser.busy, optimiser.address, Mux(access.reading, access.address, row))
        for lane in range(lanes):
            in_column = back.columns.payload.addresses[lane]
            if config.overlap:
                m.d.comb += [weights.read0.address[lane].eq(row), weights.read1.address[lane].eq(in_column)]
            else:
                m.d.comb += weights.read0.address[lane].eq(Mux(back.columns.valid, in_column, row))
            m.d.comb += [
                weights.write.enable[lane].eq(optimiser.write | access.write_weights[lane]),
                weights.write.address[lane].eq(Mux(optimiser.write, optimiser.write_address, access.address)),
            ]
        m.d.comb += [
            weights.read0.enable.eq(1),
            columns.enable.eq(1),
            weights.write.data.eq(
                Mux(optimiser.write, optimiser.new_weights, access.to_all(config.setup.weight_width))
            ),
            forward.weights.eq(blocks.sums if blocks else weights.read0.data.as_value()),
            backward.weights.eq(columns.data.as_value()),
            optimiser.weights.eq(weights.read0.data.as_value()),
            access.weights.eq(weights.read0.data.as_value()),
        ]

        if blocks:
            m.submodules.front = blocks
            m.d.comb += [
                blocks.valid.eq(ahead.valid),
                blocks.operation.eq(ahead.operation),
                blocks.row_address.eq(ahead.row_address),
                blocks.spikes.eq(ahead.block_spikes),
                blocks.changed.eq(optimiser.write | access.write_weights.any()),
                blocks.wanted.eq(ahead.blocks_wanted),
                blocks.banks.eq(weights.read0.data.as_value()),
                ahead.blocks_ready.eq(blocks.ready),
            ]

    def _momenta(self, m: Module, optimiser: Optimiser, access: Access) -> None:
        config, width = self.config, self.config.setup.optimiser.momentum_width
        m.submodules.momenta = momenta = Banks(
            lanes=config.lanes, depth=config.weight_words, width=width, registered=True
        )
        write = optimiser.write
        for lane in range(config.lanes):
            m.d.comb += [
                momenta.read0.address[lane].eq(Mux(optimiser.busy, optimiser.address, access.address)),
                momenta.write.enable[lane].eq(write | access.write_momenta[lane] | access.wiping),
                momenta.write.address[lane].eq(
                    Mux(write, optimiser.write_address, Mux(access.wiping, access.wipe_address, access.address))
                ),
            ]
        m.d.comb += [
            momenta.read0.enable.eq(1),
            momenta.write.data.eq(Mux(write, optimiser.new_momenta, Mux(access.wiping, 0, access.to_all(width)))),
            optimiser.momenta.eq(momenta.read0.data.as_value()),
            access.momenta.eq(momenta.read0.data.as_value()),
        ]

    def _gradients(
        self,
        m: Module,
        back: BackwardPass,
        sums: GradientPass,
        backward: BackwardEngine,
        gradient: GradientEngine,
        optimiser: Optimiser,
        access: Access,
    ) -> None:
        """The backward engine's gradients: into the lists, into the map that is scanned, and into the sums."""
        config, trace = self.config, backward.trace
        m.submodules.nonzero = nonzero = WordMemory(depth=config.groups, width=config.lanes)
        wiring.connect(m, sums.parts, gradient.parts)
        wiring.connect(m, back.indices, backward.indices)
        wiring.connect(m, backward.neurons, back.neurons)
        wiring.connect(m, back.columns, backward.parts)
        wipe = access.wiping
        m.d.comb += [
            backward.valid.eq(back.valid),
            backward.operation.eq(back.operation),
            backward.base.eq(back.base),
            backward.own.eq(back.own),
            back.engine_busy.eq(backward.busy),
            nonzero.write_enable.eq(trace.valid),
            nonzero.write_address.eq(trace.group),
            nonzero.write_data.eq(trace.nonzero),
            nonzero.read_enable.eq(back.nonzero_enable),
            nonzero.read_address.eq(back.nonzero_address),
            back.nonzero_data.eq(nonzero.read_data),
            gradient.restart.eq(back.restart),
            gradient.append.eq(trace.valid),
            gradient.group.eq(trace.local),
            gradient.gradients.eq(trace.weight_gradients),
            gradient.nonzero.eq(trace.learning),
            sums.start.eq(back.accumulate),
            sums.layer.eq(back.layer),
            sums.first.eq(back.step == 0),
            sums.input_base.eq(back.input_base),
            sums.trace_base.eq(back.trace_base),
            sums.words.eq(gradient.words),
            back.accumulated.eq(sums.done),
            back.gradient_queued.eq(gradient.queued),
            gradient.own.eq(~back.adding),
            gradient.address.eq(Mux(optimiser.busy, optimiser.address, access.address)),
            gradient.write_enable.eq(Mux(optimiser.write | wipe, (1 << config.lanes) - 1, access.write_sums)),
            gradient.write_address.eq(
                Mux(optimiser.write, optimiser.write_address, Mux(wipe, access.wipe_address, access.address))
            ),
            gradient.write_data.eq(Mux(optimiser.write | wipe, 0, access.to_all(config.setup.sum_width))),
            optimiser.sums.eq(gradient.sums),
            access.sums.eq(gradient.sums),
        ]

    def _traces(
        self,
        m: Module,
        ahead: ForwardPass,
        back: BackwardPass,
        sums: GradientPass,
        forward: ForwardEngine,
        backward: BackwardEngine,
    ) -> None:
        """What the forward pass leaves for the backward pass: spikes, surrogate derivatives, potentials if need be."""
        config, lanes, trace = self.config, self.config.lanes, forward.trace
        m.submodules.input_spikes = inputs = Banks(lanes=1, depth=ahead.input_depth, width=lanes, copies=2)
        m.submodules.spikes = spikes = Banks(lanes=1, depth=ahead.trace_depth, width=lanes, copies=3)
        m.submodules.derivatives = derivatives = WordMemory(
            depth=ahead.trace_depth, width=lanes * config.derivative_width
        )
        m.submodules.masks = masks = WordMemory(depth=ahead.trace_depth, width=lanes)
        window = [part.any() for part in split(trace.derivatives, lanes, is_signed=False)]
        written = Signal(range(ahead.trace_depth))
        m.d.comb += [
            written.eq(ahead.trace_base + trace.group),
            inputs.write.enable.eq(ahead.input_write),
            inputs.write.address[0].eq(ahead.input_address),
            inputs.write.data[0].eq(ahead.input_spikes),
            spikes.write.enable.eq(trace.valid),
            spikes.write.address[0].eq(written),
            spikes.write.data[0].eq(trace.spikes),
            derivatives.write_enable.eq(trace.valid),
            derivatives.write_address.eq(written),
            derivatives.write_data.eq(trace.derivatives),
            masks.write_enable.eq(trace.valid),
            masks.write_address.eq(written),
            masks.write_data.eq(joined(window)),
            masks.read_enable.eq(back.mask_enable),
            masks.read_address.eq(back.mask_address),
            back.mask_data.eq(masks.read_data),
            spikes.read2.enable.eq(1),
            spikes.read2.address[0].eq(back.trace_address),
            derivatives.read_enable.eq(1),
            derivatives.read_address.eq(back.trace_address),
            backward.spikes.eq(spikes.read2.data[0]),
            backward.derivatives.eq(derivatives.read_data),
        ]
        for scan, of_inputs, of_spikes in ((ahead, inputs.read0, spikes.read0), (sums, inputs.read1, spikes.read1)):
            m.d.comb += [
                of_inputs.enable.eq(scan.scan_enable),
                of_inputs.address[0].eq(scan.scan_address),
                of_spikes.enable.eq(scan.scan_enable),
                of_spikes.address[0].eq(scan.scan_address),
                scan.scan_data.eq(Mux(scan.scan_inputs, of_inputs.data[0], of_spikes.data[0])),
            ]
        if config.keeps_membrane:
            depth = config.groups if config.recompute else ahead.trace_depth
            m.submodules.membranes = membranes = WordMemory(depth=depth, width=lanes * config.state_width)
            m.d.comb += [
                membranes.write_enable.eq(trace.valid),
                membranes.write_address.eq(trace.group if config.recompute else written),
                membranes.write_data.eq(trace.membranes),
                membranes.read_enable.eq(1),
                membranes.read_address.eq(back.operation.group if config.recompute else back.trace_address),
                backward.membranes.eq(membranes.read_data),
            ]


def _ones(bits: Value, enable: Value) -> Value:
    return Mux(enable, sum((bit for bit in bits), Const(0)), 0)
