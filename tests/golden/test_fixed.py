"""Each arithmetic step against exact fractions: every value of narrow formats, drawn values of wide ones."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.golden.fixed import limit, overflows, round_shift, signed_max, signed_min, signed_width, weight_range
from ranvier.golden.neurons.leak import Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Lif, fire, integrate

from .oracle import leaked, limited, nearest

INT64 = st.integers(-(2**62), 2**62)


@pytest.mark.parametrize("width", range(1, 9))
def test_signed_range_holds_exactly_the_two_complement_numbers(width):
    spare = 8 - width
    numbers = {int.from_bytes(bytes([pattern << spare]), signed=True) >> spare for pattern in range(1 << width)}
    assert numbers == set(range(signed_min(width), signed_max(width) + 1))
    assert weight_range(width) == ((-1, 1) if width == 1 else (min(numbers), max(numbers)))


@pytest.mark.parametrize("low", range(-40, 41))
def test_signed_width_is_the_least_that_holds_the_range(low):
    for high in range(low, 41):
        width = signed_width(low, high)
        assert signed_min(width) <= low <= high <= signed_max(width)
        assert width == 1 or not signed_min(width - 1) <= low <= high <= signed_max(width - 1)


@pytest.mark.parametrize("width", range(1, 9))
def test_integrate_saturates_every_narrow_value(width):
    totals = np.arange(-600, 601)
    result, overflow = integrate(totals, width)
    expected = [limited(total, width) for total in range(-600, 601)]
    assert result.tolist() == expected
    assert overflow.tolist() == [total != kept for total, kept in zip(range(-600, 601), expected, strict=True)]


@given(total=INT64, width=st.integers(1, 62))
def test_integrate_saturates_wide_values(total, width):
    overflow = overflows(total, width)
    assert limit(total, overflow, width) == limited(total, width)
    assert bool(overflow) == (limited(total, width) != total)
    array = np.array([total])
    assert limit(array, overflows(array, width), width).tolist() == [limited(total, width)]


@pytest.mark.parametrize("shift", range(7))
def test_round_shift_rounds_every_narrow_value_half_up(shift):
    values = np.arange(-300, 301)
    assert round_shift(values, shift).tolist() == [nearest(Fraction(v, 2**shift)) for v in range(-300, 301)]


@given(value=st.integers(-(2**48), 2**48), shift=st.integers(0, 16))
def test_round_shift_rounds_wide_values_half_up(value, shift):
    assert round_shift(value, shift) == nearest(Fraction(value, 2**shift))
    assert abs(Fraction(round_shift(value, shift)) - Fraction(value, 2**shift)) <= Fraction(1, 2)


@pytest.mark.parametrize("decay", [Keep(), *map(Shift, range(8)), *map(Multiply, range(1, 6))], ids=str)
def test_decay_of_every_narrow_value(decay):
    values = np.arange(-130, 131)
    factors = range(2**decay.fraction_bits + 1) if isinstance(decay, Multiply) else [0]
    for factor in factors:
        assert decay.apply(values, factor).tolist() == [leaked(decay, v, factor) for v in range(-130, 131)]


@given(
    value=st.integers(signed_min(32), signed_max(32)),
    decay=st.one_of(st.builds(Shift, st.integers(0, 31)), st.builds(Multiply, st.integers(1, 16))),
    share=st.fractions(0, 1),
)
def test_decay_of_wide_values(value, decay, share):
    factor = nearest(share * 2**decay.fraction_bits) if isinstance(decay, Multiply) else 0
    result = decay.apply(value, factor)
    assert result == leaked(decay, value, factor)
    assert signed_min(32) <= result <= signed_max(32)
    assert decay.apply(np.array([value]), factor).tolist() == [result]


def test_decay_never_grows_a_value():
    values = np.arange(-130, 131)
    for decay, factor in [(Shift(3), 0), (Multiply(8), 256), (Multiply(8), 255), (Multiply(1), 1)]:
        assert (np.abs(decay.apply(values, factor)) <= np.abs(values)).all()


@pytest.mark.parametrize(("comparison", "at_threshold"), [("greater", False), ("greater_equal", True)])
def test_fire_at_just_below_and_just_above_the_threshold(comparison, at_threshold):
    model = Lif(8, Keep(), comparison=comparison)
    for threshold in range(-127, 127):
        v = np.array([threshold - 1, threshold, threshold + 1])
        assert fire(model, v, threshold).tolist() == [False, at_threshold, True]
