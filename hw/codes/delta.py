"""The encoder of signals that move: delta modulation."""

from amaranth.hdl import Cat, EnableInserter, Module, Mux, Signal, unsigned
from amaranth.lib import memory, wiring

from ranvier.golden.codes.delta import Delta

from ..memory import BLOCK_MEMORY
from ..staged import staged
from .framer import Framer
from .outlet import Outlet
from .ports import EncoderSignature
from .stages import FIRST, READ, last_stage


class DeltaEncoder(wiring.Component):
    """Compares every value with the one at its signal's last event.

        values → Framer → [stages: value, reference] → Outlet → events
                              ↑          ↓
                           [memory of references]

    ``values``: in every step a value of each signal in their order, the last with ``step_end``, and in the last step
    with ``sample_end``. What is illegal is counted in ``rejected``, each value once, also the steps beyond
    ``code.steps`` (:class:`.framer.Framer`). Events come in the order of the signals.

    A value, and the end of a step, goes through stages 0 … ``last`` (:func:`.stages.last_stage`), which move together;
    the next step's values are taken when the end has left.

    Latency: a value that is taken in cycle c offers its event in ``c + last + 1``, if none waits before it. Throughput:
    ``inputs + 1 + last`` cycles a step, as long as events are taken.
    """

    def __init__(self, code: Delta) -> None:
        self.code = code
        super().__init__(EncoderSignature(code))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        code, given, last = self.code, self.values.payload, last_stage(self.code)
        m.submodules.framer = framer = Framer(inputs=code.inputs, maximum=code.maximum, frames=code.steps)
        m.submodules.outlet = outlet = Outlet(code.axons)
        m.submodules.references = references = memory.Memory(
            shape=unsigned(code.maximum.bit_length()), depth=code.inputs, init=[], attrs=BLOCK_MEMORY
        )
        item, stages = framer.items, Module()
        moves, ends = Signal(), Signal()  # the stages move; an end is in one of them
        place, begun = Signal(range(code.inputs + 1)), Signal()  # the first step of the sample is over
        taken = Signal()
        read, write = references.read_port(), references.write_port()
        m.d.comb += [
            framer.value.eq(given.value),
            framer.end.eq(given.step_end),
            framer.sample_end.eq(given.sample_end),
            framer.valid.eq(self.values.valid),
            self.values.ready.eq(framer.ready),
            self.rejected.eq(framer.rejected),
            item.ready.eq(moves & ~ends),
            taken.eq(item.valid & item.ready),
            read.addr.eq(place),
            read.en.eq(moves),
        ]
        valid = Signal(last)  # of stages 1 … last
        with m.If(moves):
            m.d.sync += valid.eq(Cat(taken, valid))
        with m.If(taken):
            m.d.sync += [place.eq(Mux(item.payload.end, 0, place + 1)), ends.eq(item.payload.end)]
        payload = {name: getattr(item.payload, name) for name in ("value", "end", "sample_end")}
        slot = {name: staged(stages, value, 0, name) for name, value in (payload | {"place": place}).items()}
        found = staged(stages, read.data, READ, "reference")
        before = Mux(begun, found.at(FIRST), slot["value"].at(FIRST))
        value = staged(stages, slot["value"].at(FIRST), FIRST, "value")
        risen, fallen, reference = code.compare(value, staged(stages, before, FIRST, "before"))

        present, ending = Signal(), Signal()  # in the last stage
        to = outlet.taken
        m.d.comb += [
            present.eq(valid[-1]),
            ending.eq(present & slot["end"].at(last)),
            to.valid.eq(present & (ending | risen.at(last) | fallen.at(last))),
            to.payload.index.eq(Cat(fallen.at(last) & ~ending, slot["place"].at(last))),  # an end has no reference
            to.payload.step_end.eq(ending),
            to.payload.sample_end.eq(ending & slot["sample_end"].at(last)),
            moves.eq(~to.valid | to.ready),
            write.addr.eq(slot["place"].at(last)),
            write.data.eq(reference.at(last)),
            write.en.eq(present & ~ending & moves),
        ]
        with m.If(ending & moves):
            m.d.sync += [ends.eq(0), begun.eq(~slot["sample_end"].at(last))]
        wiring.connect(m, outlet.events, wiring.flipped(self.events))
        m.d.comb += self.idle.eq(framer.idle & ~valid.any() & outlet.empty)
        m.submodules.stages = EnableInserter(moves)(stages)
        return m
