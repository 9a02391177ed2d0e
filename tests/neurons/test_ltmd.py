"""LTMD against snnTorch's Leaky of the same threshold; its circuit is a LIF neuron's."""

import numpy as np
import pytest

from ranvier.golden.neurons.leak import Multiply
from ranvier.golden.neurons.ltmd import Ltmd

from .floats import alike, check_example, fit, run_floats
from .learned import check_circuit, check_integers
from .snntorch_leaky import run_leaky

NEURONS = 80


def drawn_values(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"k": rng.uniform(0.05, 3, NEURONS), "decay": rng.uniform(0, 1, NEURONS)}


def test_snntorch():
    values = drawn_values(31)
    drives = np.random.default_rng(32).normal(0.2, 0.5, (60, NEURONS))
    theirs = run_leaky(values["decay"], np.tanh(values["k"]), drives, "zero", False)
    print(f"seeds 31, 32: {alike(run_floats(Ltmd, values, drives), theirs)} spikes in {drives.size} steps")


def test_fires_at_its_threshold():
    """tanh(ln 3 / 2) is 1/2: at it, not above."""
    threshold = np.tanh(np.log(3) / 2)
    drives = np.array([[threshold, np.nextafter(threshold, 0)]])
    spikes, membranes = run_floats(Ltmd, {"k": np.full(2, np.log(3) / 2), "decay": np.ones(2)}, drives)
    assert threshold == pytest.approx(0.5)
    assert spikes.tolist() == [[True, False]]
    assert membranes.tolist() == [[0, drives[0, 1]]]


def test_integers():
    check_integers(Ltmd, drawn_values(33), 200, 34)


def test_circuit():
    check_circuit(Ltmd(11, Multiply(5)))


def test_example():
    check_example(Ltmd)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"decay": 0.5}, "LTMD needs k, which has no default"),
        ({"k": 0.5}, "LTMD needs decay, which has no default"),
        ({"k": -0.5, "decay": 0.5}, "LTMD needs a finite k in 0..32, not -0.5"),
        ({"k": 0.5, "decay": -0.1}, "LTMD needs a finite decay in 0..1, not -0.1"),
        ({"k": 0.5, "decay": 0.1, "tau": 2}, "LTMD has no tau: its values are k, decay"),
        (
            {"k": 0.5, "decay": [0.5, 0.9985]},
            "LTMD needs a leak that is left after rounding: decay of 0.9985 is 1 with 8 fraction bits, set more",
        ),
    ],
)
def test_refusals(values, text):
    with pytest.raises(ValueError) as refusal:
        fit(Ltmd, values)
    assert str(refusal.value) == text
