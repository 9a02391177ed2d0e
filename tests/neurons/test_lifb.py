"""LIFB against exact fractions, and against snnTorch's Leaky, which it is but for the value of a spike."""

from fractions import Fraction

import numpy as np
import pytest

from ranvier.golden.neurons.lifb import Lifb

from .bench import check_interpreters, check_rtl
from .exact import check_everything, check_oracle, limited, nearest
from .floats import alike, check_example, fit, run_floats
from .snntorch_leaky import run_leaky

STEPS, NEURONS = 60, 80


def draw(rng: np.random.Generator) -> Lifb:
    width, fraction, levels = (int(rng.integers(*ends)) for ends in ((3, 17), (1, 9), (2, 20)))
    return Lifb(width, fraction, levels, int(rng.integers(1, width)))


def oracle(model: Lifb, values: dict[str, int]) -> dict[str, int]:
    total = values["total"] + values["bias"]
    v, spike = limited(total, model.state_width), 0
    if v >= values["threshold"]:
        spike = values["burst"] if v >= values["burst_threshold"] else 1
    settled = values["reset_value"] if spike else v
    return {
        "integrator": nearest(Fraction(settled * values["decay"], 2**model.fraction_bits)),
        "spike": spike,
        "membrane": settled,
        "saturated": v != total,
    }


def test_interpreters():
    check_interpreters(draw, 71)


def test_rtl():
    check_rtl(draw, 72)


def test_oracle():
    check_oracle(draw, oracle, 73)


def test_every_state():
    check_everything(Lifb(3, 1, 3), oracle)


def test_snntorch():
    """Rest and spike are Leaky's; of its spikes those are bursts whose potential, before the reset, reached v_burst."""
    rng = np.random.default_rng(74)
    drives = rng.normal(0.5, 0.8, (STEPS, NEURONS))
    decay, threshold = rng.uniform(0, 0.99, NEURONS), rng.uniform(0.3, 1, NEURONS)
    v_burst, k = threshold + rng.uniform(0.1, 1, NEURONS), rng.uniform(1, 6, NEURONS)
    spikes, membranes = run_leaky(decay, threshold, drives, "zero", False)
    before = decay * np.concatenate([np.zeros((1, NEURONS)), membranes[:-1]]) + drives
    bursts = before >= v_burst
    values = {"decay": decay, "k": k, "v_burst": v_burst, "v_threshold": threshold}
    fired = alike(run_floats(Lifb, values, drives), (np.where(bursts, k, spikes), membranes))
    print(f"seed 74: {fired} spikes, {bursts.sum()} of them bursts, in {drives.size} steps")
    assert 0 < bursts.sum() < fired


def test_modes_at_their_thresholds():
    potentials = np.array([[0.75, 1.0, 1.25, 1.5, 1.75]])
    spikes, membranes = run_floats(Lifb, {"decay": 0.5, "k": 4, "v_burst": 1.5, "v_reset": -0.25}, potentials)
    assert spikes.tolist() == [[0, 1, 1, 4, 4]]
    assert membranes.tolist() == [[0.75, -0.25, -0.25, -0.25, -0.25]]


@pytest.mark.parametrize(("k", "levels"), [(1.2, 2), (2.4, 2), (2.6, 3), ([1, 7.3], 7)])
def test_levels_hold_the_densest_burst(k, levels):
    model, parameters = fit(Lifb, {"decay": 0.5, "k": k, "v_burst": 2})
    assert model.levels == levels
    assert np.array_equal(parameters["burst"], np.asarray(k))


def test_example():
    check_example(Lifb)


def test_levels_refused():
    with pytest.raises(ValueError) as refusal:
        Lifb(8, 4, 1)
    assert str(refusal.value) == "Levels of a LIFB neuron must be 2 or more, not 1"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"k": 0.5}, "LIFB needs a finite k in 1..255, not 0.5"),
        ({"v_burst": 0.5}, "LIFB needs v_threshold at or below v_burst, not 1 above 0.5"),
        ({"v_reset": 1.25}, "LIFB needs v_reset at or below v_threshold, not 1.25 above 1"),
        ({"decay": -1}, "LIFB needs a finite decay in 0..1, not -1"),
        (
            {"decay": 0.999},
            "LIFB needs a leak that is left after rounding: decay of 0.999 is 1 with 8 fraction bits, set more",
        ),
    ],
)
def test_refusals(change, text):
    with pytest.raises(ValueError) as refusal:
        fit(Lifb, dict(Lifb.EXAMPLE) | change)
    assert str(refusal.value) == text
