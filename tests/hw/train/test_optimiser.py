"""The optimiser against golden: weights, momenta and generators; ``lanes`` weights a cycle."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.golden import generator
from ranvier.golden.train.optimiser import accumulate, descend
from ranvier.hw.train.config import TrainerConfig
from ranvier.hw.train.optimiser import Optimiser

from ...golden.train.setups import random_optimiser
from .drive import dense_setup, pack, simulate, unpack

FILL = 6  # cycles of a pass beyond those of its words
READ = 2  # cycles from the address to what the memories answer


@pytest.mark.parametrize("seed", range(8))
def test_weights_momenta_and_generators_equal_golden(seed):
    """Two passes over all words of the banks, in exactly ``words + 6`` cycles each."""
    rng = np.random.default_rng(seed)
    lanes = int(rng.choice([2, 4, 8]))
    optimiser = replace(random_optimiser(rng, 255), stochastic=bool(seed % 2))
    sizes = [int(rng.integers(2, 9)), int(rng.integers(2, 12)), 3]
    setup = dense_setup(sizes, lanes=lanes, weight_width=9, optimiser=optimiser)
    config = TrainerConfig(setup)
    words, dut = config.weight_words, Optimiser(config)
    shape, clip = (words, lanes), optimiser.clip
    half, reach = 1 << (optimiser.momentum_width - 1), 1 << int(rng.integers(4, setup.sum_width))
    weights, momenta = rng.integers(-clip, clip + 1, shape), rng.integers(-half, half, shape)
    sums = rng.integers(-reach, reach, shape)
    states = generator.seeded(seed + 1, lanes)
    saturations = moved = 0

    async def testbench(ctx):
        nonlocal weights, momenta, states, saturations, moved
        for lane, state in enumerate(states.tolist() if optimiser.stochastic else []):
            ctx.set(dut.load, 1 << lane)
            ctx.set(dut.seed, state)
            await ctx.tick()
        ctx.set(dut.load, 0)
        for _ in range(2):
            rate = int(rng.integers(0, optimiser.top_rate + 1)) if optimiser.rate_width else 1
            draws, following = generator.stream(states, words)
            noise = draws & ((1 << optimiser.rate_shift) - 1) if optimiser.stochastic else np.zeros_like(draws)
            expected_momenta, limited = accumulate(optimiser, momenta, sums)
            expected_weights, _ = descend(optimiser, weights, expected_momenta, rate, noise)
            new_weights, new_momenta = weights.copy(), momenta.copy()
            addresses, written, cycle, counted = [0] * READ, [], 0, 0
            assert not ctx.get(dut.busy)
            ctx.set(dut.start, 1)
            if optimiser.rate_width:
                ctx.set(dut.rate, rate)
            while cycle == 0 or ctx.get(dut.busy):
                counted += ctx.get(dut.saturations)
                if ctx.get(dut.write):
                    place = ctx.get(dut.write_address)
                    written.append(place)
                    new_weights[place] = unpack(ctx.get(dut.new_weights), setup.weight_width, lanes)
                    new_momenta[place] = unpack(ctx.get(dut.new_momenta), optimiser.momentum_width, lanes)
                addresses = [*addresses[1:], ctx.get(dut.address)]
                await ctx.tick()
                ctx.set(dut.start, 0)
                word = addresses[0]  # the address of the cycle before the last
                for port, matrix, width in (
                    (dut.weights, weights, setup.weight_width),
                    (dut.momenta, momenta, optimiser.momentum_width),
                    (dut.sums, sums, setup.sum_width),
                ):
                    ctx.set(port, pack(matrix[word % words].tolist(), width))
                cycle += 1
            assert cycle == words + FILL
            assert written == list(range(words))
            np.testing.assert_array_equal(new_weights, expected_weights)
            np.testing.assert_array_equal(new_momenta, expected_momenta)
            assert counted == limited.sum()
            if optimiser.stochastic:
                assert unpack(ctx.get(dut.states), generator.WIDTH, lanes, is_signed=False) == following.tolist()
            saturations += counted
            moved += int((new_weights != weights).sum())
            weights, momenta, states = new_weights, new_momenta, following

    simulate(dut, testbench)
    print(f"seed {seed}: {words} words of {lanes}, {moved} weights moved, {saturations} momenta saturated")
    assert moved > 0
