"""The encoder of values that stand still for a sample."""

from amaranth.hdl import Cat, Const, EnableInserter, Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, wiring

from ranvier.golden import generator
from ranvier.golden.codes.static import Slot, StaticCode

from ..arith import naming
from ..memory import BLOCK_MEMORY
from ..staged import Staged, staged
from .framer import Framer
from .outlet import Outlet
from .ports import EncoderSignature
from .stages import FIRST, READ, last_stage


class StaticEncoder(wiring.Component):
    """Sends the values of a sample again and again, in each of ``code.steps`` steps, as ``code`` says.

        values → Framer → [memory] → [stages of the code] → Outlet → events
                                          ↑      ↓
                               generator, [memory of what is kept]

    ``values``: a sample's values in the order of the inputs, the last with ``sample_end``. What is illegal is counted
    in ``rejected``, each value once (:class:`.framer.Framer`). Events come in the order of the axons.

    A slot for each axon, and one for the end of a step, goes through stages 0 … ``last`` (:func:`.stages.last_stage`),
    which move together; the first slot of a step begins when the last one of the step before it has left.

    Latency: the slot of step 0 and axon 0 leaves the stages ``2 + last`` cycles after the last value, and its event is
    offered a cycle later. Throughput: a sample takes ``inputs + 1 + steps * (axons + 1 + last)`` cycles, and one more
    for each event of a slot beyond its first, as long as events are taken; values of the next sample wait until then.
    """

    def __init__(self, code: StaticCode) -> None:
        self.code = code
        super().__init__(EncoderSignature(code))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        code, last = self.code, last_stage(self.code)
        m.submodules.framer = framer = Framer(inputs=code.inputs, maximum=code.maximum, frames=1)
        m.submodules.outlet = outlet = Outlet(code.axons)
        m.submodules.values = values = memory.Memory(
            shape=unsigned(code.maximum.bit_length()), depth=code.inputs, init=[], attrs=BLOCK_MEMORY
        )
        running, issuing = Signal(), Signal()  # a sample is here; slots of a step are yet to come
        moves = Signal()
        stages = Module()  # registers of the slots that are under way
        self._load(m, framer, values, running, issuing)

        place, unit, axon = Signal(range(code.inputs + 1)), Signal(range(code.units)), Signal(range(code.axons + 1))
        step, ends = Signal(range(code.steps)), Signal()
        m.d.comb += ends.eq(place == code.inputs)
        valid = Signal(last)  # of stages 1 … last
        with m.If(moves):
            m.d.sync += valid.eq(Cat(issuing, valid))
            with m.If(issuing):
                self._count(m, place, unit, axon, ends, issuing)

        read = values.read_port()
        m.d.comb += [read.addr.eq(place), read.en.eq(moves)]
        is_end, axon_then, place_then = (
            staged(stages, value, 0, name) for value, name in ((ends, "is_end"), (axon, "axon"), (place, "place"))
        )
        given = staged(stages, read.data, READ, "value")
        unit_then = staged(stages, unit, 0, "unit")
        drawn = self._drawn(m, moves & valid[FIRST - 1] & ~is_end.at(FIRST), running)
        kept, keep = self._kept(m, stages, moves, place, step)
        now = staged(stages, step, FIRST, "step")  # the same in all stages
        count, keeps = code.emit(
            Slot(_moved(given), now, _moved(unit_then), staged(stages, drawn, FIRST, "draw"), kept)
        )
        present, ending = Signal(), Signal()  # in the last stage: a slot, and whether it ends a step
        m.d.comb += [present.eq(valid[-1]), ending.eq(present & is_end.at(last))]
        if keep is not None:
            m.d.comb += [
                keep.en.eq(moves & present & ~ending),
                keep.addr.eq(place_then.at(last)),
                keep.data.eq(keeps.at(last)),
            ]

        finished = Signal()
        m.d.comb += finished.eq(ending & moves & (step == code.steps - 1))
        self._send(m, outlet, moves, present, ending, count.at(last), step)
        m.d.comb += outlet.taken.payload.index.eq(axon_then.at(last))
        with m.If(ending & moves):
            m.d.sync += [step.eq(step + 1), issuing.eq(1)]
        with m.If(finished):
            m.d.sync += [running.eq(0), issuing.eq(0), step.eq(0)]
        wiring.connect(m, outlet.events, wiring.flipped(self.events))
        m.d.comb += [
            self.rejected.eq(framer.rejected),
            self.idle.eq(framer.idle & ~running & outlet.empty),
        ]
        m.submodules.stages = EnableInserter(moves)(stages)
        return m

    def _load(self, m: Module, framer: Framer, values: memory.Memory, running: Signal, issuing: Signal) -> None:
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
            m.d.sync += [running.eq(item.payload.end), issuing.eq(item.payload.end)]

    def _count(self, m: Module, place: Signal, unit: Signal, axon: Signal, ends: Value, issuing: Signal) -> None:
        """Which slot is issued next."""
        with m.If(ends):
            m.d.sync += [place.eq(0), axon.eq(0), issuing.eq(0)]
        with m.Else():
            m.d.sync += [axon.eq(axon + 1), unit.eq(unit + 1)]
            with m.If(unit == self.code.units - 1):
                m.d.sync += [unit.eq(0), place.eq(place + 1)]

    def _drawn(self, m: Module, drawn: Value, running: Value) -> Value:
        """The number of the slot in stage :data:`FIRST`; the generator begins anew with each sample."""
        if not self.code.draws:
            return Const(0)
        state = Signal(generator.WIDTH, init=self.code.first_state)
        with naming(m):
            following = generator.advance(state)
        with m.If(~running):
            m.d.sync += state.eq(self.code.first_state)
        with m.Elif(drawn):
            m.d.sync += state.eq(following)
        return state

    def _kept(
        self, m: Module, stages: Module, moves: Value, place: Value, step: Value
    ) -> tuple[Staged, memory.WritePort | None]:
        """What the axon of the slot in stage :data:`FIRST` has kept, and the port that takes what it keeps."""
        if not self.code.kept_width:
            return staged(stages, Const(0), FIRST, "kept"), None
        m.submodules.kept = kept = memory.Memory(
            shape=unsigned(self.code.kept_width), depth=self.code.inputs, init=[], attrs=BLOCK_MEMORY
        )
        read = kept.read_port()
        m.d.comb += [read.addr.eq(place), read.en.eq(moves)]
        found = staged(stages, read.data, READ, "kept")
        return staged(stages, Mux(step == 0, 0, found.at(FIRST)), FIRST, "kept_before"), kept.write_port()

    def _send(
        self, m: Module, outlet: Outlet, moves: Value, present: Value, ending: Value, count: Value, step: Value
    ) -> None:
        """Send the events of the slot in the last stage; all stages move when it has sent them."""
        taken, more = outlet.taken, Signal()
        m.d.comb += [
            taken.valid.eq(present & (ending | (count != 0))),
            taken.payload.step_end.eq(ending),
            taken.payload.sample_end.eq(ending & (step == self.code.steps - 1)),
            moves.eq(~taken.valid | (taken.ready & ~more)),
        ]
        if self.code.levels > 1:
            sent = Signal(range(self.code.levels))  # events of the slot before this one
            m.d.comb += more.eq(~ending & (sent + 1 != count))
            with m.If(taken.valid & taken.ready):
                m.d.sync += sent.eq(Mux(more, sent + 1, 0))


def _moved(value: Staged) -> Staged:
    """From where it is to the stage in which the code gets it."""
    return Staged(value.m, value.at, FIRST)
