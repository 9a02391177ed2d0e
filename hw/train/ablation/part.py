"""The part of a trainer that runs samples forward, by itself: to be measured beside the same part done otherwise."""

from amaranth.hdl import Module, Mux
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...config import index_width
from ..config import TrainerConfig
from ..forward import ForwardEngine, ForwardTrace
from ..forward_pass import ForwardPass, sample_stream
from ..memories import Banks
from .front import front


def update_layout(config: TrainerConfig) -> data.StructLayout:
    """A word of all banks of weights, as the optimiser writes it."""
    return data.StructLayout(
        {"address": index_width(config.weight_words), "weights": config.lanes * config.setup.weight_width}
    )


class ForwardPart(wiring.Component):
    """Forward pass and engine, weights and spikes; no loss, nothing that learns.

        samples → ForwardPass → (Front) → ForwardEngine → trace
                  spikes ↗         ↑ updates → weights

    ``samples``: as of a trainer; whether to learn, and from which label, is of no matter. ``updates``: new weights,
    taken at any time, to be sent while ``idle``. ``copying``: weights are being copied into tables or elements.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        super().__init__(
            {
                "samples": In(sample_stream(config)),
                "updates": In(stream.Signature(update_layout(config))),
                "trace": Out(ForwardTrace(config)),
                "copying": Out(1),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, lanes, width = self.config, self.config.lanes, self.config.setup.weight_width
        m.submodules.forward_pass = ahead = ForwardPass(config)
        m.submodules.forward = forward = ForwardEngine(config)
        m.submodules.weights = weights = Banks(lanes=lanes, depth=config.weight_words, width=width, registered=True)
        wiring.connect(m, wiring.flipped(self.samples), ahead.samples)
        wiring.connect(m, forward.trace, wiring.flipped(self.trace))
        m.d.comb += [
            ahead.enable.eq(~self.updates.valid),
            ahead.backward_idle.eq(1),
            ahead.results.ready.eq(1),
            ahead.job.ready.eq(1),
            ahead.assessed.eq(1),
            self.idle.eq(ahead.idle),
            self.updates.ready.eq(1),
            weights.read0.enable.eq(1),
            weights.write.data.eq(self.updates.payload.weights),
        ]
        banks = weights.read0.data.as_value()
        if config.forward == "events":
            row = ahead.row_address
            m.d.comb += [
                forward.valid.eq(ahead.valid),
                forward.operation.eq(ahead.operation),
                forward.weights.eq(banks),
                ahead.engine_busy.eq(forward.busy),
            ]
        else:
            m.submodules.front = blocks = front(config)
            row = blocks.address
            m.d.comb += [
                blocks.valid.eq(ahead.valid),
                blocks.operation.eq(ahead.operation),
                blocks.row_address.eq(ahead.row_address),
                blocks.spikes.eq(ahead.block_spikes),
                blocks.changed.eq(self.updates.valid),
                blocks.wanted.eq(ahead.blocks_wanted),
                blocks.banks.eq(banks),
                ahead.blocks_ready.eq(blocks.ready),
                self.copying.eq(blocks.reading),
                forward.valid.eq(blocks.engine_valid),
                forward.operation.eq(blocks.engine_operation),
                forward.weights.eq(blocks.sums),
                ahead.engine_busy.eq(forward.busy | blocks.busy),
            ]
        for lane in range(lanes):
            m.d.comb += [
                weights.read0.address[lane].eq(row),
                weights.write.enable[lane].eq(self.updates.valid),
                weights.write.address[lane].eq(self.updates.payload.address),
            ]
        self._spikes(m, ahead)
        return m

    def _spikes(self, m: Module, ahead: ForwardPass) -> None:
        """The spikes that are scanned: inputs and, where they are axons too, those of the layers."""
        config, lanes, trace = self.config, self.config.lanes, self.trace
        m.submodules.input_spikes = inputs = Banks(lanes=1, depth=ahead.input_depth, width=lanes)
        m.d.comb += [
            inputs.write.enable.eq(ahead.input_write),
            inputs.write.address[0].eq(ahead.input_address),
            inputs.write.data[0].eq(ahead.input_spikes),
            inputs.read0.enable.eq(ahead.scan_enable),
            inputs.read0.address[0].eq(ahead.scan_address),
            ahead.scan_data.eq(inputs.read0.data[0]),
        ]
        if len(config.layers) == 1 and not config.layers[0].layer.recurrent:
            return
        m.submodules.spikes = spikes = Banks(lanes=1, depth=ahead.trace_depth, width=lanes)
        m.d.comb += [
            spikes.write.enable.eq(trace.valid),
            spikes.write.address[0].eq(ahead.trace_base + trace.group),
            spikes.write.data[0].eq(trace.spikes),
            spikes.read0.enable.eq(ahead.scan_enable),
            spikes.read0.address[0].eq(ahead.scan_address),
            ahead.scan_data.eq(Mux(ahead.scan_inputs, inputs.read0.data[0], spikes.read0.data[0])),
        ]
