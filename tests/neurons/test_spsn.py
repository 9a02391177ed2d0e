"""SPSN."""

import numpy as np

from ranvier.golden.neurons.spsn import Spsn

from .bench import check_interpreters, check_rtl


def draw(rng: np.random.Generator) -> Spsn:
    width, slope = int(rng.integers(3, 18)), int(rng.integers(1, 12))
    return Spsn(
        width,
        int(rng.integers(3, 18)),
        int(rng.integers(1, 9)),
        slope,
        int(rng.integers(0, width + slope)),
        int(rng.integers(1, 17)),
        int(rng.integers(1, 1 << 32)),
        int(rng.integers(1, width)),
    )


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)
