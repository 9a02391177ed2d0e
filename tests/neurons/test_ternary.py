"""Ternary spikes against exact fractions, and in every interpreter."""

import itertools
from fractions import Fraction
from math import floor

import numpy as np

from ranvier.golden.neurons.neuron import Inputs
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


def test_interpreters():
    check_interpreters(draw, 3)


def test_rtl():
    check_rtl(draw, 4)
