"""Golden against snnTorch's and Norse's own neurons, where the formats lose nothing.

Weights are multiples of a power of two that is divided away, one decay a step, over the few steps of a run: every
decay is exact, in integers and in float64, and every spike and membrane potential must be equal.
"""

import numpy as np
import pytest
import snntorch
import torch
from norse.torch.functional.lif import LIFFeedForwardState, LIFParameters, lif_feed_forward_step

from ranvier.golden.inference import run_layer
from ranvier.golden.neurons.leak import Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Current, Lif
from ranvier.golden.program import Layer, dense

SAMPLES, STEPS, AXONS, NEURONS = 50, 5, 12, 9
THRESHOLD = 20000


def stimulus(unit: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random weights, multiples of ``unit``, and spikes."""
    rng = np.random.default_rng(seed)
    largest = 32767 // unit
    weights = rng.integers(-largest // 2, largest + 1, (AXONS, NEURONS)) * unit
    return weights.astype(np.int64), rng.random((SAMPLES, STEPS, AXONS)) < 0.3


def parameters(model: Lif, **values: int) -> dict[str, np.ndarray]:
    return {name: np.array(values.get(name, 0)) for name in model.parameter_shapes()}


@pytest.mark.parametrize(
    ("mechanism", "delay", "reset", "timing"),
    [
        ("zero", False, "hard", "same_step"),
        ("zero", True, "hard", "next_step"),
        ("subtract", False, "soft", "same_step"),
        ("subtract", True, "soft", "next_step"),
        ("none", False, "none", "same_step"),
    ],
)
@pytest.mark.parametrize(
    ("beta", "decay", "factor", "unit"),
    [
        (1.0, Keep(), 0, 1),
        (0.5, Shift(1), 0, 2**STEPS),
        (0.875, Shift(3), 0, 8**STEPS // 8),
        (0.75, Multiply(2), 3, 4**STEPS),
    ],
)
def test_snntorch_leaky(mechanism, delay, reset, timing, beta, decay, factor, unit):
    model = Lif(32, decay, comparison="greater", reset=reset, reset_timing=timing)
    threshold = -(-THRESHOLD // unit) * unit
    weights, spikes = stimulus(unit, seed=unit)
    weights[1] = threshold  # the membrane meets the threshold exactly, where > and >= differ
    layer = Layer("leaky", dense(weights), 16, model, parameters(model, threshold=threshold, membrane_factor=factor))
    trace = run_layer(layer, [spikes])

    neuron = snntorch.Leaky(
        beta=torch.tensor(beta, dtype=torch.float64),
        threshold=torch.tensor(float(threshold), dtype=torch.float64),
        reset_mechanism=mechanism,
        reset_delay=delay,
    )
    membrane = torch.zeros(SAMPLES, NEURONS, dtype=torch.float64)
    alike = np.ones((SAMPLES, NEURONS), bool)
    compared = met = 0
    for step in range(STEPS):
        drive = torch.from_numpy(spikes[:, step].astype(float) @ weights)
        fired, membrane = neuron(drive, membrane)
        np.testing.assert_array_equal(membrane.numpy()[alike], trace.membrane[:, step][alike])
        np.testing.assert_array_equal(fired.numpy()[alike] > 0, trace.spikes[:, step][alike])
        compared, met = compared + alike.sum(), met + int((membrane == threshold).sum())
        if (mechanism, delay) == ("subtract", False):  # a neuron left above its threshold fires late in snnTorch
            alike &= trace.membrane[:, step] <= threshold
    fired = trace.spikes.sum()
    print(f"seed {unit}: {fired} spikes, {compared} of {trace.spikes.size} updates, threshold met {met} times")
    assert compared == trace.spikes.size or (mechanism == "subtract" and compared > trace.spikes.size // 3)
    assert 100 < fired < trace.spikes.size - 100
    assert met > 0


@pytest.mark.parametrize("seed", range(5))
def test_norse_lif_with_synaptic_current(seed):
    unit, threshold = 4**STEPS, 5 * 4**STEPS
    model = Lif(32, Multiply(1), Current(32, Shift(1), "same_step"), comparison="greater")
    weights, spikes = stimulus(unit, seed)
    layer = Layer("cuba", dense(weights), 16, model, parameters(model, threshold=threshold, membrane_factor=1))
    trace = run_layer(layer, [spikes])

    halving = torch.tensor(500.0, dtype=torch.float64)  # 1/s; half of what is there leaves in a step of 1 ms
    settings = LIFParameters(
        tau_mem_inv=halving,
        tau_syn_inv=halving,
        v_th=torch.tensor(float(threshold), dtype=torch.float64),
        v_reset=torch.zeros((), dtype=torch.float64),
    )
    zero = torch.zeros(SAMPLES, NEURONS, dtype=torch.float64)
    state = LIFFeedForwardState(v=zero, i=zero)
    for step in range(STEPS):
        # Norse's membrane takes dt / tau, a half, of the current: golden's weights have that folded in.
        drive = torch.from_numpy(2 * spikes[:, step].astype(float) @ weights)
        fired, state = lif_feed_forward_step(drive, state, settings, dt=0.001)
        np.testing.assert_array_equal(state.v.numpy(), trace.membrane[:, step])
        np.testing.assert_array_equal(fired.numpy().astype(bool), trace.spikes[:, step])
    print(f"seed {seed}: {trace.spikes.sum()} spikes in {trace.spikes.size} updates")
    assert 100 < trace.spikes.sum() < trace.spikes.size - 100
