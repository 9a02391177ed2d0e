"""Whole neurons against the oracle: every sequence of narrow drives, for every option of the family."""

from functools import cache
from itertools import product

import numpy as np
import pytest

from ranvier.golden.inference import run_layer
from ranvier.golden.neurons.leak import Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Current, Lif
from ranvier.golden.program import Layer, dense

from ..programs import random_layer, random_model
from .oracle import State, step

STEPS = 3
DRIVE_WEIGHTS = np.array([[1], [2], [4], [-8]])  # the four axons spell every drive of -8..7
DECAYS = {"keep": Keep(), "clear": Shift(0), "shift": Shift(2), "multiply": Multiply(3)}
CURRENTS = {
    "none": None,
    "same_step": Current(4, Multiply(2), "same_step"),
    "next_step": Current(4, Shift(1), "next_step"),
}
PARAMETERS = {
    "threshold": 3, "reset_value": -2, "bias": 1, "membrane_bias": -1, "membrane_factor": 5, "current_factor": 3,
}  # fmt: skip


def expected_traces(layer: Layer, spikes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spikes, membrane and saturations of ``layer``, neuron by neuron, from the oracle."""
    samples, steps, _ = spikes.shape
    fired = np.zeros((samples, steps, layer.neurons), bool)
    membrane = np.zeros(fired.shape, np.int64)
    saturated = np.zeros(fired.shape, bool)
    for neuron in range(layer.neurons):
        values = {k: int(np.broadcast_to(v, layer.neurons)[neuron]) for k, v in layer.parameters.items()}
        model = layer.model

        @cache
        def transition(state: State, drive: int, model=model, values=values):
            return step(model, values, state, drive)

        column = [int(w) for w in layer.matrix[:, neuron]]
        for sample in range(samples):
            state = State()
            for t in range(steps):
                drive = sum(w for w, spike in zip(column, spikes[sample, t], strict=True) if spike)
                seen = transition(state, drive)
                fired[sample, t, neuron], membrane[sample, t, neuron] = seen.spike, seen.membrane
                saturated[sample, t, neuron] = seen.saturated
                state = seen.state
    return fired, membrane, saturated.sum(axis=(1, 2))


def assert_equal(layer: Layer, spikes: np.ndarray):
    trace = run_layer(layer, [spikes])
    fired, membrane, saturations = expected_traces(layer, spikes)
    np.testing.assert_array_equal(trace.membrane, membrane)
    np.testing.assert_array_equal(trace.spikes, fired)
    np.testing.assert_array_equal(trace.saturations, saturations)
    return trace


@pytest.mark.parametrize("current", CURRENTS)
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("reset", ["hard", "soft", "none"])
def test_every_drive_sequence(reset, decay, current):
    """All 4096 sequences of three four-bit drives, with either comparison and reset timing."""
    patterns = np.array(list(product([False, True], repeat=4 * STEPS))).reshape(-1, STEPS, 4)
    saturations = fired = 0
    for timing, comparison in product(["same_step", "next_step"], ["greater", "greater_equal"]):
        model = Lif(
            4, DECAYS[decay], CURRENTS[current], reset=reset, reset_timing=timing, comparison=comparison, bias_width=3
        )
        parameters = {name: np.array(PARAMETERS[name]) for name in model.parameter_shapes()}
        trace = assert_equal(Layer("neuron", dense(DRIVE_WEIGHTS), 4, model, parameters), patterns)
        saturations += trace.saturations.sum()
        fired += trace.spikes.sum()
    assert saturations > 0
    assert fired > 0


@pytest.mark.parametrize("seed", range(60))
def test_random_layers(seed):
    rng = np.random.default_rng(seed)
    axons, neurons = int(rng.integers(1, 12)), int(rng.integers(1, 9))
    model = random_model(rng, spiking=seed % 4 != 0)
    layer = random_layer(rng, axons, neurons, model=model, weight_width=int(rng.choice([1, 2, 4, 8, 16])))
    spikes = rng.random((5, 12, axons)) < rng.random()
    trace = assert_equal(layer, spikes)
    print(f"seed {seed}: {model}, {trace.spikes.size} updates, {trace.spikes.sum()} spikes")
    assert trace.spikes.any() <= model.spiking
