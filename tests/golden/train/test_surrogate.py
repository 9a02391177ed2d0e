"""Surrogates: every distance against exact fractions, tables against the functions that they sample."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from ranvier.golden.train.surrogate import Rectangle, Table, Triangle, derivative, table

from .float_network import SMOOTH_STEPS, smooth
from .oracle_training import surrogate_steps

SLOPES = [0.5, 1, 4, 25]
DISTANCES = range(-300, 301)


@pytest.mark.parametrize(
    "surrogate",
    [
        *(Rectangle(half_width, bits) for half_width in (1, 2, 77, 400) for bits in (0, 3, -2)),
        *(Triangle(log2, bits) for log2 in (0, 1, 5, 8, 9) for bits in (0, 1, 5, 8) if bits <= log2),
        *(Table(values, shift, 6) for values in [(1,), (3, 1), (70, 60, 33, 12, 9, 4, 0, 1)] for shift in (0, 1, 5, 8)),
    ],
    ids=str,
)
def test_every_distance(surrogate):
    expected = [surrogate_steps(surrogate, distance) for distance in DISTANCES]
    assert surrogate.apply(np.array(DISTANCES)).tolist() == expected
    assert [surrogate.apply(distance) for distance in DISTANCES] == expected
    assert any(expected)
    assert max(expected) < 1 << surrogate.width
    assert surrogate.width == 1 or max(expected) >= 1 << (surrogate.width - 1)


def test_a_triangle_is_1_at_the_threshold():
    for bits in range(9):
        assert Fraction(Triangle(8, bits).apply(0), 2**bits) == 1


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("shape", SMOOTH_STEPS)
def test_derivative_is_that_of_the_step(shape, slope):
    x = np.linspace(-3, 3, 1201)
    expected = smooth(shape, slope)(torch.from_numpy(x)).numpy()
    inside = np.abs(np.abs(x) - 0.5) > 1e-9 if shape == "dspike" else np.full(x.shape, True)
    found = np.array([derivative(shape, slope)(float(value)) for value in x])
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-9, atol=1e-12)
    assert [derivative(shape, slope)(-value) for value in x] == found.tolist()
    low, high = (float(SMOOTH_STEPS[shape](torch.tensor(end), slope)) for end in (-1e9, 1e9))
    assert high - low == pytest.approx(2 / slope if shape == "fast_sigmoid" else 1)  # that one has a derivative of 1


@pytest.mark.parametrize("entries", [8, 64, 256])
@pytest.mark.parametrize("unit", [100, 4096])
@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("shape", SMOOTH_STEPS)
def test_table_samples_the_middle_of_each_step(shape, slope, unit, entries):
    """Each entry is the function in the middle of its step, to half a unit of the fraction; beyond the table is 0."""
    bits, reach = 10, 2.0
    made = table(shape, slope, unit, entries=entries, reach=reach, fraction_bits=bits)
    length = 1 << made.index_shift
    assert len(made.values) == entries
    assert entries * length >= reach * unit
    assert made.index_shift == 0 or entries * length < 2 * reach * unit
    middles = torch.tensor([(k + 0.5) * length / unit for k in range(entries)], dtype=torch.float64)
    expected = smooth(shape, slope)(middles).numpy()
    clear = np.abs(middles.numpy() - 0.5) > 1e-9 if shape == "dspike" else np.full(entries, True)
    assert np.abs(np.array(made.values) / 2**bits - expected)[clear].max() <= 2.0 ** -(bits + 1) + 1e-12
    for distance in (0, length - 1, length, entries * length - 1):
        assert made.apply(distance) == made.apply(-distance) == (*made.values, 0)[distance // length]
    assert made.apply(entries * length) == made.apply(-entries * length) == 0


def test_the_steepest_slopes_do_not_overflow():
    for shape in SMOOTH_STEPS:
        assert derivative(shape, 1e4)(3.0) == pytest.approx(0, abs=1e-5)
