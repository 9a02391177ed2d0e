"""One flit to several outputs."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Fork(wiring.Component):
    """Keeps the first flit of a buffer until all the outputs of its route have taken it, each when it can.

        requests → pending → arbiters → moved → take

    ``requests``: the route of the flit, 0 while there is none; ``pending``: the part of it that waits; ``moved``: the
    part of that which leaves in this cycle. An output that has begun to wait for the flit waits until it has got it.

    Latency: none. Throughput: a flit a cycle, if all outputs of its route take it at once.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__({"requests": In(outputs), "pending": Out(outputs), "moved": In(outputs), "take": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        done = Signal.like(self.moved)
        m.d.comb += [
            self.pending.eq(self.requests & ~done),
            self.take.eq(self.requests.any() & ~(self.pending & ~self.moved).any()),
        ]
        with m.If(self.take):
            m.d.sync += done.eq(0)
        with m.Else():
            m.d.sync += done.eq(done | self.moved)
        return m
