"""Masked PSN against exact fractions, against SpikingJelly's, and in every interpreter."""

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.neuron import MaskedPSN

from ranvier.golden.neurons.masked_psn import MaskedPsn

from .bench import check_interpreters, check_rtl
from .floats import check_example
from .runs import check, check_everywhere, clipped, fitted, in_floats, of_framework, rounded, run


def draw(rng: np.random.Generator) -> MaskedPsn:
    drive, steps = int(rng.integers(3, 13)), int(rng.integers(1, 6))
    return MaskedPsn(
        int(rng.integers(3, 18)),
        drive,
        steps,
        int(rng.integers(1, steps + 1)),
        int(rng.integers(1, 10)),
        int(rng.integers(0, 9)),
        int(rng.integers(1, drive + 1)),
    )


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)


def test_exact_sequences():
    """Each h is a row of the matrix times all drives; what comes after the last step is counted, and does nothing."""
    rng, fired, count = np.random.default_rng(3), 0, 60
    for _ in range(count):
        model = draw(rng)
        found, expected = run(rng, model, model.steps + 2), {}
        for sample, neuron, own, drives in found.neurons():
            x = [clipped(drive, model.drive_width) for drive in drives]
            steps = []
            for t in range(len(x)):
                if t >= model.steps:
                    steps.append((False, 0, True))
                    continue
                total = sum(own.get(f"w{t}_{i}", 0) * x[i][0] for i in range(t + 1))
                h, limited = clipped(rounded(total, model.fraction_bits), model.state_width)
                steps.append((h >= own[f"threshold{t}"], h, limited or x[t][1]))
            expected[sample, neuron] = steps
        fired += check(found, expected)
    print(f"seed 3: {count} models, {fired} spikes, 0 differ")
    assert fired > 300


def test_every_case():
    """Two steps; the counter sticks at 2, beyond which nothing happens."""
    model = MaskedPsn(2, 2, 2, 2, 2, 1)

    def oracle(case):
        now, x, before = case["now"], case["x"], case["drive1"]
        left = {"integrator": 0, "next_drive1": x, "next_now": min(now + 1, 2)}
        if now >= 2:
            return left | {"spike": False, "membrane": 0, "saturated": True}
        h, limited = clipped(rounded(case["w1_1"] * x + case["w1_0"] * before if now else case["w0_0"] * x, 1), 2)
        return left | {"spike": h >= case[f"threshold{now}"], "membrane": h, "saturated": limited}

    check_everywhere(model, oracle)


@pytest.mark.parametrize(("order", "steps"), [(1, 4), (2, 4), (3, 8), (16, 16)])
def test_is_that_of_spikingjelly(order, steps):
    rng = np.random.default_rng(order)
    theirs = MaskedPSN(order, steps, lambda_init=1.0, step_mode="m").double()
    weight, thresholds = rng.normal(size=(steps, steps)), rng.uniform(0.2, 1, steps)
    theirs.weight.data, theirs.bias.data = torch.tensor(weight), torch.tensor(-thresholds[:, None])
    drives = 2 * rng.normal(size=(steps, 20, 7))
    spikes, above = of_framework(theirs, drives)
    values = {"weight": weight.ravel(), "order": order, "v_thresholds": thresholds}
    model, parameters = fitted(MaskedPsn, values)
    ours, h = in_floats(model, parameters, drives)
    np.testing.assert_allclose(h - thresholds[:, None, None], above, atol=1e-9)
    near = np.abs(above) < 1e-9
    assert model.order == order and near.mean() < 0.01
    np.testing.assert_array_equal(ours[~near], spikes[~near] > 0)
    print(f"order {order}: {spikes.sum():.0f} spikes, 0 differ")
    assert spikes.sum() > 100


REFUSED = {
    "Steps of a MaskedPSN must be 1..64, not 65": {"steps": 65},
    "Order of a MaskedPSN must be 1..4, not 5": {"order": 5},
    "Weights over time of a MaskedPSN must have 1..24 bits, not 0": {"tap_width": 0},
    "Fraction bits of a MaskedPSN must be 0..16, not -1": {"fraction_bits": -1},
}


@pytest.mark.parametrize("message", REFUSED)
def test_refusals(message):
    formats = {"state_width": 8, "drive_width": 8, "steps": 4, "order": 2, "tap_width": 8, "fraction_bits": 4}
    with pytest.raises(ValueError) as error:
        MaskedPsn(**formats | REFUSED[message])
    assert str(error.value) == message


def test_values_that_do_not_fit_each_other():
    with pytest.raises(ValueError) as error:
        fitted(MaskedPsn, {"weight": np.ones(8), "order": 2})
    rows = "MaskedPSN needs a weight of T × T values, a row for each step, and v_thresholds of 1 or T"
    assert str(error.value) == f"{rows}, not 8 and 1"
    with pytest.raises(ValueError) as error:
        fitted(MaskedPsn, {"weight": np.ones(9), "order": 2, "v_thresholds": np.ones(2)})
    assert str(error.value) == f"{rows}, not 9 and 2"
    with pytest.raises(ValueError) as error:
        fitted(MaskedPsn, {"weight": np.ones(9), "order": np.array([1, 2])}, neurons=2)
    assert str(error.value) == "Order of a MaskedPSN must be one whole number for all neurons, not 1 to 2"


def test_example():
    check_example(MaskedPsn)
