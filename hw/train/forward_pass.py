"""The order of the forward pass: takes samples, walks through steps and layers, asks for the loss."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Member, Out

from ..config import index_width
from .ablation.blocks import block_ports, scan_blocks
from .assess import LOSS_WIDTH, error_slot
from .config import TrainerConfig
from .dense import ListedRows, axon_shape
from .forward import forward_operation
from .replay import Replay
from .scanner import Scanner, scan_axons
from .wiring import by_layer


def header_layout(config: TrainerConfig) -> data.StructLayout:
    """The word that begins a sample: its ``label``, whether to ``learn`` from it, whether the batch ``end`` s with it,
    and then the ``rate`` of the update."""
    return data.StructLayout(
        {"label": config.label_width, "learn": 1, "end": 1, "rate": config.setup.optimiser.rate_width}
    )


def sample_stream(config: TrainerConfig) -> stream.Signature:
    """Words of a sample: the header, then of each step the input spikes, ``lanes`` a word, the first in the low bit."""
    return stream.Signature(max(config.lanes, header_layout(config).size))


def result_layout(config: TrainerConfig) -> data.StructLayout:
    """What comes of a sample: its ``label``, the ``prediction``, the ``loss``; ``rejected``: nothing was learned
    although it was asked for, because the label is out of range or the batch is full."""
    return data.StructLayout(
        {"label": config.label_width, "prediction": config.label_width, "loss": LOSS_WIDTH, "rejected": 1}
    )


def job_layout(config: TrainerConfig) -> data.StructLayout:
    """What the backward pass is handed: ``half`` of the traces to ``learn`` from, and as in the header."""
    return data.StructLayout({"half": 1, "learn": 1, "end": 1, "rate": config.setup.optimiser.rate_width})


def recall_ports(config: TrainerConfig) -> dict[str, Member]:
    """What a forward pass has that recomputes potentials: ``recall``, taken after a sample has been handed on, runs it
    again up to ``recall_step``; ``recalling`` so long."""
    if not config.recompute:
        return {}
    return {"recall": In(1), "recall_step": In(range(config.setup.steps)), "recalling": Out(1)}


class ForwardPass(wiring.Component):
    """Runs each sample forward and hands it to the backward pass.

        samples → input spikes; scan of a layer's axons → list → rows → operations of the engine; loss → results, jobs

    A layer's groups come one after the other: the axons that spiked are found once, added for the first group as they
    are found, and again for every other from a list.

    ``job`` is taken when the backward pass is free; without ``overlap`` the next sample is not begun before that pass
    has ended (``backward_idle``), with it only after an update of the weights.

    Cycles of a sample: 4 (header, wait, result, job) and its words; of each step and layer ``spikes * (groups - 1) +
    groups + 9`` and what each scan of its axons takes, ``max(ones, 1)`` of every word and 3 more, or 4 if the last
    word has a one; then the loss. A recurrent layer's own spikes are a second scan from the second step on. With a
    loss at every step, the last layer's updates wait until the step before has been assessed.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        self.input_depth = config.setup.steps * config.input_words * config.halves
        self.trace_depth = config.setup.steps * config.groups * config.halves
        self.scan_depth = max(self.input_depth, self.trace_depth)
        super().__init__(
            {
                "enable": In(1),
                "samples": In(sample_stream(config)),
                "results": Out(stream.Signature(result_layout(config))),
                "job": Out(stream.Signature(job_layout(config))),
                "backward_idle": In(1),
                "pending": Out(range(config.setup.batch + 1)),
                "pending_load": In(1),
                "pending_new": In(range(config.setup.batch + 1)),
                "input_write": Out(1),
                "input_address": Out(index_width(self.input_depth)),
                "input_spikes": Out(config.lanes),
                "scan_inputs": Out(1),
                "scan_enable": Out(1),
                "scan_address": Out(index_width(self.scan_depth)),
                "scan_data": In(config.lanes),
                "row_address": Out(index_width(config.forward_words)),
                "valid": Out(1),
                "operation": Out(forward_operation(config)),
                "engine_busy": In(1),
                "trace_base": Out(index_width(self.trace_depth)),
                "first_step": Out(1),
                "assess": Out(1),
                "assess_slot": Out(index_width(2 * config.setup.steps)),
                "assessed": In(1),
                "label": Out(config.label_width),
                "loss": In(LOSS_WIDTH),
                "prediction": In(config.label_width),
                "loading": Out(1),
                "running": Out(1),
                "assessing": Out(1),
                "idle": Out(1),
            }
            | block_ports(config)
            | recall_ports(config)
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, layers, steps = self.config, self.config.layers, self.config.setup.steps
        lanes = config.lanes
        if config.forward == "events":
            m.submodules.scanner = scanner = Scanner(lanes=lanes, depth=self.scan_depth, indices=config.most_rows)
            m.submodules.rows = rows = ListedRows(config)
            shape, most = axon_shape(config), max(layer.layer.axons for layer in layers)
        else:
            scanner, rows, shape, most = scan_blocks(m, config, self.scan_depth)
            m.d.comb += self.block_spikes.eq(rows.parts.payload.spikes)
        m.submodules.list = listed = Replay(shape, depth=most, most_rounds=config.most_groups)
        wiring.connect(m, listed.entries, rows.entries)
        m.d.comb += [
            listed.items.valid.eq(scanner.indices.valid),
            listed.items.payload.eq(scanner.indices.payload),
            scanner.indices.ready.eq(1),
        ]

        header = data.View(header_layout(config), self.samples.payload[: header_layout(config).size])
        held = Signal(header_layout(config))
        learn, rejected, half, updating_weights = Signal(), Signal(), Signal(), Signal()
        layer, step = Signal(range(len(layers))), Signal(range(steps))
        last_layer, last_step = Signal(), Signal()
        input_base = Signal(range(self.input_depth + 1))  # of the step's input spikes
        m.d.comb += [
            last_layer.eq(layer == len(layers) - 1),
            last_step.eq(step == steps - 1),
            self.first_step.eq(step == 0),
            self.label.eq(held.label),
        ]
        recurrent = Signal()  # a scan of the layer's own spikes follows
        m.d.comb += recurrent.eq(by_layer(layer, [int(geometry.layer.recurrent) for geometry in layers]) & (step != 0))
        own, own_scan = Signal(), Signal()
        aim = {"own": own, "own_scan": own_scan, "input_base": input_base, "trace_base": self.trace_base}
        scan_axons(m, config, self, scanner, layer=layer, **aim)
        groups = by_layer(layer, [geometry.groups for geometry in layers])
        part = rows.parts.payload
        m.d.comb += [
            listed.rounds.eq(groups),
            rows.layer.eq(layer),
            self.row_address.eq(part.row + part.position),
            self.valid.eq(rows.parts.valid),
            self.operation.update.eq(part.end),
            self.operation.fresh.eq(self.first_step),
            self.operation.last.eq(part.position == groups - 1),
            self.operation.layer.eq(layer),
            self.operation.group.eq(by_layer(layer, [geometry.group_base for geometry in layers]) + part.position),
            self.operation.rotation.eq(part.rotation),
        ]

        words = Signal(range(steps * config.input_words + 1))
        start_of_half = Mux(half, steps * config.input_words, 0) if config.overlap else 0
        trace_start = Mux(half, steps * config.groups, 0) if config.overlap else 0
        m.d.comb += self.assess_slot.eq(error_slot(config, step, half))
        classes = config.setup.classes
        in_range = header.label < classes if classes < 1 << config.label_width else 1
        m.d.comb += [
            self.job.payload.half.eq(half),
            self.job.payload.learn.eq(learn),
            self.job.payload.end.eq(held.end),
            self.job.payload.rate.eq(held.rate),
            self.results.payload.label.eq(held.label),
            self.results.payload.prediction.eq(self.prediction),
            self.results.payload.loss.eq(self.loss),
            self.results.payload.rejected.eq(rejected),
            self.input_spikes.eq(self.samples.payload[:lanes]),
            self.input_address.eq(start_of_half + words),
        ]
        with m.FSM():
            with m.State("HEADER"):
                free = self.enable if config.overlap else self.enable & self.backward_idle  # traces may be overwritten
                m.d.comb += [self.idle.eq(~self.samples.valid), self.samples.ready.eq(free)]
                with m.If(self.pending_load):
                    m.d.sync += self.pending.eq(self.pending_new)
                m.d.sync += words.eq(0)
                with m.If(self.samples.ready & self.samples.valid):
                    allowed = in_range & (self.pending != config.setup.batch)
                    m.d.sync += [
                        held.eq(header),
                        learn.eq(header.learn & allowed),
                        rejected.eq(header.learn & ~allowed),
                    ]
                    m.next = "LOAD"
                if config.recompute:
                    with m.If(self.recall):
                        m.d.sync += [step.eq(0), input_base.eq(0), self.trace_base.eq(0), self.recalling.eq(1)]
                        m.next = "SCAN"
            with m.State("LOAD"):
                m.d.comb += [self.loading.eq(1), self.samples.ready.eq(1), self.input_write.eq(self.samples.valid)]
                with m.If(self.samples.valid):
                    m.d.sync += words.eq(words + 1)
                    with m.If(words == steps * config.input_words - 1):
                        m.next = "WAIT"
            with m.State("WAIT"):  # for weights that are up to date
                m.d.sync += [
                    step.eq(0),
                    layer.eq(0),
                    own.eq(0),
                    input_base.eq(start_of_half),
                    self.trace_base.eq(trace_start),
                ]
                current = ~updating_weights | self.backward_idle
                if config.forward != "events":
                    m.d.comb += self.blocks_wanted.eq(current)
                    current &= self.blocks_ready
                with m.If(current):
                    m.d.sync += updating_weights.eq(0)
                    m.next = "SCAN"
            with m.State("SCAN"):
                m.d.comb += [self.running.eq(1), scanner.start.eq(1), listed.start.eq(~own)]
                m.d.sync += own_scan.eq(own)
                m.next = "FIRST_GROUP"
            with m.State("FIRST_GROUP"):
                m.d.comb += self.running.eq(1)
                with m.If(scanner.done):
                    m.next = "GROUPS"
                    with m.If(recurrent & ~own):
                        m.d.sync += own.eq(1)
                        m.next = "SCAN"
            with m.State("GROUPS"):
                m.d.comb += self.running.eq(1)
                m.d.comb += listed.complete.eq(self.assessed | ~last_layer)  # the step before may still be assessed
                with m.If(listed.done & ~rows.entries.valid & ~rows.parts.valid):
                    m.d.sync += own.eq(0)
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                m.d.comb += self.running.eq(1)
                with m.If(~self.engine_busy):
                    m.d.sync += layer.eq(layer + 1)
                    m.next = "SCAN"
                    with m.If(last_layer):
                        m.d.sync += layer.eq(0)
                        assess = last_step | int(config.every_step)
                        m.d.comb += self.assess.eq(assess & ~self.recalling if config.recompute else assess)
                        with m.If(last_step):
                            m.next = "LOSS"
                        with m.Else():
                            m.d.sync += [
                                step.eq(step + 1),
                                input_base.eq(input_base + config.input_words),
                                self.trace_base.eq(self.trace_base + config.groups),
                            ]
                        if config.recompute:
                            with m.If(self.recalling & (step == self.recall_step)):
                                m.d.sync += self.recalling.eq(0)
                                m.next = "HEADER"
            with m.State("LOSS"):
                m.d.comb += self.assessing.eq(1)
                with m.If(self.assessed):
                    m.next = "RESULT"
            with m.State("RESULT"):
                m.d.comb += self.results.valid.eq(1)
                with m.If(self.results.ready):
                    m.next = "JOB"
            with m.State("JOB"):
                m.d.comb += self.job.valid.eq(learn | held.end)
                with m.If(self.job.ready | ~self.job.valid):
                    m.d.sync += [
                        updating_weights.eq(held.end),
                        self.pending.eq(Mux(held.end, 0, self.pending + learn)),
                    ]
                    if config.overlap:
                        m.d.sync += half.eq(half ^ self.job.valid)
                    m.next = "HEADER"
        return m
