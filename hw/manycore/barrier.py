"""The barrier: when all tiles are done and no packet is under way, it lets all go on at once."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

FAN_IN = 4


class Barrier(wiring.Component):
    """A tree of registers over ``leaves``, all of them as deep: what its root sees was so at all leaves in one cycle.

        done, balance → … → root → release

    ``balance_<k>``: how many more packets leaf k has sent than received, modulo ``2**width``, which must be more than
    can be under way. ``release`` is 1 for a cycle when all were ``done`` and no packet was under way; it comes to all
    in the same cycle. ``quiet``: as the root sees it, no packet is under way.

    Latency: ``release`` rises ``levels + 1`` cycles after the last leaf is done, if no packet is under way then, where
    ``levels = ceil(log4(leaves))``; two releases are at least ``levels + 3`` cycles apart.
    """

    def __init__(self, leaves: int, *, width: int) -> None:
        self.leaves, self.width = leaves, width
        super().__init__(
            {"done": In(leaves), "release": Out(1), "quiet": Out(1)}
            | {f"balance_{leaf}": In(width) for leaf in range(leaves)}
        )

    @property
    def levels(self) -> int:
        levels, reach = 0, 1
        while reach < self.leaves:
            levels, reach = levels + 1, reach * FAN_IN
        return levels

    def elaborate(self, platform: object) -> Module:
        m = Module()
        level = [(self.done[leaf], getattr(self, f"balance_{leaf}")) for leaf in range(self.leaves)]
        for depth in range(self.levels):
            above = []
            for first in range(0, len(level), FAN_IN):
                below = level[first : first + FAN_IN]
                done = Signal(name=f"done{depth}_{first // FAN_IN}")
                balance = Signal(self.width, name=f"balance{depth}_{first // FAN_IN}")
                m.d.sync += [done.eq(Cat(leaf[0] for leaf in below).all()), balance.eq(sum(leaf[1] for leaf in below))]
                above.append((done, balance))
            level = above
        ((done, balance),) = level
        pause = Signal(range(self.levels + 3), init=self.levels + 2)  # until leaves that were released show at the root
        m.d.comb += self.quiet.eq(balance == 0)
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        m.d.sync += self.release.eq(0)
        with m.If(done & self.quiet & (pause == 0)):
            m.d.sync += [self.release.eq(1), pause.eq(self.levels + 2)]
        return m
