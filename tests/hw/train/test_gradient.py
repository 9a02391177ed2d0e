"""The weight-gradient engine against NumPy's outer products, and how close it comes to an addition a lane and cycle."""

import numpy as np
import pytest

from ranvier.hw.train.config import TrainerConfig
from ranvier.hw.train.gradient import PAIR, QUEUE_DEPTH, GradientEngine

from .drive import dense_setup, pack, simulate, unpack, within

LATENCY = 7  # from a part to the first of its additions
DRAIN = PAIR * QUEUE_DEPTH + LATENCY  # cycles after the last part that the queues need at most


class Bench:
    """The engine of one layer; golden sums; cycles from the first part that is offered to the last that is taken."""

    def __init__(self, inputs: int, neurons: int, lanes: int) -> None:
        self.config = TrainerConfig(dense_setup([inputs, neurons], lanes=lanes, steps=8))
        self.dut, self.lanes = GradientEngine(self.config), lanes
        self.sums = np.zeros((inputs, neurons), np.int64)
        self.cycles = self.added = self.expected = 0

    async def tick(self, ctx) -> None:
        self.added += ctx.get(self.dut.pairs)
        await ctx.tick()

    async def step(self, ctx, axons: list[int], gradients: np.ndarray, *, stalls=None) -> int:
        """Lists of ``gradients``, then the rows of ``axons``; the number of parts of each."""
        dut, lanes, width = self.dut, self.lanes, self.config.setup.gradient_width
        groups = self.config.layers[0].groups
        padded = np.zeros(groups * lanes, np.int64)
        padded[: len(gradients)] = gradients
        ctx.set(dut.restart, 1)
        await self.tick(ctx)
        ctx.set(dut.restart, 0)
        for group, word in enumerate(padded.reshape(groups, lanes)):
            while stalls is not None and stalls.random() < 0.3:
                await self.tick(ctx)
            ctx.set(dut.append, 1)
            ctx.set(dut.group, group)
            ctx.set(dut.gradients, pack(word.tolist(), width))
            ctx.set(dut.nonzero, pack((word != 0).tolist(), 1))
            await self.tick(ctx)
            ctx.set(dut.append, 0)
        await self.tick(ctx)
        longest = int((padded.reshape(groups, lanes) != 0).sum(axis=0).max())
        words = ctx.get(dut.words)  # two cycles after the last one
        assert words == -(-longest // PAIR)
        for axon in axons:
            for position in range(words):
                while stalls is not None and stalls.random() < 0.3:
                    await self.tick(ctx)
                ctx.set(dut.parts.valid, 1)
                ctx.set(dut.parts.payload, {"row": axon * groups, "position": position, "rotation": axon % lanes})
                while not ctx.get(dut.parts.ready):
                    await self.tick(ctx)
                    self.cycles += 1
                await self.tick(ctx)
                self.cycles += 1
                ctx.set(dut.parts.valid, 0)
            self.sums[axon] += gradients
            self.expected += int(np.count_nonzero(gradients))
        return words

    async def drain(self, ctx) -> int:
        """Cycles until everything is added."""
        cycles = 0
        while ctx.get(self.dut.queued):
            await self.tick(ctx)
            cycles += 1
        assert self.added == self.expected  # nothing lost on the way, nothing twice
        return cycles

    async def check(self, ctx, words: list[int]) -> int:
        """Compare ``words`` of all banks; how many weights they hold."""
        ctx.set(self.dut.own, 1)
        weights, groups = 0, self.config.layers[0].groups
        for word in words:
            ctx.set(self.dut.address, word)
            await ctx.tick()
            await ctx.tick()
            found = unpack(ctx.get(self.dut.sums), self.config.setup.sum_width, self.lanes)
            axon, group = divmod(word, groups)
            for lane in range(min(self.lanes, self.sums.shape[1] - group * self.lanes)):
                assert found[(lane + axon) % self.lanes] == self.sums[axon, group * self.lanes + lane]
                weights += 1
        ctx.set(self.dut.own, 0)
        return weights


@pytest.mark.parametrize("seed", range(6))
def test_sums_of_outer_products(seed):
    """Steps of random spikes and gradients, dense or sparse, with pauses or without, in layers that do not divide."""
    rng = np.random.default_rng(seed)
    inputs, neurons, lanes = int(rng.integers(3, 14)), int(rng.integers(3, 23)), int(rng.choice([2, 4]))
    bench = Bench(inputs, neurons, lanes)
    width = bench.config.setup.gradient_width
    checked = 0

    async def testbench(ctx):
        nonlocal checked
        for _ in range(8):
            axons = np.flatnonzero(rng.random(inputs) < rng.choice([0.1, 0.5, 1])).tolist()
            gradients = np.array([within(rng, width) for _ in range(neurons)])
            gradients[rng.random(neurons) > rng.choice([0, 0.2, 1])] = 0
            await bench.step(ctx, axons, gradients, stalls=rng if seed % 2 else None)
            if rng.random() < 0.5:
                await bench.drain(ctx)
        await bench.drain(ctx)
        checked = await bench.check(ctx, list(range(bench.config.weight_words)))

    simulate(bench.dut, testbench)
    print(f"seed {seed}: {inputs} × {neurons}, {lanes} lanes: {bench.expected} additions, {checked} sums")
    assert checked == inputs * neurons and bench.expected > 50


@pytest.mark.parametrize("neurons", [2, 4])
def test_the_same_weight_again_and_again(neurons):
    """Each addition waits for the one before to be written: 3 cycles for one weight of a bank, and for two in turn."""
    bench = Bench(3, neurons, 2)
    gradients = np.arange(1, neurons + 1) * 1000

    async def testbench(ctx):
        await bench.step(ctx, [1] * 40, gradients)
        cycles = bench.cycles + await bench.drain(ctx)
        assert 40 * 3 <= cycles <= 40 * 3 + LATENCY
        assert await bench.check(ctx, list(range(bench.config.weight_words))) == 3 * neurons

    simulate(bench.dut, testbench)
    assert bench.expected == 40 * neurons


def test_latency_of_an_addition():
    bench = Bench(4, 4, 4)
    dut, cycles = bench.dut, []

    async def testbench(ctx):
        await bench.step(ctx, [2], np.array([0, 5, 0, 0]))
        cycles.append(1 + await bench.drain(ctx))  # the part itself took a cycle

    simulate(dut, testbench)
    assert cycles == [LATENCY + 1]


def test_all_gradients_into_one_bank():
    """The worst case: two cycles a part, and the queues of the others are empty; nothing overflows."""
    lanes, groups = 4, 8
    bench = Bench(64, lanes * groups, lanes)
    gradients = np.zeros(lanes * groups, np.int64)
    gradients[1::lanes] = np.arange(1, groups + 1)
    axons = list(range(0, 64, lanes))

    async def testbench(ctx):
        words = await bench.step(ctx, axons, gradients)
        assert words == groups // PAIR
        parts = words * len(axons)
        tail = await bench.drain(ctx)
        assert PAIR * parts <= bench.cycles + tail <= PAIR * parts + LATENCY
        assert tail <= DRAIN
        assert await bench.check(ctx, [axon * groups + group for axon in axons for group in range(groups)]) > 100

    simulate(bench.dut, testbench)
    assert bench.expected == len(axons) * groups


@pytest.mark.parametrize("lanes", [4, 8])
def test_sparse_products_at_full_speed(lanes):
    """256 × 256, spikes 0.1, gradients 0.2: at most 1 / 0.9 of the cycles that an addition in every lane would take.

    As in the trainer, queues that are not empty when a step's rows end empty themselves beside the next lists."""
    rng, size, steps = np.random.default_rng(lanes), 256, 6
    bench = Bench(size, size, lanes)
    parts = 0

    async def testbench(ctx):
        nonlocal parts
        for _ in range(steps):
            axons = np.flatnonzero(rng.random(size) < 0.1).tolist()
            gradients = np.where(rng.random(size) < 0.2, rng.integers(1, 1000, size), 0)
            parts += len(axons) * await bench.step(ctx, axons, gradients)
        bench.cycles += await bench.drain(ctx)
        await bench.check(ctx, rng.integers(0, bench.config.weight_words, 200).tolist())

    simulate(bench.dut, testbench)
    ideal = bench.expected / lanes
    print(
        f"seed {lanes}: {bench.expected} additions, {parts} parts in {bench.cycles} cycles: {ideal / bench.cycles:.1%}"
    )
    assert parts <= bench.cycles <= PAIR * parts + DRAIN
    assert ideal / bench.cycles >= 0.9
