"""Lists that are sent again, and the lists of the mask: what comes, in which order and in which cycle."""

import numpy as np
import pytest

from ranvier.hw.train.config import TrainerConfig
from ranvier.hw.train.masks import MaskLists
from ranvier.hw.train.replay import Replay

from .drive import dense_setup, simulate

DEPTH, MOST = 12, 5


@pytest.mark.parametrize("seed", range(6))
def test_every_round_has_the_whole_list(seed):
    """Lists of 0 to 12 items in 1 to 5 rounds, one list after the other, pauses while it comes in."""
    rng = np.random.default_rng(seed)
    dut, sent = Replay(8, depth=DEPTH, most_rounds=MOST), 0

    async def testbench(ctx):
        nonlocal sent
        for number in range(30):
            items = rng.integers(0, 256, [0, 1, DEPTH, int(rng.integers(DEPTH + 1))][number % 4]).tolist()
            rounds, pauses = int(rng.integers(1, MOST + 1)), [0, 0.5][number % 2]
            assert ctx.get(dut.done)
            ctx.set(dut.rounds, rounds)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            found, asked, left = [], None, list(items)
            while left or asked is not None:
                if asked is not None:
                    entry = ctx.get(dut.entries.payload)
                    assert ctx.get(dut.entries.valid)
                    assert (entry.end, entry.round, entry.item) == (0, 0, asked)
                else:
                    assert not ctx.get(dut.entries.valid)
                asked = left.pop(0) if left and rng.random() >= pauses else None
                ctx.set(dut.items.valid, asked is not None)
                if asked is not None:
                    ctx.set(dut.items.payload, asked)
                await ctx.tick()
            assert ctx.get(dut.count) == len(items)
            ctx.set(dut.complete, 1)
            cycles = 0
            while not ctx.get(dut.done):
                await ctx.tick()
                cycles += 1
                entry = ctx.get(dut.entries.payload)
                assert ctx.get(dut.entries.valid)  # without a gap
                found.append((entry.round, "end" if entry.end else entry.item))
            ctx.set(dut.complete, 0)
            assert cycles == rounds * (len(items) + 1) - len(items)
            wanted = [(0, "end")]
            for later in range(1, rounds):
                wanted += [(later, item) for item in items] + [(later, "end")]
            assert found == wanted
            sent += len(items) + len(found)
            await ctx.tick()
            assert not ctx.get(dut.entries.valid)

    simulate(dut, testbench)
    print(f"seed {seed}: {sent} entries")
    assert sent > 200


@pytest.mark.parametrize("seed", range(4))
def test_masks_become_a_list_of_each_lane(seed):
    """Masks full, empty and in between; walked through as fast as it goes, and slower."""
    rng = np.random.default_rng(seed)
    lanes = int(rng.choice([2, 4]))
    config = TrainerConfig(dense_setup([5, 23, 9], lanes=lanes))
    dut, walked = MaskLists(config, depth=64), 0
    memory = np.zeros(64, int)

    async def serve(ctx):
        """The memory of masks."""
        async for _, _, enable, address in ctx.tick().sample(dut.read_enable, dut.read_address):
            if enable:
                ctx.set(dut.read_data, int(memory[address]))

    async def testbench(ctx):
        nonlocal walked
        for number in range(20):
            words = int(rng.integers(1, config.most_groups + 1))
            address = int(rng.integers(0, 64 - words + 1))
            mask = rng.random((words, lanes)) < [0, 1, 0.2, 0.6][number % 4]
            memory[:] = rng.integers(0, 1 << lanes, 64)
            memory[address : address + words] = mask @ (1 << np.arange(lanes))
            ctx.set(dut.address, address)
            ctx.set(dut.words, words)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            cycles = 1
            while not ctx.get(dut.done):
                await ctx.tick()
                cycles += 1
            assert cycles == words + 4
            places = [np.flatnonzero(mask[:, lane]).tolist() for lane in range(lanes)]
            rounds = max(len(groups) for groups in places)
            assert ctx.get(dut.rounds) == rounds
            for round_ in range(rounds):
                filled = ctx.get(dut.filled)
                for lane, groups in enumerate(places):
                    assert filled >> lane & 1 == (round_ < len(groups))
                    if round_ < len(groups):
                        assert ctx.get(dut.groups[lane]) == groups[round_]
                        walked += 1
                await ctx.tick().repeat(1 + int(rng.integers(0, 3)) * (number % 2))
                ctx.set(dut.advance, 1)
                await ctx.tick()
                ctx.set(dut.advance, 0)

    simulate(dut, testbench, serve)
    print(f"seed {seed}: {walked} neurons of {lanes} lanes")
    assert walked > 50
