"""SlidingPsn."""

import numpy as np

from ranvier.golden.neurons.sliding_psn import SlidingPsn

from .bench import check_interpreters, check_rtl


def draw(rng: np.random.Generator) -> SlidingPsn:
    drive = int(rng.integers(3, 13))
    return SlidingPsn(
        int(rng.integers(3, 18)),
        drive,
        int(rng.integers(1, 7)),
        int(rng.integers(1, 10)),
        int(rng.integers(0, 9)),
        int(rng.integers(1, drive + 1)),
    )


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)
