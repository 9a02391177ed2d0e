"""The losses against golden: loss, prediction and errors of every sample; cycles from ``start`` to ``done``."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.golden.train.loss import CountError, Softmax
from ranvier.hw.train.assess import assessment
from ranvier.hw.train.config import TrainerConfig

from .drive import dense_setup, pack, readout_setup, simulate, unpack


def assess(rng, config: TrainerConfig, outputs: np.ndarray, labels: np.ndarray, *, halves: int) -> list[int]:
    """Run samples ``[samples, steps, classes]`` in turn through the halves of the errors' memory; the cycles of each
    assessment. What comes out is compared with golden."""
    config = replace(config, overlap=halves == 2)
    dut, lanes = assessment(config), config.lanes
    samples, steps, classes = outputs.shape
    groups, width = config.layers[-1].groups, dut.output_width
    expected = config.setup.loss.assess(outputs, labels)
    cycles = []

    async def assess_once(ctx, slot: int, opening: bool) -> None:
        assert ctx.get(dut.done)
        ctx.set(dut.start, 1)
        ctx.set(dut.opening, opening)
        ctx.set(dut.slot, slot)
        await ctx.tick()
        for port, value in ((dut.start, 0), (dut.opening, 0), (dut.slot, 0)):  # all of them are held
            ctx.set(port, value)
        cycle = 1
        assert not ctx.get(dut.done)
        while not ctx.get(dut.done):
            await ctx.tick()
            cycle += 1
            assert cycle < 1000
        cycles.append(cycle)

    async def errors_of(ctx, slot: int) -> list[int]:
        found = []
        for group in range(groups):
            ctx.set(dut.error_address, slot * groups + group)
            await ctx.tick()
            found += unpack(ctx.get(dut.errors), config.error_width, lanes)
        return found[:classes]

    async def testbench(ctx):
        for sample in range(samples):
            half = sample % halves
            ctx.set(dut.label, int(labels[sample]))
            for step in range(steps):
                padded = rng.integers(0, 2, groups * lanes)  # lanes without a neuron hold anything
                padded[:classes] = outputs[sample, step]
                for group in rng.permutation(groups).tolist():
                    ctx.set(dut.output_valid, 1)
                    ctx.set(dut.first, step == 0)
                    ctx.set(dut.group, group)
                    ctx.set(dut.outputs, pack(padded[group * lanes :][:lanes].tolist(), width))
                    await ctx.tick()
                    ctx.set(dut.output_valid, 0)
                    if rng.random() < 0.3:
                        await ctx.tick()
                if config.every_step:
                    await assess_once(ctx, half * steps + step, step == 0)
            if not config.every_step:
                await assess_once(ctx, half, False)
            assert ctx.get(dut.loss) == expected.loss[sample]
            assert ctx.get(dut.prediction) == expected.prediction[sample]
            for step in range(steps):
                slot = half * steps + step if config.every_step else half
                assert await errors_of(ctx, slot) == expected.gradient[sample, step].tolist()

    simulate(dut, testbench)
    return cycles


@pytest.mark.parametrize("classes", [2, 5, 11])
def test_spike_counts(classes):
    rng, lanes, steps, samples = np.random.default_rng(classes), 4, 6, 25
    loss = CountError(classes, 4, 1, 3)
    config = TrainerConfig(dense_setup([3, classes], lanes=lanes, steps=steps, loss=loss))
    outputs, labels = rng.integers(0, 2, (samples, steps, classes)), rng.integers(0, classes, samples)
    outputs[0], outputs[1] = 0, 1  # ties: the first class is predicted
    cycles = assess(rng, config, outputs, labels, halves=2)
    print(f"seed {classes}: {len(cycles)} assessments")
    assert len(cycles) == samples and set(cycles) == {classes + 1}


@pytest.mark.parametrize("every_step", [False, True], ids=["sum", "TET"])
@pytest.mark.parametrize(
    "softmax",
    [Softmax(2, 5), Softmax(5, 7, 3, 20, 8, 6), Softmax(10, 6, 2, 40, 13, 10), Softmax(5, 4, 0, 2, 4, 1)],
    ids=lambda softmax: f"{softmax.classes} classes",
)
def test_cross_entropies(softmax, every_step):
    """Potentials far apart, near each other, and all the same."""
    rng, steps, samples, classes = np.random.default_rng(softmax.classes), 3, 12, softmax.classes
    config = TrainerConfig(readout_setup(classes, softmax, lanes=4, every_step=every_step, steps=steps))
    spread = rng.choice([0, 3, 40, 511], (samples, 1, 1))
    outputs = rng.integers(-spread - 1, spread + 1, (samples, steps, classes))
    labels = rng.integers(0, classes, samples)
    cycles = assess(rng, config, outputs, labels, halves=1 + every_step)
    print(f"seed {classes}: {len(cycles)} assessments")
    assert len(cycles) == samples * (steps if every_step else 1)
    assert set(cycles) == {3 * classes + softmax.dividend_bits + 6}
