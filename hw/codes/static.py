"""The encoder of values that stand still for a sample."""

from amaranth.hdl import Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, wiring

from ranvier.golden import generator
from ranvier.golden.codes.static import Slot, StaticCode
from ranvier.golden.fixed import let

from ..arith import naming
from ..memory import BLOCK_MEMORY
from .framer import Framer
from .ports import EncoderSignature


class StaticEncoder(wiring.Component):
    """Sends the values of a sample again and again, in each of ``code.steps`` steps, as ``code`` says.

        values → Framer → [memory] → code → [event] → events
                                     ↑  ↓
                      generator, [memory of what is kept]

    ``values``: a sample's values in the order of the inputs, the last with ``sample_end``. What is illegal is counted
    in ``rejected``, each value once (:class:`.framer.Framer`). Events come in the order of the axons.

    Latency: the slot of step 0 and axon 0 comes 3 cycles after the last value; its event leaves a cycle later.
    Throughput: a slot for each axon, and one for the end of a step, takes a cycle, or as many as it has events. So a
    sample takes ``inputs + 2 + steps * (axons + 1)`` cycles, and one more for each event of a slot beyond its first. A
    slot that has an event waits while the one before it is not taken; values of the next sample wait until the last
    slot is done.
    """

    def __init__(self, code: StaticCode) -> None:
        self.code = code
        super().__init__(EncoderSignature(code))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        code, out = self.code, self.events
        m.submodules.framer = framer = Framer(inputs=code.inputs, maximum=code.maximum, frames=1)
        m.submodules.values = values = memory.Memory(
            shape=unsigned(code.maximum.bit_length()), depth=code.inputs, init=[], attrs=BLOCK_MEMORY
        )
        running = Signal()
        self._load(m, framer, values, running)

        # Which slot is read, and which one is at work: the axon's input, or the number of inputs for the step's end.
        place, unit, axon = Signal(range(code.inputs + 1)), Signal(range(code.units)), Signal(range(code.axons + 1))
        valid, is_end = Signal(), Signal()
        place_now, unit_now, axon_now = Signal.like(place), Signal.like(unit), Signal.like(axon)
        step = Signal(range(code.steps))
        moves, done = Signal(), Signal()  # the next slot moves up; the present one is done with
        finished = Signal()
        read = values.read_port()
        m.d.comb += [
            read.addr.eq(place),
            read.en.eq(moves),
            moves.eq(running & (~valid | done)),
            finished.eq(done & is_end & (step == code.steps - 1)),
        ]
        with m.If(moves):
            m.d.sync += [valid.eq(1), is_end.eq(place == code.inputs)]
            m.d.sync += [place_now.eq(place), unit_now.eq(unit), axon_now.eq(axon)]
            with m.If(place == code.inputs):
                m.d.sync += [place.eq(0), axon.eq(0)]
            with m.Else():
                m.d.sync += [axon.eq(axon + 1), unit.eq(unit + 1)]
                with m.If(unit == code.units - 1):
                    m.d.sync += [unit.eq(0), place.eq(place + 1)]
        with m.If(done & is_end):
            m.d.sync += step.eq(step + 1)

        with naming(m, "code_"):
            kept = self._kept(m, moves, place, step)
            drawn = self._drawn(m, done & ~is_end, finished)
            count, keeps = code.emit(Slot(read.data, step, unit_now, drawn, kept))
            count = let(count, "count")
        if code.kept_width:
            m.d.comb += [self._keep.addr.eq(place_now), self._keep.data.eq(keeps), self._keep.en.eq(done & ~is_end)]
        free, sends = Signal(), Signal()
        m.d.comb += [
            free.eq(~out.valid | out.ready),
            sends.eq(valid & (is_end | (count != 0))),
            done.eq(valid & (~sends | (free & (is_end | self._all_sent(m, count, sends & free, done))))),
        ]
        with m.If(free):
            m.d.sync += [
                out.valid.eq(sends),
                out.payload.index.eq(axon_now),
                out.payload.step_end.eq(is_end),
                out.payload.sample_end.eq(finished),
            ]
        with m.If(finished):
            m.d.sync += [running.eq(0), valid.eq(0), place.eq(0), unit.eq(0), axon.eq(0), step.eq(0)]
        m.d.comb += [self.rejected.eq(framer.rejected), self.idle.eq(framer.idle & ~running & ~out.valid)]
        return m

    def _load(self, m: Module, framer: Framer, values: memory.Memory, running: Signal) -> None:
        write, given = values.write_port(), self.values.payload
        address = Signal(range(self.code.inputs))
        item = framer.items
        m.d.comb += [
            framer.value.eq(given.value),
            framer.end.eq(given.sample_end),
            framer.sample_end.eq(given.sample_end),
            framer.valid.eq(self.values.valid),
            self.values.ready.eq(framer.ready),
            item.ready.eq(~running),
            write.addr.eq(address),
            write.data.eq(item.payload.value),
            write.en.eq(item.valid & item.ready & ~item.payload.end),
        ]
        with m.If(item.valid & item.ready):
            m.d.sync += address.eq(Mux(item.payload.end, 0, address + 1))
            m.d.sync += running.eq(item.payload.end)

    def _drawn(self, m: Module, drawn: Value, finished: Value) -> Value:
        """The number of the present slot; the generator begins anew with each sample."""
        if not self.code.draws:
            return Const(0)
        state = Signal(generator.WIDTH, init=self.code.first_state)
        following = generator.advance(state)
        with m.If(finished):
            m.d.sync += state.eq(self.code.first_state)
        with m.Elif(drawn):
            m.d.sync += state.eq(following)
        return state

    def _kept(self, m: Module, moves: Value, place: Value, step: Value) -> Value:
        """What the present slot's axon has kept; a slot is never read while the same one is written."""
        width = self.code.kept_width
        if not width:
            return Const(0)
        m.submodules.kept = kept = memory.Memory(
            shape=unsigned(width), depth=self.code.inputs, init=[], attrs=BLOCK_MEMORY
        )
        read, self._keep = kept.read_port(), kept.write_port()
        m.d.comb += [read.addr.eq(place), read.en.eq(moves)]
        return Mux(step == 0, 0, read.data)

    def _all_sent(self, m: Module, count: Value, sent: Value, done: Value) -> Value:
        """Whether the event that is sent now is the last one of its slot."""
        if self.code.levels == 1:
            return Const(1)
        before = Signal(range(self.code.levels))
        with m.If(sent):
            m.d.sync += before.eq(before + 1)
        with m.If(done):
            m.d.sync += before.eq(0)
        return before + 1 == count
