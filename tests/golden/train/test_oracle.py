"""A whole batch and its update against the oracle, for every option: forward, loss, backward, gradient, optimiser."""

from collections import Counter
from itertools import chain, product

import numpy as np
import pytest

from ranvier.golden.neurons.leak import Keep, Multiply, Shift
from ranvier.golden.train import bptt
from ranvier.golden.train.bptt import TrainingState
from ranvier.golden.train.setup import TrainingSetup
from ranvier.golden.train.surrogate import Rectangle, Table, Triangle

from . import oracle_training as oracle
from .setups import random_samples, random_setup, random_state

DECAYS = [Keep(), Shift(2), Multiply(6)]
SURROGATES = [Rectangle(60, -1), Triangle(7), Table((70, 60, 33, 12, 9, 4, 0, 1), 4, 6)]


def equal(found: np.ndarray, expected: list, counts: Counter, name: str) -> None:
    expected_array = np.array(expected, np.int64).reshape(found.shape)
    np.testing.assert_array_equal(found, expected_array, err_msg=name)
    counts["values"] += found.size
    counts[name] += int(np.count_nonzero(found))


def compare_batch(setup: TrainingSetup, state: TrainingState, spikes, labels, counts: Counter) -> None:
    """Run a batch in both, update in both, and compare everything there is. ``state`` moves on."""
    weights = [matrix.tolist() for matrix in state.weights]
    batch = bptt.learn(setup, state, spikes, labels)
    runs = []
    for sample in range(len(spikes)):
        runs.append(oracle.forward(setup, weights, spikes[sample].tolist()))
        outputs, loss, prediction = oracle.assess(setup, runs[-1][-1], int(labels[sample]))
        oracle.backward(setup, weights, runs[-1], outputs)
        equal(batch.assessment.gradient[sample], outputs, counts, "outputs")
        equal(batch.assessment.loss[sample : sample + 1], [loss], counts, "loss")
        assert batch.assessment.prediction[sample] == prediction
    expected_gradients = []
    for index, (layer, ran, back) in enumerate(zip(setup.layers, batch.forward, batch.backward, strict=True)):
        here = [run[index] for run in runs]
        equal(ran.spikes, [run.s for run in here], counts, "spikes")
        equal(ran.membrane, [run.v for run in here], counts, "membrane")
        equal(ran.derivative, [run.derivative for run in here], counts, "derivative")
        equal(ran.saturations, [run.saturations for run in here], counts, "saturations")
        equal(back.spike, [run.gs for run in here], counts, "spike gradient")
        equal(back.membrane, [run.gv for run in here], counts, "membrane gradient")
        equal(back.weight, [run.learned for run in here], counts, "weights' part of the gradient")
        equal(back.saturations, [run.gradient_saturations for run in here], counts, "gradient saturations")
        expected_gradients.append(oracle.weight_gradient(layer, state.weights[index].shape, here))
        equal(batch.gradient[index], expected_gradients[-1], counts, "weight gradient")
        equal(state.gradient[index], expected_gradients[-1], counts, "sum")
    assert state.pending == len(spikes)

    momenta, generators = [matrix.tolist() for matrix in state.momentum], state.generators.tolist()
    rate = 1 + len(spikes) % setup.optimiser.top_rate
    limited = bptt.update(setup, state, rate)
    expected_limited = 0
    for index, layer in enumerate(setup.layers):
        shape = state.weights[index].shape
        draws = [[0] * shape[1]] * shape[0]
        if setup.optimiser.stochastic:
            draws, generators = oracle.noise(layer, shape, generators)
        flat = (chain(*rows) for rows in (weights[index], momenta[index], expected_gradients[index], draws))
        moved = [oracle.update(setup.optimiser, *each, rate, draw) for *each, draw in zip(*flat, strict=True)]
        equal(state.weights[index], [weight for weight, _, _ in moved], counts, "weights")
        equal(state.momentum[index], [momentum for _, momentum, _ in moved], counts, "momentum")
        counts["clipped"] += int((np.abs(state.weights[index]) == setup.optimiser.clip).sum())
        expected_limited += sum(overflow for _, _, overflow in moved)
        assert not state.gradient[index].any()
    assert limited == expected_limited
    counts["momentum saturations"] += limited
    assert state.generators.tolist() == generators
    assert state.pending == 0


EVERYTHING = [
    "outputs", "loss", "spikes", "membrane", "derivative", "saturations", "spike gradient", "membrane gradient",
    "gradient saturations", "weight gradient", "weights", "momentum", "clipped", "momentum saturations",
]  # fmt: skip


@pytest.mark.parametrize("reset_path", ["exact", "detached"])
@pytest.mark.parametrize("timing", ["same_step", "next_step"])
@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
def test_every_option_equals_the_oracle(reset, timing, reset_path):
    """Decay, surrogate, kind of output, recurrence and temporal term in every combination, the rest drawn."""
    seed = sum(map(ord, reset + timing + reset_path))
    rng, counts = np.random.default_rng(seed), Counter()
    for decay, surrogate, readout, recurrent, temporal in product(DECAYS, SURROGATES, *[[False, True]] * 3):
        setup = random_setup(
            rng, [5, 4, 3], readout=readout, recurrent=recurrent, reset_path=reset_path, temporal=temporal,
            membrane_decay=decay, surrogate=surrogate, reset=reset, reset_timing=timing,
        )  # fmt: skip
        compare_batch(setup, random_state(rng, setup), *random_samples(rng, setup, 2), counts)
    print(f"seed {seed}: {dict(counts)}")
    assert all(counts[name] for name in EVERYTHING)
    assert counts["values"] > 20_000


@pytest.mark.parametrize("seed", range(6))
def test_random_setups_over_several_batches(seed):
    """Shapes and all options drawn; momentum, gradients and generators go on from batch to batch."""
    rng, counts = np.random.default_rng(seed), Counter()
    for _ in range(20):
        setup = random_setup(rng, [int(n) for n in rng.integers(2, 7, rng.integers(2, 5))])
        state = random_state(rng, setup)
        for _ in range(3):
            compare_batch(setup, state, *random_samples(rng, setup, int(rng.integers(1, 4))), counts)
    print(f"seed {seed}: {dict(counts)}")
    assert all(counts[name] for name in EVERYTHING)
