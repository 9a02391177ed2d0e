"""Patience and counters."""

from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from ranvier.hw.link.watch import Watch, count


def simulate(design, testbench):
    simulator = Simulator(design)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()


def test_a_counter_sticks_at_its_maximum():
    m, counter, event, seen = Module(), Signal(2), Signal(), []
    count(m, counter, event)

    async def testbench(ctx):
        for value in (1, 0, 1, 1, 0, 1, 1):
            ctx.set(event, value)
            await ctx.tick()
            seen.append(ctx.get(counter))

    simulate(m, testbench)
    assert seen == [1, 1, 2, 3, 3, 3, 3]


def test_patience_ends_after_so_many_cycles():
    watch, seen = Watch(3), []

    async def testbench(ctx):
        for waiting in (1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0):
            ctx.set(watch.waiting, waiting)
            await ctx.tick()
            seen.append((ctx.get(watch.stuck), ctx.get(watch.errors)))

    simulate(watch, testbench)
    assert seen == [(0, 0)] * 7 + [(1, 1)] * 2 + [(0, 1)] * 4 + [(1, 2), (0, 2)]
