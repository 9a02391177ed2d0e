"""Random events in hardware."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Noise(wiring.Component):
    """``hit`` in a share of ``rate / 2**32`` of the cycles, with ``bits`` that are random: G. Marsaglia's xorshift."""

    def __init__(self, seed: int, width: int = 1) -> None:
        self.seed, self.width = seed, width
        super().__init__({"rate": In(32), "hit": Out(1), "bits": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(32, init=self.seed)
        first, second, third = Signal(32), Signal(32), Signal(32)
        m.d.comb += [
            first.eq(state ^ (state << 13)),
            second.eq(first ^ (first >> 17)),
            third.eq(second ^ (second << 5)),
            self.hit.eq(state < self.rate),
        ]
        m.d.sync += state.eq(third)
        with m.If(self.hit):
            m.d.comb += self.bits.eq(state)
        return m
