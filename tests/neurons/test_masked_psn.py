"""MaskedPsn."""

import numpy as np

from ranvier.golden.neurons.masked_psn import MaskedPsn

from .bench import check_interpreters, check_rtl


def draw(rng: np.random.Generator) -> MaskedPsn:
    drive, steps = int(rng.integers(3, 13)), int(rng.integers(1, 6))
    return MaskedPsn(
        int(rng.integers(3, 18)),
        drive,
        steps,
        int(rng.integers(1, steps + 1)),
        int(rng.integers(1, 10)),
        int(rng.integers(0, 9)),
        int(rng.integers(1, drive + 1)),
    )


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)
