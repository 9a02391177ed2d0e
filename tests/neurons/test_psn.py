"""Psn."""

import numpy as np

from ranvier.golden.neurons.psn import Psn

from .bench import check_interpreters, check_rtl


def draw(rng: np.random.Generator) -> Psn:
    drive = int(rng.integers(3, 13))
    return Psn(
        int(rng.integers(3, 18)),
        drive,
        int(rng.integers(1, 5)),
        int(rng.integers(1, 10)),
        int(rng.integers(0, 9)),
        int(rng.integers(1, drive + 1)),
    )


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)
