"""The encoder of an event camera's address events."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory, wiring

from ranvier.golden.codes.address import TIME_WIDTH, AddressEvents

from ..core.fetch import count_up
from ..memory import BLOCK_MEMORY
from ..staged import staged
from .outlet import Outlet
from .ports import EncoderSignature


class AddressEncoder(wiring.Component):
    """Passes events on one by one, and ends the steps that lie between them.

        values → [event] → [checks] → [step and number of the axon's last events] → Outlet → events

    ``values``: events in the order of their time, counted from the start of the sample, then one with ``sample_end``,
    which is no event: all steps that are left end. An event whose coordinates or time are out of range, or whose time
    is before that of the event before it, is dropped and counted in ``rejected``; one that would be more than
    ``code.levels`` of its axon in a step is dropped and counted in ``merged``. Both stick at their maximum.

    Latency: an event that is taken in cycle c is offered in c + 5, if none waits before it. Throughput: 5 cycles an
    event, 2 for each end of a step; an illegal event takes 3. After reset and after each sample, ``axons`` cycles
    clear the memory.
    """

    def __init__(self, code: AddressEvents) -> None:
        self.code = code
        super().__init__(EncoderSignature(code))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        code = self.code
        m.submodules.outlet = outlet = Outlet(code.axons)
        layout = data.StructLayout({"stamp": range(code.steps + 1), "count": range(code.levels + 1)})
        m.submodules.recent = recent = memory.Memory(shape=layout, depth=code.axons, init=[], attrs=BLOCK_MEMORY)
        read, write = recent.read_port(), recent.write_port()

        event, axon = Signal.like(self.values.payload), Signal(range(code.axons))
        step, edge = Signal(range(code.steps)), Signal(TIME_WIDTH, init=code.interval)  # the step's end in time
        latest = Signal(TIME_WIDTH)  # time of the last legal event
        found = Signal(layout)
        legal, late, clears = Signal(), Signal(), Signal(range(code.axons))
        stamp, same, full = Signal(range(code.steps + 1)), Signal(), Signal()
        given = (staged(m, getattr(event, name), 0, f"event_{name}") for name in ("x", "y", "polarity"))
        pixel = code.axon(*given).at(1)  # known in the second cycle of an event
        to = outlet.taken
        m.d.comb += [
            stamp.eq(step + 1),
            same.eq(found.stamp == stamp),
            full.eq(same & (found.count == code.levels)),
            read.addr.eq(pixel),
            write.addr.eq(axon),
            write.data.stamp.eq(stamp),
            write.data.count.eq(Mux(same, found.count + 1, 1)),
            to.payload.index.eq(axon),
        ]
        with m.FSM(init="clear") as phases:
            with m.State("clear"):
                m.d.comb += [write.en.eq(1), write.addr.eq(clears), write.data.eq(0)]
                m.d.sync += clears.eq(clears + 1)
                with m.If(clears == code.axons - 1):
                    m.d.sync += clears.eq(0)
                    m.next = "take"
            with m.State("take"):
                m.d.comb += self.values.ready.eq(1)
                m.d.sync += event.eq(self.values.payload)
                with m.If(self.values.valid):
                    m.next = "check"
            with m.State("check"):
                within = (event.x < code.columns) & (event.y < code.rows) & (event.time < code.duration)
                m.d.sync += [
                    legal.eq(within & (event.time >= latest)),
                    late.eq(event.time >= edge),
                ]
                m.next = "act"
            with m.State("act"):
                m.d.sync += axon.eq(pixel)
                with m.If(event.sample_end | (legal & late)):
                    final = event.sample_end & (step == code.steps - 1)
                    m.d.comb += [to.valid.eq(1), to.payload.step_end.eq(1), to.payload.sample_end.eq(final)]
                    with m.If(to.ready):
                        m.d.sync += [step.eq(step + 1), edge.eq(edge + code.interval)]
                        m.next = "check"
                        with m.If(final):
                            m.d.sync += [step.eq(0), edge.eq(code.interval), latest.eq(0)]
                            m.next = "clear"
                with m.Elif(legal):
                    m.d.sync += latest.eq(event.time)
                    m.next = "look up"
                with m.Else():
                    count_up(m, self.rejected, 1)
                    m.next = "take"
            with m.State("look up"):
                m.d.sync += found.eq(read.data)
                m.next = "send"
            with m.State("send"):
                m.d.comb += [to.valid.eq(~full), write.en.eq(to.valid & to.ready)]
                with m.If(full | to.ready):
                    m.next = "take"
                count_up(m, self.merged, full)
        wiring.connect(m, outlet.events, wiring.flipped(self.events))
        m.d.comb += self.idle.eq(phases.ongoing("take") & outlet.empty)
        return m
