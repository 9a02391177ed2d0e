"""Stochastic firing against exact fractions, against its probabilities, and in every interpreter."""

from decimal import Decimal, localcontext
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from ranvier.golden.inference import run_program
from ranvier.golden.neurons.stochastic import Stochastic
from ranvier.golden.program import Layer, Program, dense

from .bench import check_interpreters, check_rtl
from .floats import check_example
from .runs import check, check_everywhere, clipped, fitted, in_floats, rounded, run, walked


def draw(rng: np.random.Generator) -> Stochastic:
    width, slope = int(rng.integers(3, 18)), int(rng.integers(1, 12))
    return Stochastic(
        width,
        int(rng.integers(1, 9)),
        slope,
        int(rng.integers(0, width + slope)),
        str(rng.choice(["logistic", "linear"])),
        bool(rng.integers(2)),
        int(rng.integers(1, 17)),
        int(rng.integers(1, 1 << 32)),
        int(rng.integers(1, width)),
    )


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)


@cache
def logistic(argument: int, one: int) -> int:
    """``one / (1 + exp(-argument / 16))`` to the nearest."""
    with localcontext() as context:
        context.prec = 40
        return int((one / (1 + (-Decimal(argument) / 16).exp())).to_integral_value())


def spikes_at(model: Stochastic, above: int, slope: int, noise: int) -> bool:
    argument, one = rounded(above * slope, model.slope_fraction), 2**model.noise_width
    return noise < (logistic(argument, one) if model.escape == "logistic" else argument + one // 2)


def after(model: Stochastic, v: int, spike: bool, own: dict[str, int]) -> tuple[int, bool]:
    """The potential that is left, and whether that was limited."""
    if not spike:
        return v, False
    return clipped(v - own["threshold"], model.state_width) if model.soft else (own["reset_value"], False)


def test_exact_sequences():
    """Neuron n draws number t * neurons + n of one sequence in step t of each sample."""
    rng, fired, count = np.random.default_rng(3), 0, 40
    for _ in range(count):
        model = draw(rng)
        found, expected = run(rng, model), {}
        numbers, neurons = walked(model.seed, found.drives[0].size), found.drives.shape[2]
        for sample, neuron, own, drives in found.neurons():
            u, steps = 0, []
            for t, drive in enumerate(drives):
                v, limited = clipped(u + drive, model.state_width)
                noise = numbers[t * neurons + neuron] % 2**model.noise_width
                spike = spikes_at(model, v - own["threshold"], own["slope"], noise)
                left, lowered = after(model, v, spike, own)
                u = rounded(left * own["decay"], model.fraction_bits)
                steps.append((spike, left, limited or lowered))
            expected[sample, neuron] = steps
        fired += check(found, expected)
    print(f"seed 3: {count} models, {fired} spikes, 0 differ")
    assert fired > 1000


@pytest.mark.parametrize("escape", ["logistic", "linear"])
@pytest.mark.parametrize("soft", [False, True])
def test_every_case(escape, soft):
    model = Stochastic(3, 1, 2, 1, escape, soft, noise_width=3)

    def oracle(case):
        spike = spikes_at(model, case["x"] - case["threshold"], case["slope"], case["noise"])
        left, limited = after(model, case["x"], spike, case)
        renewed = rounded(left * case["decay"], 1)
        return {"integrator": renewed, "spike": spike, "membrane": left, "saturated": limited}

    check_everywhere(model, oracle)


@pytest.mark.parametrize("linear", [0, 1])
def test_rates_are_the_probabilities(linear):
    """Of 4,000 neurons with one potential as many spike as their probability says, within exact binomial bounds that
    one in a million seeds would leave; the probability is known to half a step of the table and of the numbers, and to
    0.002 for the rounded slope."""
    neurons, steps, seed, scale, slope = 4000, 5, 2024, 64.0, 3.0 if not linear else 0.4
    values = {"decay": 0.0, "slope": slope, "v_threshold": 1.0, "linear": linear, "seed": seed}
    model, parameters = fitted(Stochastic, values, neurons, scale)
    integers = {name: np.rint(array).astype(np.int64) for name, array in parameters.items()} | {"bias": np.array(0)}
    compared, within = 0, (1 / 32 if not linear else 0) * 0.25 + 2.0**-9 + 0.002
    for weight in (-60, 0, 32, 64, 80, 127):
        layer = Layer("layer", dense(np.full((1, neurons), weight)), 8, model, integers)
        fired = run_program(Program("rates", (layer,), steps), np.ones((1, steps, 1), bool))[0].spikes.sum()
        above = slope * (weight / scale - 1)
        p = 1 / (1 + np.exp(-above)) if not linear else min(max(0.5 + above, 0), 1)
        low = binom.ppf(5e-7, neurons * steps, max(p - within, 0))
        high = binom.isf(5e-7, neurons * steps, min(p + within, 1))
        print(f"seed {seed}: weight {weight}, p {p:.4f}, {fired} of {neurons * steps} in {low:.0f}..{high:.0f}")
        assert low <= fired <= high
        compared += 1
    assert compared == 6


def test_floats_are_the_equations():
    """Spikes where the number is not within 1e-9 of the probability, and potentials."""
    rng, neurons, steps = np.random.default_rng(5), 50, 40
    drives, noise = rng.normal(0.4, 0.5, (steps, neurons)), rng.uniform(0, 256, (steps, neurons))
    compared = 0
    for linear in (0, 1):
        values = {"decay": rng.uniform(0.5, 1, neurons), "slope": 0.7, "linear": linear, "soft_reset": 1}
        model, parameters = fitted(Stochastic, values, neurons)
        spikes, membranes = in_floats(model, parameters, drives, noise)
        left = np.zeros(neurons)
        for t in range(steps):
            v = values["decay"] * left + drives[t]
            p = np.clip(0.5 + 0.7 * (v - 1), 0, 1) if linear else 1 / (1 + np.exp(-0.7 * (v - 1)))
            assert np.abs(noise[t] / 256 - p).min() > 1e-9
            spike = noise[t] / 256 < p
            left = v - spike
            np.testing.assert_array_equal(spikes[t], spike)
            np.testing.assert_allclose(membranes[t], left, atol=1e-9)
            compared += neurons
    print(f"seed 5: {compared} steps of floats")
    assert compared == 4000


STEEP = "a slope as steep as that is a threshold without noise"
REFUSED = {
    "Noise of a stochastic neuron must have 1..16 bits, not 17": {"noise_width": 17},
    f"Slope of a stochastic neuron must have 1..24 bits, not 25: {STEEP}": {"slope_width": 25},
    "Seed of a neuron's noise must be 1..4294967295, not 0": {"seed": 0},
}


@pytest.mark.parametrize("message", REFUSED)
def test_refusals(message):
    formats = {"state_width": 8, "fraction_bits": 4, "slope_width": 4, "slope_fraction": 4}
    with pytest.raises(ValueError) as error:
        Stochastic(**formats | REFUSED[message])
    assert str(error.value) == message


def test_seeds_are_one_number():
    with pytest.raises(ValueError) as error:
        fitted(Stochastic, {"decay": 0.5, "seed": np.array([1, 7])}, neurons=2)
    assert str(error.value) == "Seed of a StochasticLIF must be one whole number for all neurons, not 1 to 7"


def test_example():
    check_example(Stochastic)


def test_a_reset_above_the_threshold_is_refused():
    with pytest.raises(ValueError) as error:
        fitted(Stochastic, {"decay": 0.5, "v_reset": 2.0})
    assert str(error.value) == "StochasticLIF needs v_reset at or below v_threshold, not 2 above 1"
