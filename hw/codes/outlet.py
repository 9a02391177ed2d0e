"""The end of an encoder: a queue of two events, so that the next core's ``ready`` ends there."""

from amaranth.hdl import Module
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from ..stream import event_layout, event_stream

OUTLET_EVENTS = 2


class Outlet(wiring.Component):
    """Hands on the events of ``taken``, whose ``ready`` is a function of registers.

    Latency: 1 cycle. Throughput: an event a cycle.
    """

    def __init__(self, axons: int) -> None:
        self.axons = axons
        super().__init__(
            {"taken": In(stream.Signature(event_layout(axons))), "events": Out(event_stream(axons)), "empty": Out(1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = fifo.SyncFIFO(width=event_layout(self.axons).size, depth=OUTLET_EVENTS)
        m.d.comb += [
            queue.w_data.eq(self.taken.payload.as_value()),
            queue.w_en.eq(self.taken.valid),
            self.taken.ready.eq(queue.w_rdy),
            self.events.payload.as_value().eq(queue.r_data),
            self.events.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.events.ready),
            self.empty.eq(~queue.r_rdy),
        ]
        return m
