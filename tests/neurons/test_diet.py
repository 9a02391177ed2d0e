"""DIET-SNN against snnTorch's Leaky with a delayed reset; its circuit is a LIF neuron's."""

import numpy as np
import pytest

from ranvier.golden.neurons.diet import Diet
from ranvier.golden.neurons.leak import Multiply

from .floats import alike, check_example, fit, run_floats
from .learned import check_circuit, check_integers
from .snntorch_leaky import run_leaky

NEURONS = 80


def drawn_values(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"leak": rng.uniform(0, 1, NEURONS), "v_threshold": rng.uniform(0.2, 2, NEURONS)}


@pytest.mark.parametrize("exact", [False, True])
def test_snntorch(exact):
    rng = np.random.default_rng(41)
    values, drives = drawn_values(42), rng.normal(0.3, 0.7, (60, NEURONS))
    if exact:  # where all is exact, and the potential meets the threshold, at which it does not fire
        values = {"leak": rng.choice([0.5, 0.75], NEURONS), "v_threshold": np.ones(NEURONS)}
        drives = np.rint(8 * drives[:10]) / 8
        assert np.any(drives[0] == 1)
    theirs = run_leaky(values["leak"], values["v_threshold"], drives, "subtract", True)
    print(f"seeds 41, 42: {alike(run_floats(Diet, values, drives), theirs)} spikes in {drives.size} steps")


def test_integers():
    check_integers(Diet, drawn_values(43), 100, 44)


def test_circuit():
    options = {"comparison": "greater", "reset": "soft", "reset_timing": "next_step"}
    check_circuit(Diet(11, Multiply(5), **options), **options)


def test_example():
    check_example(Diet)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"leak": 0.5}, "DIET needs v_threshold, which has no default"),
        ({"leak": 1.01, "v_threshold": 1}, "DIET needs a finite leak in 0..1, not 1.01"),
        ({"leak": 1, "v_threshold": -1}, "DIET needs a finite v_threshold in 0..inf, not -1"),
        (
            {"leak": 0.999, "v_threshold": 1},
            "DIET needs a leak that is left after rounding: leak of 0.999 is 1 with 8 fraction bits, set more",
        ),
    ],
)
def test_refusals(values, text):
    with pytest.raises(ValueError) as refusal:
        fit(Diet, values)
    assert str(refusal.value) == text
