"""The scanner against ``np.flatnonzero``; the cycle of every index."""

import numpy as np
import pytest

from ranvier.hw.train.scanner import Scanner

from .drive import simulate

LATENCY = 3


def scan(rng, lanes: int, jobs: list[np.ndarray], *, stalls: bool) -> list[tuple[list[int], list[int], int]]:
    """Scan bit maps ``[words, lanes]`` one directly after the other; of each the indices, the cycles after ``start`` in
    which they were taken, and that in which ``done`` rose. The first index is 2 more than a multiple of the lanes."""
    depth = sum(len(job) for job in jobs) + 3
    dut = Scanner(lanes=lanes, depth=depth, indices=depth * lanes + 16)
    memory = [int("".join("01"[int(bit)] for bit in word[::-1]), 2) for job in jobs for word in job]
    results = []

    async def testbench(ctx):
        base = 0
        for number, job in enumerate(jobs):
            indices, cycles, cycle = [], [], 0
            ctx.set(dut.address, base)
            ctx.set(dut.words, len(job))
            ctx.set(dut.first, 2 + number)
            ctx.set(dut.start, 1)
            assert ctx.get(dut.done)
            while True:
                ctx.set(dut.indices.ready, not stalls or rng.random() < 0.5)
                if ctx.get(dut.indices.valid) and ctx.get(dut.indices.ready):
                    indices.append(ctx.get(dut.indices.payload) - 2 - number)
                    cycles.append(cycle)
                if cycle and ctx.get(dut.done):
                    break
                reading, address = ctx.get(dut.read_enable), ctx.get(dut.read_address)
                await ctx.tick()
                if reading:
                    assert base <= address < base + len(job)
                    ctx.set(dut.read_data, memory[address])
                ctx.set(dut.start, 0)
                cycle += 1
                assert cycle < 10_000
            results.append((indices, cycles, cycle))
            base += len(job)

    simulate(dut, testbench)
    return results


def jobs_of(rng, lanes: int, count: int) -> list[np.ndarray]:
    """Maps of 0 to 7 words, one full, and some without any 1."""
    jobs = [rng.random((rng.integers(0, 8), lanes)) < rng.choice([0, 0.05, 0.3, 0.9]) for _ in range(count)]
    return [np.ones((3, lanes), bool), np.zeros((4, lanes), bool), np.zeros((0, lanes), bool), *jobs]


@pytest.mark.parametrize("lanes", [2, 8, 64])
@pytest.mark.parametrize("stalls", [False, True])
def test_indices_are_those_of_the_ones(lanes, stalls):
    rng = np.random.default_rng(lanes)
    jobs = jobs_of(rng, lanes, 20)
    results = scan(rng, lanes, jobs, stalls=stalls)
    found = sum(len(indices) for indices, _, _ in results)
    print(f"seed {lanes}: {len(jobs)} scans, {found} indices")
    assert found > 40
    for job, (indices, _, _) in zip(jobs, results, strict=True):
        assert indices == np.flatnonzero(job).tolist()


@pytest.mark.parametrize("lanes", [2, 8, 64])
def test_a_word_takes_as_many_cycles_as_it_has_ones_but_at_least_one(lanes):
    """The word in front of an index has taken its cycles; the last word's are over when the scan is done."""
    rng = np.random.default_rng(100 + lanes)
    jobs = jobs_of(rng, lanes, 20)
    checked = 0
    for job, (_, cycles, done) in zip(jobs, scan(rng, lanes, jobs, stalls=False), strict=True):
        ones = job.sum(axis=1)
        spent = np.maximum(ones, 1)
        starts = LATENCY + np.cumsum(spent) - spent
        expected = [int(start) + k for start, count in zip(starts, ones, strict=True) for k in range(count)]
        assert cycles == expected
        if len(job):
            assert done == LATENCY - (ones[-1] == 0) + spent.sum()
        else:
            assert done == 1
        checked += len(cycles)
    print(f"seed {100 + lanes}: {checked} cycles checked")
    assert checked > 40
