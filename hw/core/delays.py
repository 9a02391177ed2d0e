"""Axonal delays: how many steps the spikes of each axon take, looked up before they are fetched."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import CoreConfig, index_width
from ..stream import event_stream
from .fetch import fetched_stream


class AxonDelays(wiring.Component):
    """Beside each event the delay of its axon.

        events → [event whose delay is looked up] → delayed

    ``address``, ``delay``: the memory of delays, a cycle later.

    Latency: one cycle. Throughput: an event a cycle.
    """

    def __init__(self, config: CoreConfig) -> None:
        super().__init__(
            {
                "events": In(event_stream(config.axons)),
                "delayed": Out(fetched_stream(config)),
                "address": Out(index_width(config.axons)),
                "delay": In(config.delay_width),
                "empty": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        event, out = Signal.like(self.events.payload, name="event"), self.delayed
        full = Signal()
        accepted = self.events.valid & self.events.ready
        m.d.comb += [
            self.events.ready.eq(~full | out.ready),
            self.address.eq(Mux(accepted, self.events.payload.index, event.index)),
            out.valid.eq(full),
            out.payload.delay.eq(self.delay),
            self.empty.eq(~full),
        ]
        m.d.comb += [out.payload[name].eq(event[name]) for name in ("index", "step_end", "sample_end")]
        with m.If(self.events.ready):
            m.d.sync += full.eq(self.events.valid)
        with m.If(accepted):
            m.d.sync += event.eq(self.events.payload)
        return m
