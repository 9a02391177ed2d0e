"""Potentials that are computed again: networks whose gradients would be others with those of another step."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.gen.training.images import Samples
from ranvier.golden.neurons.leak import Shift
from ranvier.golden.train import bptt
from ranvier.golden.train.setup import TrainingSetup
from ranvier.golden.train.surrogate import Rectangle
from ranvier.hw.train.config import TrainerConfig
from ranvier.sim.training.compare import Comparison
from ranvier.sim.training.device import TrainerDevice

from ..golden.train.setups import random_setup, random_state

SAMPLES = 200


def sensitive_setup(rng: np.random.Generator, sizes: list[int], *, readout: bool) -> TrainingSetup:
    """Hard resets in the gradient, wide windows, a leak that carries gradients on."""
    drawn = random_setup(
        rng, sizes, readout=readout, recurrent=True, reset_path="exact", temporal=True,
        reset="hard", membrane_decay=Shift(1), surrogate=Rectangle(90, -1),
    )  # fmt: skip
    loss = replace(drawn.loss, every_step=True) if readout else drawn.loss
    return replace(drawn, loss=loss, lanes=2, batch=16)


def differences(setup: TrainingSetup, weights: list[np.ndarray], spikes: np.ndarray, labels: np.ndarray) -> int:
    """How many gradients of golden would be others if every potential were that of the step before."""
    batch = bptt.run_batch(setup, weights, spikes, labels)
    shifted = [replace(trace, membrane=np.roll(trace.membrane, 1, axis=1)) for trace in batch.forward]
    wrong = bptt.backward(setup, weights, shifted, batch.assessment.gradient)
    return sum(int((a.membrane != b.membrane).sum()) for a, b in zip(batch.backward, wrong, strict=True))


@pytest.mark.parametrize(("seed", "sizes", "readout"), [(1, [5, 7, 6, 3], True), (2, [5, 7, 3], False)])
def test_recomputed_potentials_are_those_of_their_step(seed, sizes, readout):
    rng = np.random.default_rng(seed)
    config = TrainerConfig(sensitive_setup(rng, sizes, readout=readout), recompute=True)
    setup, state = config.setup, random_state(rng, config.setup)
    spikes = rng.random((SAMPLES, setup.steps, setup.inputs)) < 0.4
    labels, number = rng.integers(0, setup.classes, SAMPLES), np.arange(SAMPLES)
    would_differ = differences(setup, state.weights, spikes[:8], labels[:8])
    comparison = Comparison(TrainerDevice(config), state)
    comparison.run(Samples(spikes, labels, number >= 0, number % 8 == 7, np.ones(SAMPLES, int)))
    comparison.check_state()
    tally = comparison.tally
    print(f"seed {seed}: {tally.total} compared, {tally.wrong} differ; {would_differ} would in the first batch")
    assert would_differ > 0  # the control
    assert tally.wrong == 0, tally.first
    assert tally.total > 20_000
