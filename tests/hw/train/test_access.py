"""The access port and the counters: latency, what each request does, and the wipe after reset."""

import numpy as np
import pytest

from ranvier.golden import generator
from ranvier.hw.train.access import FIRST_COUNTER, PENDING, Access, Region
from ranvier.hw.train.config import REPLY_WIDTH, TrainerConfig
from ranvier.hw.train.counters import NAMES, WIDTH, Counters

from .drive import dense_setup, pack, simulate

READ, WRITE = 5, 2  # cycles of a request
LATENCY = 4  # from a read to its reply
SEEN = 2  # cycles from what is counted to the count


@pytest.mark.parametrize("stalls", [False, True])
def test_requests_one_after_the_other(stalls):
    """Reads of memories that answer after two cycles, and writes, in random order against plain arrays."""
    rng = np.random.default_rng(stalls)
    config = TrainerConfig(dense_setup([4, 5], lanes=4))
    dut, lanes, words, setup = Access(config), config.lanes, config.weight_words, config.setup
    widths = [setup.weight_width, setup.optimiser.momentum_width, setup.sum_width]
    memories = [rng.integers(-(1 << (width - 1)), 1 << (width - 1), (words, lanes)) for width in widths]
    generators, pending = rng.integers(1, 1 << 32, lanes), 3
    counts = rng.integers(0, 1 << 32, len(NAMES))
    reads = writes = 0

    def answer(request: dict) -> int:
        """What a read should give."""
        region, lane, address = request["region"], request["lane"], request["address"]
        if region != Region.MISCELLANY:
            return int(memories[region][address, lane]) & ((1 << REPLY_WIDTH) - 1)
        if address == 0:
            return int(generators[lane])
        return pending if address == PENDING else int(counts[address - FIRST_COUNTER])

    def random_request() -> dict:
        region = int(rng.integers(4))
        address = int(rng.integers(words if region < Region.MISCELLANY else FIRST_COUNTER + len(NAMES)))
        data = int(rng.integers(-(1 << (widths[region] - 1)), 1 << (widths[region] - 1))) if region < 3 else 7
        write, lane = int(rng.integers(2)), int(rng.integers(lanes))
        return {"write": write, "region": region, "lane": lane, "address": address, "data": data}

    async def testbench(ctx):
        nonlocal reads, writes, pending
        addresses, cycle, effects = [0, 0], 0, []

        async def tick():
            """A cycle of the memories, and of what is written."""
            nonlocal addresses, cycle, pending
            written = ctx.get(dut.written)
            for number, port in enumerate((dut.write_weights, dut.write_momenta, dut.write_sums)):
                for lane in range(lanes):
                    if ctx.get(port) >> lane & 1:
                        value = written & ((1 << widths[number]) - 1)
                        memories[number][ctx.get(dut.address), lane] = value - (
                            value >> (widths[number] - 1) << widths[number]
                        )
                        effects.append((number, cycle))
            for lane in range(lanes):
                if ctx.get(dut.load_generator) >> lane & 1:
                    generators[lane] = written
                    effects.append((3, cycle))
            if ctx.get(dut.load_pending):
                pending = written & 7
                effects.append((3, cycle))
            if ctx.get(dut.clear_counter):
                counts[ctx.get(dut.counter)] = 0
                effects.append((3, cycle))
            addresses = [*addresses[1:], ctx.get(dut.address)]
            await ctx.tick()
            cycle += 1
            for port, matrix, width in zip((dut.weights, dut.momenta, dut.sums), memories, widths, strict=True):
                ctx.set(port, pack(matrix[addresses[0] % words].tolist(), width))
            ctx.set(dut.generators, pack(generators.tolist(), generator.WIDTH))
            ctx.set(dut.pending, pending)
            ctx.set(dut.count, int(counts[ctx.get(dut.counter) % len(NAMES)]))

        ctx.set(dut.enable, 1)
        for _ in range(200):
            request = random_request()
            while stalls and rng.random() < 0.5:
                await tick()
            ctx.set(dut.requests.valid, 1)
            ctx.set(dut.requests.payload, request)
            if stalls and rng.random() < 0.3:  # nothing is taken while something else is at work
                ctx.set(dut.enable, 0)
                for _ in range(3):
                    assert not ctx.get(dut.requests.ready)
                    await tick()
                ctx.set(dut.enable, 1)
            assert ctx.get(dut.requests.ready)
            start, before = cycle, len(effects)
            expected = answer(request)
            await tick()
            ctx.set(dut.requests.valid, 0)
            taken = 0
            while ctx.get(dut.busy):
                ready = not stalls or rng.random() < 0.3
                ctx.set(dut.replies.ready, bool(ready))
                if ctx.get(dut.replies.valid):
                    assert stalls or cycle == start + LATENCY
                    assert ctx.get(dut.replies.payload) == expected
                    taken += ready
                await tick()
            if request["write"]:
                assert cycle == start + WRITE and not taken
                assert effects[before:] == [(request["region"], start + 1)]
                written = answer(request)
                counted = request["region"] == Region.MISCELLANY and request["address"] >= FIRST_COUNTER
                assert written == (0 if counted else request["data"] & ((1 << REPLY_WIDTH) - 1))
                writes += 1
            else:
                assert taken == 1 and len(effects) == before
                assert stalls or cycle == start + READ
                reads += 1

    simulate(dut, testbench)
    print(f"seed {int(stalls)}: {reads} reads, {writes} writes")
    assert reads > 50 and writes > 50


def test_the_wipe_takes_as_many_cycles_as_a_bank_has_words():
    config = TrainerConfig(dense_setup([4, 5], lanes=4))
    dut, addresses = Access(config), []

    async def testbench(ctx):
        while ctx.get(dut.wiping):
            addresses.append(ctx.get(dut.wipe_address))
            await ctx.tick()

    simulate(dut, testbench)
    assert addresses == list(range(config.weight_words))


def test_counters_follow_two_cycles_behind():
    """Random steps of all counters at once; one of them wraps; one is cleared and the others stay."""
    rng, step = np.random.default_rng(1), 12
    dut = Counters(step=step)
    totals, behind = np.zeros(len(NAMES), np.int64), [np.zeros(len(NAMES), np.int64)] * SEEN
    checked = 0

    async def testbench(ctx):
        nonlocal totals, behind, checked
        for cycle in range(200):
            more = rng.integers(0, step + 1, len(NAMES))
            for name, value in zip(NAMES, more.tolist(), strict=True):
                ctx.set(getattr(dut, name), value)
            index, clear = int(rng.integers(len(NAMES))), cycle % 50 == 49
            ctx.set(dut.index, index)
            assert ctx.get(dut.value) == behind[0][index] % (1 << WIDTH)
            checked += 1
            if clear:
                for name in NAMES:
                    ctx.set(getattr(dut, name), 0)
                await ctx.tick()
                totals = behind[-1].copy()
                ctx.set(dut.clear, 1)
                await ctx.tick()
                ctx.set(dut.clear, 0)
                totals[index] = 0
                behind = [totals.copy()] * SEEN
                continue
            await ctx.tick()
            totals = totals + more
            behind = [*behind[1:], totals.copy()]

    simulate(dut, testbench)
    print(f"seed 1: {checked} counts")
    assert checked == 200
