"""The near-memory neuron core."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import CoreConfig, index_width
from ..memory import LoadableMemory, LoadSignature
from ..stream import event_stream
from .attention import AttentionFetch
from .banked import BankedState
from .convolution import ConvolutionFetch
from .delays import AxonDelays
from .emit import Emit
from .fetch import COUNTER_WIDTH, Fetch, operation_layout
from .lane import FIRST_STAGE, Lane, initial_state, last_stage, state_layout
from .noise import Noise
from .ring import Ring
from .sparse import ENTRY_STAGES, SparseFetch, entry_layout
from .state import spacing, state_for


class Core(wiring.Component):
    """Synapses and neurons: weights and state lie beside ``lanes`` lanes, one read feeds them all.

        events → fetch → weights, parameters, state → lanes → state
                                                            → emit → events

    An operation (an event's, or the update that ends a step) walks through the stages group by group:
    0 address, 1 memory, 2 … the lanes (:class:`Lane`), whose last stage writes the state back.

    Partial sums of other cores (:class:`PartialSums`) come as events, too, and each is added to one neuron.

    Sparse synapses (``config.rows``) have a memory of rows, and state in banks (:mod:`.sparse`, :mod:`.banked`);
    convolutions address by the place of an event (:mod:`.convolution`), and have one bank for all lanes. An attention
    has no weights (:mod:`.attention`). Where spikes are delayed, weights are added to a ring of pending currents
    (:mod:`.ring`), of which an update takes those that are due. Where the model draws numbers, one
    generator gives each lane its own (:mod:`.noise`).

    Throughput: an event takes ``groups`` cycles, an update ``max(groups, spacing)`` where ``spacing`` is
    0 for state in block RAM and 3 to 7 for few groups; one synaptic operation a lane and cycle. An update
    waits until the ``step_end`` of the step before has been handed on. Latency: :mod:`.timing`.

    Ports: ``events`` and ``spikes`` (:mod:`..stream`), ``load_<memory>``, ``idle`` (memories may be
    loaded), the counters ``saturations`` (neuron-steps whose state was limited) and ``rejected`` (illegal
    events), both of 16 bits, sticking at their maximum. ``probe_*``: every update, for benches.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        model = config.model
        loads = {f"load_{name}": In(LoadSignature(words, width)) for name, words, width in config.memories}
        super().__init__(
            {
                "events": In(
                    event_stream(config.indices, config.partial and config.partial.width, negative=config.negative)
                ),
                "spikes": Out(event_stream(config.neurons, config.value_width, negative=model.signed)),
                "idle": Out(1),
                "saturations": Out(COUNTER_WIDTH),
                "rejected": Out(COUNTER_WIDTH),
                "probe_valid": Out(1),
                "probe_group": Out(index_width(config.groups)),
                "probe_membrane": Out(model.state_width * config.lanes),
                "probe_spikes": Out(model.spike_width * config.lanes),
            }
            | loads
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, model = self.config, self.config.model
        sparse = config.rows is not None
        before = ENTRY_STAGES if sparse or config.synaptic else 0  # stages until what an operation adds to is known
        final = before + last_stage(model)
        width = state_layout(config).size
        if sparse:
            fetch = SparseFetch(config)
        elif config.convolutions:
            fetch = ConvolutionFetch(config)
        elif config.attention is not None:
            fetch = AttentionFetch(config)
        else:
            fetch = Fetch(config, spacing=spacing(config))
        if config.gathered or not (sparse or config.convolutions):
            state = state_for(config)(groups=config.groups, width=width * config.lanes)
        else:
            banks = config.lanes if sparse else 1
            state = BankedState(groups=config.groups, lanes=banks, width=width * config.lanes // banks)
        m.submodules.fetch, m.submodules.states = fetch, state
        m.submodules.emit = emit = Emit(config)
        waiting = self._take(m, fetch)
        wiring.connect(m, emit.events, wiring.flipped(self.spikes))

        stages = [fetch.operation]  # the operation in each stage
        for number in range(1, final + 1):
            stage = Signal(operation_layout(config), name=f"stage{number}")
            m.d.sync += stage.eq(stages[-1])
            stages.append(stage)
        begin, entry, end = stages[before], stages[before + FIRST_STAGE], stages[final]

        weights: Value = Const(0)
        if config.weight_words:
            weights = self._memory(m, "weights", self.load_weights, fetch.weight_address)
        if sparse:
            self._look_up_rows(m, fetch)
        entries = []
        if before:
            layout = entry_layout(config)
            entries = [data.View(layout, weights.word_select(k, layout.size)) for k in range(config.lanes)]
            weights = self._later(m, "weights", Cat(entry.weight for entry in entries))
        elif config.convolutions and fetch.masks:
            weights = self._masked(m, fetch, weights)
        groups = [begin.group] * config.lanes
        if sparse and config.groups > 1:
            groups = [Mux(begin.update, begin.group, entry.group) for entry in entries]
        ring = None
        if config.delays is not None:
            m.submodules.ring = ring = Ring(config, entry=before)
            m.d.comb += [ring.groups[bank].eq(groups[bank]) for bank in range(ring.banks)]
            m.d.comb += [ring.start.eq(fetch.operation), ring.end.eq(end), ring.weights.as_value().eq(weights)]
            if config.axonal:
                m.d.comb += ring.delay.eq(fetch.delay)
            else:
                m.d.comb += [ring.delays[k].eq(entry.delay) for k, entry in enumerate(entries)]
        parameters = None
        if config.stored:
            address = fetch.parameter_address if config.convolutions else begin.group
            parameters = self._memory(m, "parameters", self.load_parameters, address)
        if model.noise_width:
            m.submodules.noise = noise = Noise(config)
            m.d.comb += noise.operation.eq(entry)
        lanes = []
        for k in range(config.lanes):
            m.submodules[f"lane{k}"] = lane = Lane(config)
            if model.noise_width:
                m.d.comb += lane.noise.eq(noise.noise[k])
            if config.gathered:
                m.d.comb += [lane.update.eq(1), lane.sum.eq((ring or fetch).sums[k])]
            else:
                m.d.comb += [lane.update.eq(entry.update), lane.weight.eq(weights.word_select(k, config.weight_width))]
            if config.negative:
                m.d.comb += lane.negative.eq(entry.negative)
            m.d.comb += Value.cast(lane.state).eq(state.read_data.word_select(k, width))
            if parameters is not None:
                part = config.parameter_word_width // config.lanes
                m.d.comb += Value.cast(lane.settings).eq(parameters.word_select(k, part))
            lanes.append(lane)
        if config.partial is not None:
            self._add(m, fetch.addition, lanes)

        kept = [Value.cast(lane.state)[config.accumulator_width :] for lane in lanes]
        results = Cat(Value.cast(lane.result) for lane in lanes)
        if isinstance(state, BankedState):
            m.d.comb += [state.read_groups[bank].eq(groups[bank]) for bank in range(state.lanes)]
        else:
            m.d.comb += [state.read_group.eq(begin.group), state.stage_group.eq(entry.group)]
        adds = entry.valid & ~entry.update
        if ring is not None:
            m.d.comb += ring.adds.eq(adds)
        m.d.comb += [
            state.accumulate.eq(0 if config.gathered else adds),
            state.accumulated.eq(Cat(Cat(lane.accumulated, rest) for lane, rest in zip(lanes, kept, strict=True))),
            state.write.eq(end.valid & end.update if config.gathered else end.valid),
            state.update.eq(end.update),
            state.result_group.eq(end.group),
            state.result.eq(Mux(end.update & end.clear, initial_state(config), results)),
        ]

        stepped = end.valid & end.emit
        membranes, spikes = Cat(lane.membrane for lane in lanes), Cat(lane.spike for lane in lanes)
        start = fetch.operation
        m.d.comb += [
            self.probe_valid.eq(stepped),
            self.probe_group.eq(end.group),
            self.probe_membrane.eq(membranes),
            self.probe_spikes.eq(spikes),
            fetch.may_update.eq(emit.drained),
            emit.start.eq(start.valid & start.last & start.emit),
            emit.sample_end.eq(start.clear),
            emit.write.eq(stepped),
            emit.group.as_value().eq(spikes if model.spiking else membranes),
        ]
        self._count_saturations(m, lanes, end, stepped)
        flying = Cat(stage.valid for stage in stages).any()
        m.d.comb += [
            self.rejected.eq(fetch.rejected),
            self.idle.eq(waiting & ~flying & emit.drained & ~emit.events.valid & ~self.events.valid),
        ]
        return m

    def _take(self, m: Module, fetch: wiring.Component) -> Value:
        """Bring the events to ``fetch``; whether it waits for one."""
        if not self.config.axonal:
            wiring.connect(m, wiring.flipped(self.events), fetch.events)
            return fetch.waiting
        m.submodules.axon_delays = front = AxonDelays(self.config)
        wiring.connect(m, wiring.flipped(self.events), front.events)
        wiring.connect(m, front.delayed, fetch.events)
        m.submodules.delays = delays = LoadableMemory(depth=self.config.axons, width=self.config.delay_width)
        wiring.connect(m, wiring.flipped(self.load_delays), delays.load)
        m.d.comb += [delays.read_address.eq(front.address), front.delay.eq(delays.read_data)]
        return fetch.waiting & front.empty

    def _look_up_rows(self, m: Module, fetch: SparseFetch) -> None:
        m.submodules.rows = rows = LoadableMemory(depth=self.config.axons, width=self.load_rows.signature.width)
        wiring.connect(m, wiring.flipped(self.load_rows), rows.load)
        m.d.comb += [rows.read_address.eq(fetch.row_address), fetch.row.eq(rows.read_data)]

    def _masked(self, m: Module, fetch: ConvolutionFetch, weights: Value) -> Value:
        """``weights`` of the lanes that an operation is for, 0 in the others."""
        mask, width = self._later(m, "mask", fetch.mask), self.config.weight_width
        return Cat(weights.word_select(k, width) & mask[k].replicate(width) for k in range(self.config.lanes))

    @staticmethod
    def _later(m: Module, name: str, value: Value) -> Value:
        """``value`` by as many stages as the lanes' first one is behind the address of a memory."""
        for number in range(FIRST_STAGE):
            later = Signal(len(value), name=f"{name}{number}", reset_less=True)
            m.d.sync += later.eq(value)
            value = later
        return value

    @staticmethod
    def _add(m: Module, addition: data.View, lanes: list[Lane]) -> None:
        """Take the partial sum to its lane, with the operation that it belongs to."""
        for number in range(1, FIRST_STAGE + 1):
            stage = Signal.like(addition, name=f"addition{number}")
            m.d.sync += stage.eq(addition)
            addition = stage
        for k, lane in enumerate(lanes):
            m.d.comb += [lane.adds.eq(addition.valid), lane.sum.eq(Mux(addition.lane == k, addition.sum, 0))]

    def _memory(self, m: Module, name: str, load: wiring.PureInterface, address: Value) -> Signal:
        """The memory ``name``; its word at ``address``, two stages later."""
        m.submodules[name] = memory = LoadableMemory(depth=load.signature.depth, width=load.signature.width)
        wiring.connect(m, wiring.flipped(load), memory.load)
        word = Signal(load.signature.width, name=f"{name}_word", reset_less=True)
        m.d.comb += memory.read_address.eq(address)
        m.d.sync += word.eq(memory.read_data)
        return word

    def _count_saturations(self, m: Module, lanes: list[Lane], end: data.View, stepped: Value) -> None:
        config = self.config
        count = Signal(range(config.lanes + 1))
        used = config.neurons - (config.groups - 1) * config.lanes  # lanes of the last group that are neurons
        limited = [lane.saturated & (~end.last | (k < used)) for k, lane in enumerate(lanes)]
        m.d.sync += count.eq(Mux(stepped, sum(limited), 0))
        total = Signal(COUNTER_WIDTH + 1)
        m.d.comb += total.eq(self.saturations + count)
        m.d.sync += self.saturations.eq(Mux(total[-1], ~0, total))
