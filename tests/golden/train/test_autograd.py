"""Golden's gradients against PyTorch's autograd: equal where formats lose nothing, nearly parallel where they do."""

import importlib.util
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from ranvier.golden.neurons.leak import Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train.bptt import TrainingState, learn, run_batch, update
from ranvier.golden.train.loss import CountError, CrossEntropy, Softmax
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle, Triangle, table

from .float_network import rectangle, smooth, triangle, weight_gradients

FRACTION, GAIN, STEPS, SAMPLES = 4, 13, 3, 40
UNIT = 1 << FRACTION


def exact_setup(decay, reset, timing, comparison, reset_path, recurrent, temporal) -> TrainingSetup:
    """Two spiking layers; weights and thresholds are whole units, gradients begin with ``GAIN`` zero bits."""
    model = Lif(24, decay, comparison=comparison, reset=reset, reset_timing=timing)
    values = {"bias": 0, "threshold": 2 * UNIT, "reset_value": -UNIT, "membrane_factor": 1}
    parameters = {name: values[name] for name in model.parameter_shapes()}
    surrogate = Rectangle(2 * UNIT + 1, 1)
    layers = (
        TrainedLayer("hidden", 6, 7, model, parameters, surrogate, recurrent),
        TrainedLayer("output", 7, 4, model, parameters, surrogate, recurrent),
    )
    return TrainingSetup(
        "exact", layers, CountError(4, STEPS, 0, GAIN), Sgd(clip=511), STEPS, weight_width=10, weight_fraction=FRACTION,
        gradient_width=32, reset_path=reset_path, temporal=temporal,
    )  # fmt: skip


@pytest.mark.parametrize("reset_path", ["exact", "detached"])
@pytest.mark.parametrize("timing", ["same_step", "next_step"])
@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
def test_gradients_equal_autograd_where_the_formats_lose_nothing(reset, timing, reset_path):
    compared = nonzero = fired = 0
    seed = sum(map(ord, reset + timing + reset_path))
    rng = np.random.default_rng(seed)
    for decay, comparison, recurrent, temporal in product(
        [Keep(), Shift(1), Multiply(1)], ["greater", "greater_equal"], [False, True], [False, True]
    ):
        setup = exact_setup(decay, reset, timing, comparison, reset_path, recurrent, temporal)
        weights = [rng.integers(-2, 4, layer.weight_shape) * UNIT for layer in setup.layers]
        spikes = rng.random((SAMPLES, STEPS, setup.inputs)) < 0.4
        labels = rng.integers(0, setup.classes, SAMPLES)
        derivative = rectangle(2 + 1 / UNIT, 0.5)
        expected, trains, loss = weight_gradients(setup, weights, spikes, labels, [derivative] * 2)
        batch = run_batch(setup, weights, spikes, labels)
        assert batch.assessment.loss.sum() == 2 * loss
        assert not any(trace.saturations.any() for trace in (*batch.forward, *batch.backward))
        for trace, train, found, wanted in zip(batch.forward, trains, batch.gradient, expected, strict=True):
            np.testing.assert_array_equal(trace.spikes, train)
            np.testing.assert_array_equal(found, wanted * 2**GAIN)
            compared, nonzero = compared + found.size, nonzero + np.count_nonzero(found)
            fired += train.sum()
    print(f"seed {seed}: {compared} gradients, {nonzero} of them not 0, {fired} spikes")
    assert compared == 24 // 2 * (6 * 7 + 7 * 4) + 24 // 2 * (13 * 7 + 11 * 4)
    assert nonzero > compared // 2
    assert fired > 1000


DIGITS_UNIT = 1 << 12
SURROGATES = {
    "rectangle": (Rectangle(DIGITS_UNIT // 2), rectangle(0.5, 1)),
    "triangle": (Triangle(12), triangle(1)),
    "sigmoid": (table("sigmoid", 4, DIGITS_UNIT), smooth("sigmoid", 4)),
    "arctan": (table("arctan", 2, DIGITS_UNIT), smooth("arctan", 2)),
    "tanh": (table("tanh", 1.5, DIGITS_UNIT), smooth("tanh", 1.5)),
    "fast_sigmoid": (table("fast_sigmoid", 10, DIGITS_UNIT, fraction_bits=8), smooth("fast_sigmoid", 10)),
    "dspike": (table("dspike", 3, DIGITS_UNIT), smooth("dspike", 3)),
}
LOSSES = {
    "cross_entropy": CrossEntropy(Softmax(10, 14)),
    "tet": CrossEntropy(Softmax(10, 12), every_step=True),
    "counts": CountError(10, 6, 1),
}


@pytest.fixture(scope="module")
def digits():
    """The training images as spikes, with their labels, in a random order."""
    path = Path(__file__).parents[3] / "scripts" / "train_digits.py"
    spec = importlib.util.spec_from_file_location("train_digits", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (pixels, labels), _ = module.load_split()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(labels)))
    return module.encode(pixels[order]).numpy(), labels[order].numpy()


def digits_setup(surrogate, loss, *, reset="hard", reset_path="detached", recurrent=False) -> TrainingSetup:
    """64 inputs, 128 leaky neurons and 10 outputs in the default formats."""
    hidden = Lif(20, Shift(3), comparison="greater", reset=reset)
    counts = isinstance(loss, CountError)
    output = hidden if counts else Lif(20, Shift(4), spiking=False)
    values = {"bias": 0, "threshold": DIGITS_UNIT, "reset_value": 0}
    of_hidden, of_output = ({n: values[n] for n in model.parameter_shapes()} for model in (hidden, output))
    layers = (
        TrainedLayer("hidden", 64, 128, hidden, of_hidden, surrogate, recurrent),
        TrainedLayer("output", 128, 10, output, of_output, surrogate if counts else None),
    )
    return TrainingSetup("digits", layers, loss, Sgd(), 8, batch=64, reset_path=reset_path)


def cosines(setup, weights, spikes, labels, derivative) -> list[float]:
    """Of the weights' gradients of each layer, golden's and autograd's."""
    expected, trains, _ = weight_gradients(setup, weights, spikes, labels, [derivative] * 2)
    batch = run_batch(setup, weights, spikes, labels)
    result = []
    for found, wanted, trace, train in zip(batch.gradient, expected, batch.forward, trains, strict=True):
        result.append(float((found * wanted).sum() / np.linalg.norm(found) / np.linalg.norm(wanted)))
        assert (trace.spikes != train).mean() < 0.001
    print(f"cosines {result}, {batch.forward[0].spikes.mean():.3f} of the hidden neurons' steps fire")
    assert batch.forward[0].spikes.any()
    return result


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", SURROGATES)
def test_gradients_at_default_formats_are_parallel_to_autograd(digits, shape, loss):
    surrogate, derivative = SURROGATES[shape]
    setup = digits_setup(surrogate, LOSSES[loss])
    for seed in range(3):
        batch = slice(64 * seed, 64 * seed + 64)
        weights = TrainingState.fresh(setup, seed).weights
        assert min(cosines(setup, weights, digits[0][batch], digits[1][batch], derivative)) >= 0.99


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("reset_path", ["exact", "detached"])
@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
def test_every_reset_at_default_formats_is_parallel_to_autograd(digits, reset, reset_path, recurrent):
    surrogate, derivative = SURROGATES["arctan"]
    setup = digits_setup(surrogate, LOSSES["cross_entropy"], reset=reset, reset_path=reset_path, recurrent=recurrent)
    weights = TrainingState.fresh(setup, 3).weights
    assert min(cosines(setup, weights, digits[0][:64], digits[1][:64], derivative)) >= 0.99


@pytest.mark.parametrize(("shape", "loss"), [("arctan", "cross_entropy"), ("triangle", "tet"), ("rectangle", "counts")])
def test_gradients_stay_parallel_while_golden_trains(digits, shape, loss):
    """Errors shrink as a network learns, formats do not: three epochs of golden, then the batch that comes next."""
    surrogate, derivative = SURROGATES[shape]
    setup = replace(digits_setup(surrogate, LOSSES[loss]), optimiser=Sgd(gradient_shift=4, rate_shift=8))
    state, (spikes, labels) = TrainingState.fresh(setup, 4), digits
    losses = []
    for _ in range(3):
        losses.append(0)
        for start in range(0, len(labels) - 64, 64):
            batch = slice(start, start + 64)
            losses[-1] += learn(setup, state, spikes[batch], labels[batch]).assessment.loss.sum()
            update(setup, state)
    print(f"loss of each epoch: {losses}")
    assert losses[2] < 0.7 * losses[0]
    assert min(cosines(setup, state.weights, spikes[-64:], labels[-64:], derivative)) >= 0.99
