"""Stochastic rounding of the leak."""

import numpy as np

from ranvier.golden.neurons.rounding import RoundedLif

from .bench import check_interpreters, check_rtl


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
