"""PSN against exact fractions, against SpikingJelly's, and in every interpreter."""

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.neuron import PSN

from ranvier.golden.neurons.psn import Psn

from .bench import check_interpreters, check_rtl
from .floats import check_example
from .runs import check, check_everywhere, clipped, fitted, in_floats, of_framework, rounded, run


def draw(rng: np.random.Generator) -> Psn:
    drive = int(rng.integers(3, 13))
    return Psn(
        int(rng.integers(3, 18)),
        drive,
        int(rng.integers(1, 5)),
        int(rng.integers(1, 10)),
        int(rng.integers(0, 9)),
        int(rng.integers(1, drive + 2)),
    )


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)


@pytest.mark.parametrize("strays", [False, True])
def test_exact_sequences(strays):
    """All h are the matrix times all drives, and each comes out ``steps - 1`` steps later; a spike that arrives after
    the last drive is counted, as are steps after the sample."""
    rng, fired, count = np.random.default_rng(3), 0, 40
    for _ in range(count):
        model = draw(rng)
        size = model.steps
        found, expected = run(rng, model, 2 * size + 1, None if strays else size), {}
        for sample, neuron, own, drives in found.neurons():
            x = [clipped(drive, model.drive_width) for drive in drives]
            matrix = [[own[f"w{t}_{i}"] for i in range(size)] for t in range(size)]
            h = [sum(w * x[i][0] for i, w in enumerate(row)) for row in matrix]
            steps = [(False, 0, limited) for _, limited in x[: size - 1]]
            for t, total in enumerate(h):
                value, limited = clipped(rounded(total, model.fraction_bits), model.state_width)
                arrived = size - 1 + t
                stray = t > 0 and x[arrived][0] != clipped(own["bias"], model.drive_width)[0]
                steps.append((value >= own[f"threshold{t}"], value, limited or x[arrived][1] or stray))
            expected[sample, neuron] = steps + [(False, 0, True)] * 2
        fired += check(found, expected)
    print(f"seed 3: {count} models, {fired} spikes, 0 differ")
    assert fired > 300


def test_every_case():
    """Two steps: the first spike comes out in the second one, and the sample ends with the third."""
    model = Psn(2, 2, 2, 1, 1)

    def oracle(case):
        now, x = case["now"], [case["drive0"], case["drive1"]]
        x = [*x[:now], case["x"], *x[now + 1 :]] if now < 2 else x
        left = {"integrator": 0, "next_drive0": x[0], "next_drive1": x[1], "next_now": min(now + 1, 3)}
        if now == 0 or now == 3:
            return left | {"spike": False, "membrane": 0, "saturated": now == 3}
        t = now - 1
        h, limited = clipped(rounded(case[f"w{t}_0"] * x[0] + case[f"w{t}_1"] * x[1], 1), 2)
        stray = t > 0 and case["x"] != case["bias"]
        return left | {"spike": h >= case[f"threshold{t}"], "membrane": h, "saturated": limited or stray}

    check_everywhere(model, oracle)


@pytest.mark.parametrize("size", [1, 4, 16])
def test_is_that_of_spikingjelly(size):
    rng = np.random.default_rng(size)
    theirs = PSN(size).double()
    weight, thresholds = rng.normal(size=(size, size)), rng.uniform(0.2, 1, size)
    weight[0, 0] = 1
    theirs.weight.data, theirs.bias.data = torch.tensor(weight), torch.tensor(-thresholds[:, None])
    drives = 2 * rng.normal(size=(size, 50, 7))
    spikes, above = of_framework(theirs, drives)
    model, parameters = fitted(Psn, {"weight": weight, "v_thresholds": thresholds})
    ours, h = in_floats(model, parameters, np.concatenate([drives, np.zeros((size - 1, 50, 7))]))
    assert not ours[: size - 1].any()
    np.testing.assert_allclose(h[size - 1 :] - thresholds[:, None, None], above, atol=1e-9)
    near = np.abs(above) < 1e-9
    assert near.mean() < 0.01
    np.testing.assert_array_equal(ours[size - 1 :][~near], spikes[~near] > 0)
    print(f"{size} steps: {spikes.sum():.0f} spikes, 0 differ")
    assert spikes.sum() > 50


REFUSED = {
    "Steps of a PSN must be 1..64, not 0": {"steps": 0},
    "Weights over time of a PSN must have 1..24 bits, not 30": {"tap_width": 30},
    "Fraction bits of a PSN must be 0..16, not 20": {"fraction_bits": 20},
}


@pytest.mark.parametrize("message", REFUSED)
def test_refusals(message):
    formats = {"state_width": 8, "drive_width": 8, "steps": 4, "tap_width": 8, "fraction_bits": 4}
    with pytest.raises(ValueError) as error:
        Psn(**formats | REFUSED[message])
    assert str(error.value) == message


def test_values_that_do_not_fit_each_other():
    with pytest.raises(ValueError) as error:
        fitted(Psn, {"weight": np.ones((2, 3))})
    rows = "PSN needs a weight of T × T values, a row for each step, and v_thresholds of 1 or T"
    assert str(error.value) == f"{rows}, not 6 and 1"


def test_example():
    check_example(Psn)
