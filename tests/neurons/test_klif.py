"""KLIF against SpikingJelly's KLIFNode in exact arithmetic, and in every interpreter."""

import numpy as np

from ranvier.golden.neurons.klif import Klif

from .bench import check_interpreters, check_rtl


def draw(rng: np.random.Generator) -> Klif:
    fraction = int(rng.integers(1, 9))
    width = int(rng.integers(3, 18))
    return Klif(width, fraction, int(rng.integers(1, fraction + 4)), bool(rng.integers(2)), int(rng.integers(1, width)))


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)
