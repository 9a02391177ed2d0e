"""The encoder of an event camera's address events."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory, wiring

from ranvier.golden.codes.address import TIME_WIDTH, AddressEvents

from ..core.fetch import count_up
from ..memory import BLOCK_MEMORY
from .ports import EncoderSignature


class AddressEncoder(wiring.Component):
    """Passes events on one by one, and ends the steps that lie between them.

        values → [held event] → [step and number of the axon's last events] → [event] → events

    ``values``: events in the order of their time, counted from the start of the sample, then one with ``sample_end``,
    which is no event: all steps that are left end. An event whose coordinates or time are out of range, or whose time
    is before that of the event before it, is dropped and counted in ``rejected``; one that would be more than
    ``code.levels`` of its axon in a step is dropped and counted in ``merged``. Both stick at their maximum.

    Latency: an event that is taken in cycle c leaves in c + 3, if none waits before it. Throughput: two cycles an
    event, one for each end of a step; an illegal event takes one. After reset and after each sample, ``axons`` cycles
    clear the memory.
    """

    def __init__(self, code: AddressEvents) -> None:
        self.code = code
        super().__init__(EncoderSignature(code))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        code, out = self.code, self.events
        layout = data.StructLayout({"stamp": range(code.steps + 1), "count": range(code.levels + 1)})
        m.submodules.recent = recent = memory.Memory(shape=layout, depth=code.axons, init=[], attrs=BLOCK_MEMORY)
        read, write = recent.read_port(), recent.write_port()

        clearing, cleared = Signal(init=1), Signal(range(code.axons))
        held, looked_up = Signal(), Signal()  # an event is here; its axon's memory has been read
        event, axon = Signal.like(self.values.payload), Signal(range(code.axons))
        step, edge = Signal(range(code.steps)), Signal(TIME_WIDTH, init=code.interval)  # the end of the step in time
        latest = Signal(TIME_WIDTH)  # time of the last legal event
        free, legal, done, ends, sends = Signal(), Signal(), Signal(), Signal(), Signal()
        same, full = Signal(), Signal()
        m.d.comb += [
            free.eq(~out.valid | out.ready),
            self.values.ready.eq(~clearing & (~held | done)),
            self.idle.eq(~clearing & ~held & ~out.valid),
        ]
        with m.If(clearing):
            m.d.sync += cleared.eq(cleared + 1)
            with m.If(cleared == code.axons - 1):
                m.d.sync += [clearing.eq(0), cleared.eq(0)]
        with m.If(self.values.ready):
            m.d.sync += held.eq(self.values.valid)
            m.d.sync += event.eq(self.values.payload)

        m.d.comb += [
            legal.eq(
                (event.x < code.columns) & (event.y < code.rows) & (event.time < code.duration) & (event.time >= latest)
            ),
            read.addr.eq(code.axon(event.x, event.y, event.polarity)),
            same.eq(read.data.stamp == step + 1),
            full.eq(same & (read.data.count == code.levels)),
            write.addr.eq(Mux(clearing, cleared, axon)),
            write.data.stamp.eq(Mux(clearing, 0, step + 1)),
            write.data.count.eq(Mux(same, read.data.count + 1, 1)),
            write.en.eq(clearing | (sends & free)),
        ]
        over = Signal()  # the last step of the sample ends
        m.d.comb += over.eq(ends & free & event.sample_end & (step == code.steps - 1))
        with m.If(held & ~looked_up):
            with m.If(event.sample_end | (legal & (event.time >= edge))):
                m.d.comb += ends.eq(1)
            with m.Elif(legal):
                m.d.sync += [looked_up.eq(1), axon.eq(read.addr), latest.eq(event.time)]
            with m.Else():
                m.d.comb += done.eq(1)
                count_up(m, self.rejected, 1)
        with m.Elif(held):
            m.d.comb += [sends.eq(~full), done.eq(full | free)]
            with m.If(done):
                m.d.sync += looked_up.eq(0)
            count_up(m, self.merged, full)
        with m.If(ends & free):
            m.d.sync += [step.eq(step + 1), edge.eq(edge + code.interval)]
        with m.If(over):
            m.d.sync += [held.eq(0), step.eq(0), edge.eq(code.interval), latest.eq(0), clearing.eq(1)]
        with m.If(free):
            m.d.sync += [
                out.valid.eq(sends | ends),
                out.payload.index.eq(axon),
                out.payload.step_end.eq(ends),
                out.payload.sample_end.eq(over),
            ]
        return m
