"""Properties of the barrier: a release comes when all leaves are done and no packet is under way, and not later."""

from itertools import pairwise

from amaranth.hdl import Signal, signed, unsigned

import ranvier.hw.manycore.barrier as barrier

from .prover import Properties

LOST = 2  # bits of how many packets are lost in a cycle


def release(leaves, width=2):
    """Leaves that keep to their rules: one that is done stays so until a release, and sends nothing.

    What is under way is counted apart from the balances and assumed to be less than ``2**width``. The last leaf may
    lose packets, too, more than one in a cycle.
    """
    p = Properties()
    m = p.m
    m.submodules.dut = dut = barrier.Barrier(leaves, width=width)
    p.leave_free(dut.done)
    p.assume((p.past(dut.done, "done") & ~p.past(dut.release, "release").replicate(leaves) & ~dut.done) == 0)
    sends, receives = (p.free(leaves, name) for name in ("sends", "receives"))
    loses = p.free(unsigned(LOST), "loses")
    p.assume((sends & dut.done) == 0)

    under_way = Signal(width)
    remains, later = Signal(signed(width + leaves)), Signal(signed(width + leaves))
    m.d.comb += [
        remains.eq(under_way - sum(receives[leaf] for leaf in range(leaves)) - loses),
        later.eq(remains + sum(sends[leaf] for leaf in range(leaves))),
    ]
    p.assume((remains >= 0) & (later < 1 << width))  # a packet comes in a later cycle than it goes
    m.d.sync += under_way.eq(later)
    balances = [Signal(width, name=f"balance_{leaf}") for leaf in range(leaves)]
    for leaf, balance in enumerate(balances):
        gone = loses if leaf == leaves - 1 else 0
        m.d.comb += getattr(dut, f"balance_{leaf}").eq(balance)
        m.d.sync += balance.eq(balance + sends[leaf] - receives[leaf] - gone)

    ready = dut.done.all() & (under_way == 0)
    waited, since = Signal(range(dut.levels + 2)), Signal(range(dut.levels + 4))  # cycles: ready; from the last release
    m.d.sync += [waited.eq(waited + (waited != dut.levels + 1)), since.eq(since + (since != dut.levels + 3))]
    with m.If(~ready):
        m.d.sync += waited.eq(0)
    with m.If(dut.release):
        m.d.sync += since.eq(1)
    empty = [under_way == 0, *(Signal(init=1, name=f"empty_{level}") for level in range(dut.levels))]
    m.d.sync += [above.eq(below) for below, above in pairwise(empty)]

    p.check((sum(balances) - under_way)[:width] == 0)
    p.implies(dut.release, ready)
    p.check(dut.release == ((waited == dut.levels + 1) & (since == dut.levels + 3)))
    p.check(dut.quiet == empty[-1])

    full, lost = Signal(), Signal()  # so far
    m.d.sync += [full.eq(full | (under_way == (1 << width) - 1)), lost.eq(lost | (loses > 1))]
    p.cover(dut.release & full & lost)
    p.cover(dut.release & p.past(ready & (waited == dut.levels + 1), "paused"))
    return p
