"""Sliding PSN against exact fractions, against SpikingJelly's, and in every interpreter."""

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.neuron import SlidingPSN

from ranvier.golden.neurons.neuron import Inputs
from ranvier.golden.neurons.sliding_psn import SlidingPsn

from .bench import check_interpreters, check_rtl
from .floats import check_example
from .runs import check, check_everywhere, clipped, fitted, in_floats, of_framework, rounded, run


def draw(rng: np.random.Generator) -> SlidingPsn:
    drive = int(rng.integers(3, 13))
    return SlidingPsn(
        int(rng.integers(3, 18)),
        drive,
        int(rng.integers(1, 7)),
        int(rng.integers(1, 10)),
        int(rng.integers(0, 9)),
        int(rng.integers(1, drive + 1)),
    )


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)


def test_exact_sequences():
    """Each h is its sum of products, written as it stands, rounded once."""
    rng, fired, count = np.random.default_rng(3), 0, 60
    for _ in range(count):
        model = draw(rng)
        found, expected = run(rng, model), {}
        for sample, neuron, own, drives in found.neurons():
            x = [clipped(drive, model.drive_width) for drive in drives]
            steps = []
            for t in range(len(x)):
                total = sum(own[f"tap{j}"] * x[t - j][0] for j in range(min(model.order, t + 1)))
                h, limited = clipped(rounded(total, model.fraction_bits), model.state_width)
                steps.append((h >= own["threshold"], h, limited or x[t][1]))
            expected[sample, neuron] = steps
        fired += check(found, expected)
    print(f"seed 3: {count} models, {fired} spikes, 0 differ")
    assert fired > 500


def test_every_case():
    model = SlidingPsn(3, 3, 2, 2, 1)

    def oracle(case):
        h, limited = clipped(rounded(case["tap0"] * case["x"] + case["tap1"] * case["drive1"], 1), 3)
        spike = h >= case["threshold"]
        return {"integrator": 0, "next_drive1": case["x"], "spike": spike, "membrane": h, "saturated": limited}

    check_everywhere(model, oracle)


@pytest.mark.parametrize("order", [1, 2, 5, 32])
def test_is_that_of_spikingjelly(order):
    rng = np.random.default_rng(order)
    weight, threshold = rng.normal(size=order), float(rng.uniform(0.2, 1))
    weight[-1] = 1
    drives = 2 * rng.normal(size=(40, 6, 7))
    theirs = SlidingPSN(order, step_mode="m").double()
    theirs.weight.data = torch.tensor(weight)
    theirs.bias.data = torch.tensor(-threshold, dtype=torch.float64)
    spikes, above = of_framework(theirs, drives)
    model, parameters = fitted(SlidingPsn, {"weight": weight, "v_threshold": threshold})
    ours, h = in_floats(model, parameters, drives)
    np.testing.assert_allclose(h - threshold, above, atol=1e-9)
    near = np.abs(above) < 1e-9
    assert model.order == order and near.mean() < 0.01
    np.testing.assert_array_equal(ours[~near], spikes[~near] > 0)
    print(f"order {order}: {spikes.sum():.0f} spikes, 0 differ")
    assert spikes.sum() > 100


def test_integers_approach_the_floats():
    """With a fine scale, h of the integers is that of the floats to half a unit for each rounding."""
    rng, scale = np.random.default_rng(4), 1000
    values = {"weight": [0.25, -0.625, 1.0], "v_threshold": 0.5}
    drives = np.round(rng.normal(size=(50, 20)) * scale)
    exact, exact_parameters = fitted(SlidingPsn, values)
    _, h = in_floats(exact, exact_parameters, drives / scale)
    model, parameters = fitted(SlidingPsn, values, scale=scale)
    integers = {name: np.rint(array).astype(np.int64) for name, array in parameters.items()}
    state = {name: np.zeros(20, np.int64) for name in model.states()}
    for step, drive in enumerate(drives.astype(np.int64)):
        left = model.step(Inputs(drive, state, integers))
        state = left.state
        assert np.abs(left.membrane - scale * h[step]).max() < 0.5 + 1e-9


REFUSED = {
    "Order of a SlidingPSN must be 1..32, not 0": {"order": 0},
    "Order of a SlidingPSN must be 1..32, not 33": {"order": 33},
    "Weights over time of a SlidingPSN must have 1..24 bits, not 25": {"tap_width": 25},
    "Fraction bits of a SlidingPSN must be 0..16, not 17": {"fraction_bits": 17},
}


@pytest.mark.parametrize("message", REFUSED)
def test_refusals(message):
    formats = {"state_width": 8, "drive_width": 8, "order": 2, "tap_width": 8, "fraction_bits": 4}
    with pytest.raises(ValueError) as error:
        SlidingPsn(**formats | REFUSED[message])
    assert str(error.value) == message


def test_example():
    check_example(SlidingPsn)
