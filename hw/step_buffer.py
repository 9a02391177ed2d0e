"""Holds the spikes of one step until the next one takes them."""

from amaranth.hdl import Module
from amaranth.lib import fifo, wiring
from amaranth.lib.wiring import In, Out

from .stream import event_layout, event_stream

BUFFER_CYCLES = 2  # from an event's arrival until it can be taken
_LEAST = 3  # a queue of fewer events takes longer


class StepBuffer(wiring.Component):
    """A queue of a whole step of up to ``most`` events of ``neurons``, its end included: what comes never waits, as the
    step before has gone. ``negative``: events may be those of spikes below 0.

    Latency: :data:`BUFFER_CYCLES`. Throughput: an event a cycle, in and out.
    """

    def __init__(self, neurons: int, most: int, negative: bool = False) -> None:
        self.layout, self.most = event_layout(neurons, negative=negative), most
        signature = event_stream(neurons, negative=negative)
        super().__init__({"events": In(signature), "step": Out(signature)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        depth = max(self.most + 1, _LEAST)
        m.submodules.queue = queue = fifo.SyncFIFOBuffered(width=self.layout.size, depth=depth)
        m.d.comb += [
            queue.w_data.eq(self.events.payload.as_value()),
            queue.w_en.eq(self.events.valid),
            self.events.ready.eq(queue.w_rdy),
            self.step.payload.as_value().eq(queue.r_data),
            self.step.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.step.ready),
        ]
        return m
