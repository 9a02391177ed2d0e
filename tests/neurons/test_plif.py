"""PLIF against SpikingJelly's ParametricLIFNode; its circuit is a LIF neuron's."""

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.neuron import ParametricLIFNode

from ranvier.golden.neurons.leak import Multiply
from ranvier.golden.neurons.plif import Plif

from .floats import alike, check_example, fit, run_floats
from .learned import check_circuit, check_integers


@pytest.mark.parametrize("w", [0.0, -1.3, 2.1])
@pytest.mark.parametrize("decay_input", [True, False])
@pytest.mark.parametrize("v_reset", [None, 0.0, -0.25])
def test_spikingjelly(v_reset, decay_input, w):
    rng = np.random.default_rng(21)
    drives = rng.normal(0.9 if decay_input else 0.4, 1.0, (10 if w == 0 else 40, 60))
    drives = np.rint(4 * drives) / 4 if w == 0 else drives  # with 1/tau = 1/2 all is exact, and some meet the threshold
    threshold = 0.75
    node = ParametricLIFNode(decay_input=decay_input, v_threshold=threshold, v_reset=v_reset).double()
    node.w.data.fill_(w)
    spikes, membranes = [], []
    with torch.no_grad():
        for drive in torch.from_numpy(drives):
            spikes.append(node(drive).numpy())
            membranes.append(node.v.numpy())
    values = {"w": w, "v_threshold": threshold, "decay_input": decay_input, "soft_reset": v_reset is None}
    values |= {} if v_reset is None else {"v_reset": v_reset}
    gain = 1 / (1 + np.exp(-w)) if decay_input else 1.0
    ours, u = run_floats(Plif, values, drives)
    if w == 0:
        assert np.any(gain * drives[0] + (v_reset or 0) == threshold)
    fired = alike((ours, gain * u + (v_reset or 0.0)), (np.array(spikes), np.array(membranes)))
    print(f"seed 21: {fired} spikes in {drives.size} steps")


@pytest.mark.parametrize("soft", [0.0, 1.0])
def test_integers(soft):
    rng = np.random.default_rng(22)
    values = {"w": rng.normal(0, 1.5, 30), "v_threshold": rng.uniform(0.5, 2, 30), "v_reset": rng.uniform(-1, 0.5, 30)}
    check_integers(Plif, values | {"soft_reset": np.full(30, soft)}, 60, 23)


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_circuit(reset):
    check_circuit(Plif(12, Multiply(6), reset=reset), reset=reset)


def test_example():
    check_example(Plif)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "PLIF needs w, which has no default"),
        ({"w": 40}, "PLIF needs a finite w in -32..32, not 40"),
        ({"w": 0, "tau": 2}, "PLIF has no tau: its values are w, v_threshold, v_reset, decay_input, soft_reset"),
        ({"w": 0, "v_reset": 1.5}, "PLIF needs v_reset at or below v_threshold, not 1.5 above 1"),
        ({"w": 0, "decay_input": [1, 0]}, "PLIF needs decay_input 0 or 1, alike for all neurons, not 0..1"),
        ({"w": 0, "soft_reset": 0.25}, "PLIF needs soft_reset 0 or 1, alike for all neurons, not 0.25..0.25"),
        (
            {"w": -8},
            "PLIF needs a leak that is left after rounding: 1 - sigmoid(w) of 0.99966465 is 1 with 8 fraction bits,"
            " set more",
        ),
    ],
)
def test_refusals(values, text):
    with pytest.raises(ValueError) as refusal:
        fit(Plif, values)
    assert str(refusal.value) == text
