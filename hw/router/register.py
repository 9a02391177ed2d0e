"""A register between two streams."""

from amaranth.hdl import Module, ShapeLike
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Register(wiring.Component):
    """Holds a word of a stream of ``shape`` for a cycle, so that no path leads from ``before`` to ``after`` but that of
    ``ready``, backwards.

    Latency: 1 cycle. Throughput: a word a cycle.
    """

    def __init__(self, shape: ShapeLike) -> None:
        super().__init__({"before": In(stream.Signature(shape)), "after": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.before.ready.eq(~self.after.valid | self.after.ready)
        with m.If(self.before.ready):
            m.d.sync += self.after.valid.eq(self.before.valid)
            m.d.sync += self.after.payload.eq(self.before.payload)
        return m
