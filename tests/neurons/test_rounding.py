"""Stochastic rounding of the leak against exact fractions, its mean against the exact decay, in every interpreter."""

from fractions import Fraction
from math import floor, log, sqrt

import numpy as np
import pytest

from ranvier.golden.neurons.neuron import Inputs
from ranvier.golden.neurons.rounding import RoundedLif

from .bench import check_interpreters, check_rtl
from .floats import check_example
from .runs import check, check_everywhere, clipped, fitted, in_floats, run, walked


def draw(rng: np.random.Generator) -> RoundedLif:
    width = int(rng.integers(3, 18))
    return RoundedLif(
        width,
        int(rng.integers(1, 9)),
        bool(rng.integers(2)),
        int(rng.integers(1, 1 << 32)),
        int(rng.integers(1, width)),
    )


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)


def stepped(model: RoundedLif, v: int, own: dict[str, int], noise: int) -> tuple[bool, int, int]:
    """Spike, potential after it, and what the next step starts from."""
    spike = v >= own["threshold"]
    left = (v - own["threshold"] if model.soft else own["reset_value"]) if spike else v
    exact = Fraction(left * own["decay"], 2**model.fraction_bits)
    up = noise >= (1 - (exact - floor(exact))) * 2**model.fraction_bits and exact != floor(exact)
    return spike, left, floor(exact) + up


def test_exact_sequences():
    rng, fired, count = np.random.default_rng(3), 0, 40
    for _ in range(count):
        model = draw(rng)
        found, expected = run(rng, model), {}
        numbers, neurons = walked(model.seed, found.drives[0].size), found.drives.shape[2]
        for sample, neuron, own, drives in found.neurons():
            u, steps = 0, []
            for t, drive in enumerate(drives):
                v, limited = clipped(u + drive, model.state_width)
                noise = numbers[t * neurons + neuron] % 2**model.fraction_bits
                spike, left, u = stepped(model, v, own, noise)
                steps.append((spike, left, limited))
            expected[sample, neuron] = steps
        fired += check(found, expected)
    print(f"seed 3: {count} models, {fired} spikes, 0 differ")
    assert fired > 1000


@pytest.mark.parametrize("soft", [False, True])
def test_every_case(soft):
    model = RoundedLif(3, 3, soft)

    def oracle(case):
        spike, left, renewed = stepped(model, case["x"], case, case["noise"])
        return {"integrator": renewed, "spike": spike, "membrane": left, "saturated": False}

    check_everywhere(model, oracle)


def test_the_mean_decays_as_it_should():
    """From 100 by 15/16 a step, 20,000 neurons: their mean is exact within what one in a million seeds leaves (a
    martingale of errors below 1 each; Azuma 1967). Rounded to nearest it stands still at 8 instead."""
    neurons, steps, seed = 20_000, 80, 31
    model = RoundedLif(10, 4, seed=seed)
    parameters = {"decay": 15, "threshold": 511, "reset_value": 0}
    numbers = np.array(walked(seed, neurons * steps)).reshape(steps, neurons) % 16
    v, nearest = np.full(neurons, 100), 100
    for t in range(steps):
        v = model.step(Inputs(v, {}, parameters, numbers[t])).integrator
        nearest = (nearest * 15 + 8) // 16
        exact = 100 * (15 / 16) ** (t + 1)
        bound = sqrt(2 * log(2e6) * sum((15 / 16) ** (2 * k) for k in range(t + 1)) / neurons)
        assert abs(v.mean() - exact) < bound
    print(f"seed {seed}: mean {v.mean():.3f}, exact {exact:.3f}, bound {bound:.3f}; rounded to nearest {nearest}")
    assert nearest == 8 and exact < 1


def test_floats_are_the_equations():
    rng, neurons = np.random.default_rng(6), 30
    drives = rng.normal(0.3, 0.5, (50, neurons))
    decay = rng.uniform(0.5, 1, neurons)
    model, parameters = fitted(RoundedLif, {"decay": decay, "v_reset": -0.2}, neurons)
    spikes, membranes = in_floats(model, parameters, drives, rng.integers(0, 256, drives.shape))
    left = np.zeros(neurons)
    for t, drive in enumerate(drives):
        v = decay * left + drive
        assert np.abs(v - 1).min() > 1e-9
        np.testing.assert_array_equal(spikes[t], v >= 1)
        left = np.where(v >= 1, -0.2, v)
        np.testing.assert_allclose(membranes[t], left, atol=1e-9)
    print(f"seed 6: {spikes.sum()} spikes, 0 differ")
    assert spikes.sum() > 100


def test_a_seed_of_0_is_refused():
    with pytest.raises(ValueError) as error:
        RoundedLif(8, 4, seed=0)
    assert str(error.value) == "Seed of a neuron's noise must be 1..4294967295, not 0"


def test_example():
    check_example(RoundedLif)


def test_a_leak_that_rounding_stops_is_refused():
    with pytest.raises(ValueError) as error:
        fitted(RoundedLif, {"decay": 0.999})
    assert str(error.value) == (
        "StochasticRoundingLIF needs a leak that is left after rounding: decay of 0.999 is 1 with 8 fraction bits,"
        " set more"
    )
