"""What lets a tile go on: credits and the barrier."""

from itertools import pairwise

import pytest
from amaranth.sim import Simulator

from ranvier.hw.manycore.barrier import Barrier
from ranvier.hw.manycore.pace import CreditPace
from ranvier.hw.manycore.packet import PacketFormat


def simulate(component, testbench):
    simulator = Simulator(component)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()


def test_two_steps_may_be_sent_and_the_third_when_all_targets_have_consumed_the_first():
    pace = CreditPace(PacketFormat(2, 3, 8, None), senders=1, targets=3)
    may_send = []

    async def testbench(ctx):
        async def tick(**values):
            signals = {"step": pace.interface.step, "closing": pace.interface.closing, "credit": pace.credits.valid}
            for name, signal in signals.items():
                ctx.set(signal, values.get(name, 0))
            ctx.set(pace.credits.payload, values.get("of", 0))
            may_send.append(ctx.get(pace.interface.may_send))
            await ctx.tick()

        ctx.set(pace.targets, 3)
        await tick(step=0)
        await tick(step=0, closing=1)
        await tick(step=0, credit=1, of=0)  # before the end has gone to the other targets
        await tick(step=1)
        await tick(step=1, closing=1)
        await tick(step=0)
        await tick(step=0, credit=1, of=1)  # of a target that is quicker
        await tick(step=0, credit=1, of=0)
        await tick(step=0, credit=1, of=0)
        await tick(step=0)

    simulate(pace, testbench)
    assert may_send == [1, 1, 0, 1, 1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("leaves", [1, 2, 4, 5, 17])
def test_the_barrier_releases_levels_and_one_cycle_after_the_last_leaf(leaves):
    barrier = Barrier(leaves, width=4)
    releases = []

    async def testbench(ctx):
        everyone = (1 << leaves) - 1
        for cycle in range(80):
            done = everyone if cycle >= 20 else everyone & ~1
            balance = {30: (1, 0), 31: (1, 0)}.get(cycle, (0, 0))
            ctx.set(barrier.done, done if cycle < 25 or cycle >= 40 else everyone & ~(1 << (leaves - 1)))
            ctx.set(barrier.balance_0, balance[0])
            if ctx.get(barrier.release):
                releases.append(cycle)
            await ctx.tick()

    simulate(barrier, testbench)
    assert releases[0] == 20 + barrier.levels + 1
    assert min(release for release in releases if release > 25 + barrier.levels + 1) == 40 + barrier.levels + 1
    later = [release for release in releases if release >= 40]
    assert {after - before for before, after in pairwise(later)} == {barrier.levels + 3}


def test_the_barrier_waits_for_packets_under_way():
    barrier = Barrier(6, width=4)
    releases = []

    async def testbench(ctx):
        ctx.set(barrier.done, 0b111111)
        ctx.set(barrier.balance_0, 3)  # sent three, of which one has come
        ctx.set(barrier.balance_5, -1)
        for cycle in range(60):
            if cycle == 30:
                ctx.set(barrier.balance_4, -2)
            if ctx.get(barrier.release):
                releases.append(cycle)
            await ctx.tick()

    simulate(barrier, testbench)
    assert releases[0] == 30 + barrier.levels + 1
