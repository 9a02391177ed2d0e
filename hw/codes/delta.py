"""The encoder of signals that move: delta modulation."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import memory, wiring

from ranvier.golden.codes.delta import Delta

from ..arith import naming
from ..memory import BLOCK_MEMORY
from .framer import Framer
from .ports import EncoderSignature


class DeltaEncoder(wiring.Component):
    """Compares every value with the one at its signal's last event.

        values → Framer → value, reference → [event] → events
                             ↑ ↓
                    [memory of references]

    ``values``: in every step a value of each signal in their order, the last with ``step_end``, and in the last step
    with ``sample_end``. What is illegal is counted in ``rejected``, each value once, also the steps beyond
    ``code.steps`` (:class:`.framer.Framer`). Events come in the order of the signals.

    Latency: a value that is taken in cycle c sends its event in c + 2, if none waits before it. Throughput: a value a
    cycle, and one cycle for the end of a step: ``inputs + 1`` cycles a step. What would send an event waits while the
    one before it is not taken.
    """

    def __init__(self, code: Delta) -> None:
        self.code = code
        super().__init__(EncoderSignature(code))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        code, out, given = self.code, self.events, self.values.payload
        width = code.maximum.bit_length()
        m.submodules.framer = framer = Framer(inputs=code.inputs, maximum=code.maximum, frames=code.steps)
        m.submodules.references = references = memory.Memory(
            shape=unsigned(width), depth=code.inputs, init=[], attrs=BLOCK_MEMORY
        )
        item = framer.items
        m.d.comb += [
            framer.value.eq(given.value),
            framer.end.eq(given.step_end),
            framer.sample_end.eq(given.sample_end),
            framer.valid.eq(self.values.valid),
            self.values.ready.eq(framer.ready),
            self.rejected.eq(framer.rejected),
        ]
        place, place_now = Signal(range(code.inputs + 1)), Signal(range(code.inputs + 1))
        valid, value = Signal(), Signal(width)
        is_end, sample_end = Signal(), Signal()
        begun = Signal()  # the first step of the sample is over
        done, taken = Signal(), Signal()
        read, write = references.read_port(), references.write_port()
        m.d.comb += [
            item.ready.eq(~valid | done),
            taken.eq(item.valid & item.ready),
            read.addr.eq(place),
            read.en.eq(taken),
        ]
        with m.If(item.ready):
            m.d.sync += valid.eq(item.valid)
        with m.If(taken):
            m.d.sync += [
                value.eq(item.payload.value),
                is_end.eq(item.payload.end),
                sample_end.eq(item.payload.sample_end),
                place.eq(Mux(item.payload.end, 0, place + 1)),
                place_now.eq(place),
            ]

        with naming(m, "code_"):
            risen, fallen, reference = code.compare(value, Mux(begun, read.data, value))
        free, sends = Signal(), Signal()
        m.d.comb += [
            free.eq(~out.valid | out.ready),
            sends.eq(valid & (is_end | risen | fallen)),
            done.eq(valid & (free | ~sends)),
            write.addr.eq(place_now),
            write.data.eq(reference),
            write.en.eq(done & ~is_end),
        ]
        with m.If(done & is_end):
            m.d.sync += begun.eq(~sample_end)
        with m.If(free):
            m.d.sync += [
                out.valid.eq(sends),
                out.payload.index.eq(Cat(fallen, place_now)),
                out.payload.step_end.eq(is_end),
                out.payload.sample_end.eq(is_end & sample_end),
            ]
        m.d.comb += self.idle.eq(framer.idle & ~valid & ~out.valid)
        return m
