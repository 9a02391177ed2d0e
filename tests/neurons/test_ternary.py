"""Ternary spikes against exact fractions, and in every interpreter."""

import itertools
from fractions import Fraction
from math import floor

import numpy as np
import pytest

from ranvier.golden.neurons.fields import filled
from ranvier.golden.neurons.neuron import Formats, Inputs
from ranvier.golden.neurons.ternary import Ternary

from .bench import check_interpreters, check_rtl


def draw(rng: np.random.Generator) -> Ternary:
    width = int(rng.integers(3, 18))
    return Ternary(width, int(rng.integers(1, 9)), bool(rng.integers(2)), int(rng.integers(1, width)))


def expected(model: Ternary, v: int, threshold: int, decay: int) -> tuple[int, int, int]:
    """What the next step starts from, the spike, and the potential after it."""
    spike = 0 if abs(v) < threshold else 1 if v > 0 else -1
    after = v if not spike else v - spike * threshold if model.soft else 0
    return floor(Fraction(after * decay, 2**model.fraction_bits) + Fraction(1, 2)), spike, after


def test_every_state():
    """All potentials, thresholds and decays of a narrow format."""
    compared, fired = 0, set()
    for soft in (False, True):
        model = Ternary(6, 3, soft)
        for v, threshold, decay in itertools.product(range(-32, 32), range(1, 32), range(9)):
            left = model.step(Inputs(v, {}, {"threshold": threshold, "decay": decay}))
            assert (left.integrator, left.spike, left.membrane) == expected(model, v, threshold, decay)
            compared += 1
            fired.add(left.spike)
    print(f"{compared} states")
    assert compared == 2 * 64 * 31 * 9 and fired == {-1, 0, 1}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"soft_reset": 0.5}, "Ternary needs soft_reset 0 or 1, alike for all neurons, not 0.5..0.5"),
        ({"decay": 0.99},
         "Ternary needs a leak that is left after rounding: decay of 0.99 is 1 with 4 fraction bits, set more"),
    ],
)  # fmt: skip
def test_what_no_such_neuron_has_is_refused(values, message):
    fields = {name: np.full(2, value) for name, value in ({"decay": 0.5} | values).items()}
    with pytest.raises(ValueError) as error:
        Ternary.fitted(filled(Ternary, fields), np.ones(2), Formats(8, 4))
    assert str(error.value) == message


def test_interpreters():
    check_interpreters(draw, 3)


def test_rtl():
    check_rtl(draw, 4)
