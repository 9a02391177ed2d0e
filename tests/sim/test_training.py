"""Trainers in compiled simulation against golden: every value; state that goes out and in; samples that are refused."""

import copy
import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ranvier.gen.training.images import Samples
from ranvier.golden.neurons.leak import Keep, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train import bptt
from ranvier.golden.train.bptt import TrainingState
from ranvier.golden.train.loss import CrossEntropy, Softmax
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle
from ranvier.hw.train.config import TrainerConfig
from ranvier.sim.training.compare import Comparison
from ranvier.sim.training.device import TrainerDevice

SCRIPT = Path(__file__).parents[2] / "scripts/compare_trainers.py"
specification = importlib.util.spec_from_file_location("compare_trainers", SCRIPT)
assert specification is not None and specification.loader is not None
compare_trainers = importlib.util.module_from_spec(specification)
specification.loader.exec_module(compare_trainers)


def small_setup(**options) -> TrainingSetup:
    """13-20-5, four lanes: nothing divides."""
    hidden = Lif(18, Shift(1), comparison="greater")
    readout = Lif(18, Keep(), spiking=False)
    parameters = {"bias": 0, "threshold": 4096, "reset_value": 0}
    layers = (
        TrainedLayer("hidden", 13, 20, hidden, parameters, Rectangle(2048)),
        TrainedLayer("output", 20, 5, readout, {"bias": 0}),
    )
    fields = {"steps": 4, "lanes": 4, "batch": 6} | options
    return TrainingSetup("small", layers, CrossEntropy(Softmax(5, 13)), Sgd(rate_shift=10), **fields)


def stream(rng: np.random.Generator, setup: TrainingSetup, count: int, batch: int) -> Samples:
    """``count`` samples to learn from in batches of ``batch``."""
    spikes = rng.random((count, setup.steps, setup.inputs)) < 0.4
    labels, number = rng.integers(0, setup.classes, count), np.arange(count)
    return Samples(spikes, labels, np.ones(count, bool), number % batch == batch - 1, np.ones(count, int))


@pytest.fixture(scope="module", params=[False, True], ids=["sequential", "overlapped"])
def device(request) -> TrainerDevice:
    """A small trainer; tests load the state that they start from."""
    return TrainerDevice(TrainerConfig(small_setup(), overlap=request.param))


@pytest.mark.parametrize("seed", [1, 3, 4, 6, 8])
def test_random_trainers_equal_golden(seed):
    """Together more than a million values; scripts/compare_trainers.py goes on to a hundred million."""
    tally, what = compare_trainers.compare(seed, 2.5e5, lambda more: None, lanes=2)
    print(f"seed {seed}: {what}: {tally.compared}")
    assert tally.wrong == 0, tally.first
    assert tally.total >= 2.5e5
    assert min(tally.compared.values()) > 0


def test_a_wrong_weight_is_noticed(device):
    """The control: a comparison that could not fail would be worth nothing."""
    setup, rng = device.config.setup, np.random.default_rng(1)
    state = TrainingState.fresh(setup, 1)
    comparison = Comparison(device, state)
    state.weights[0][3, 4] += 400
    comparison.run(stream(rng, setup, 6, 3))
    comparison.check_state()
    assert comparison.tally.wrong > 0
    assert comparison.tally.mismatches["hidden.weights"] > 0


def test_stopped_and_resumed_in_the_middle_of_a_batch(device):
    """All state out of one trainer and into another: the same weights as without the stop."""
    setup = device.config.setup
    samples = stream(np.random.default_rng(2), setup, 10, 5)
    state = TrainingState.fresh(setup, 2)
    device.load(copy.deepcopy(state))
    device.run(part(samples, slice(0, 7)))
    saved = device.save()
    assert saved.pending == 2 and any(matrix.any() for matrix in saved.gradient)
    device.load(TrainingState.fresh(setup, 9))  # something else in between
    device.run(part(samples, slice(0, 3)))
    device.load(saved)
    comparison = Comparison(device, copy.deepcopy(saved))
    comparison.run(part(samples, slice(7, 10)))
    comparison.check_state()
    assert comparison.tally.wrong == 0, comparison.tally.first
    for start in (0, 5):
        bptt.learn(setup, state, samples.spikes[start : start + 5], samples.labels[start : start + 5])
        bptt.update(setup, state)
    for expected, found in zip(
        state.weights + state.momentum, comparison.state.weights + comparison.state.momentum, strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def part(samples: Samples, chosen: slice) -> Samples:
    return Samples(**{name: value[chosen] for name, value in vars(samples).items()})


def test_labels_out_of_range_and_full_batches_are_rejected_and_change_nothing(device):
    setup, rng = device.config.setup, np.random.default_rng(3)
    state = TrainingState.fresh(setup, 3)
    device.load(state)
    before = device.counters()
    samples = stream(rng, setup, 9, 9)
    labels = samples.labels.copy()
    labels[2] = 6  # of five classes
    found = device.run(replace(samples, labels=labels, end=np.zeros(9, bool)))
    # Six fit the batch: samples 0 to 6 without the one that is wrong; 7 and 8 are too many.
    assert found.rejected.tolist() == [0, 0, 1, 0, 0, 0, 0, 1, 1]
    right = [0, 1, 3, 4, 5, 6]
    bptt.learn(setup, state, samples.spikes[right], samples.labels[right])
    saved, after = device.save(), device.counters()
    for expected, value in zip(state.gradient, saved.gradient, strict=True):
        np.testing.assert_array_equal(value, expected)
    assert saved.pending == 6
    assert after["rejected"] - before["rejected"] == 3
    # A sample that is not learned from ends the batch all the same.
    last = stream(rng, setup, 1, 1)
    device.run(replace(last, learn=np.zeros(1, bool)))
    bptt.update(setup, state)
    for expected, value in zip(state.weights, device.save().weights, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_reset_keeps_weights_and_clears_the_rest():
    """In the middle of a sample; what follows is as from a new trainer with these weights."""
    setup = small_setup()
    device = TrainerDevice(TrainerConfig(setup))
    state = TrainingState.fresh(setup, 4)
    device.load(state)
    samples = stream(np.random.default_rng(4), setup, 6, 3)
    device.run(part(samples, slice(0, 2)))
    from ranvier.gen.training.images import sample_words

    device.model.send("samples", sample_words(device.config, part(samples, slice(2, 3)))[:9])
    device.model.run(limit=200)
    device.model.reset()
    device.model.run(idle="idle", limit=1000)
    for name in ("results", "reply"):
        device.model.received(name)
    saved = device.save()
    assert saved.pending == 0 and not any(matrix.any() for matrix in saved.momentum + saved.gradient)
    for expected, found in zip(state.weights, saved.weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    comparison = Comparison(device, saved)
    comparison.run(samples)
    comparison.check_state()
    assert comparison.tally.wrong == 0, comparison.tally.first
