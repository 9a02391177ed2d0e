"""The receiving end: takes the flit that is due, in the room that was promised for it."""

from amaranth.hdl import Module, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from .frame import FrameFormat


class ReceiverWindow(wiring.Component):
    """Keeps flits in order until ``flits_out`` takes them.

        flit, sequence → due? → [queue of window flits] → flits_out
                          └ acknowledge     └ credit

    ``arrive``: a flit came; it is taken if its number is ``acknowledge``, the one that is due, and else dropped: it is
    here already, or one before it is not. ``begin``: the number that is due becomes ``sequence``; flits in the queue
    stay. ``credit``: the first number for which there is no room, so that a flit which is due always finds room.

    Latency: 1 cycle from ``arrive`` to ``flits_out``. Throughput: a flit a cycle.
    """

    def __init__(self, form: FrameFormat) -> None:
        self.form = form
        number = form.number_width
        super().__init__(
            {
                "begin": In(1),
                "arrive": In(1),
                "sequence": In(number),
                "flit": In(form.width),
                "flits_out": Out(stream.Signature(form.width)),
                "acknowledge": Out(number),
                "credit": Out(number),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = fifo.SyncFIFO(width=self.form.width, depth=self.form.window)
        taken = Signal()
        m.d.comb += [
            taken.eq(self.arrive & (self.sequence == self.acknowledge)),
            queue.w_en.eq(taken),
            queue.w_data.eq(self.flit),
            self.flits_out.valid.eq(queue.r_rdy),
            self.flits_out.payload.eq(queue.r_data),
            queue.r_en.eq(self.flits_out.ready),
            self.credit.eq(self.acknowledge + self.form.window - queue.level),
        ]
        with m.If(taken):
            m.d.sync += self.acknowledge.eq(self.acknowledge + 1)
        with m.If(self.begin):
            m.d.sync += self.acknowledge.eq(self.sequence)
        return m
