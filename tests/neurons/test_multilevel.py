"""Several thresholds against exact fractions, and in every interpreter."""

import itertools
import re
from fractions import Fraction
from math import floor

import numpy as np
import pytest

from ranvier.golden.neurons.fields import filled
from ranvier.golden.neurons.multilevel import MultiLevel, MultiThreshold
from ranvier.golden.neurons.neuron import Formats, Inputs

from .bench import check_interpreters, check_rtl


def draw_one_potential(rng: np.random.Generator) -> MultiThreshold:
    width = int(rng.integers(4, 18))
    options = (int(rng.integers(1, 9)), int(rng.integers(1, 4)), int(rng.integers(1, width)))
    return MultiThreshold(width, *options, soft=bool(rng.integers(2)))


def draw_potential_each(rng: np.random.Generator) -> MultiLevel:
    width = int(rng.integers(4, 18))
    return MultiLevel(width, int(rng.integers(1, 9)), int(rng.integers(1, 4)), int(rng.integers(1, width)))


def leaked(value: int, decay: int, bits: int) -> int:
    return floor(Fraction(value * decay, 2**bits) + Fraction(1, 2))


def test_every_state_of_one_potential():
    """All potentials, three thresholds and decays of a narrow format."""
    compared, fired = 0, set()
    for soft in (False, True):
        model = MultiThreshold(5, 2, 3, soft=soft)
        for v, decay, *levels in itertools.product(range(-16, 16), range(5), *[range(1, 16, 2)] * 3):
            if not levels[0] < levels[1] < levels[2]:
                continue
            parameters = {f"threshold{k}": level for k, level in enumerate(levels)} | {"decay": decay}
            left = model.step(Inputs(v, {}, parameters if soft else parameters | {"reset_value": -2}))
            spike = sum(v >= level for level in levels)
            after = v if not spike else v - levels[spike - 1] if soft else -2
            assert (left.integrator, left.spike, left.membrane) == (leaked(after, decay, 2), spike, after)
            compared += 1
            fired.add(spike)
    print(f"{compared} states")
    assert compared == 2 * 32 * 5 * 56 and fired == {0, 1, 2, 3}


def test_every_state_of_a_potential_each():
    """All potentials and inputs of a narrow format, in which sums saturate."""
    model, compared, limited = MultiLevel(4, 2, 2), 0, 0
    parameters = {"threshold0": 2, "threshold1": 5, "decay": 3}
    for x, *before in itertools.product(range(-8, 8), repeat=3):
        left = model.step(Inputs(x, {"v0": before[0], "v1": before[1]}, parameters))
        sums = [min(max(v + x, -8), 7) for v in before]
        fired = [v >= level for v, level in zip(sums, (2, 5), strict=True)]
        settled = [0 if spike else v for v, spike in zip(sums, fired, strict=True)]
        assert left.state == {f"v{k}": leaked(v, 3, 2) for k, v in enumerate(settled)}
        saturated = any(v + x != total for v, total in zip(before, sums, strict=True))
        assert (left.integrator, left.spike, left.membrane) == (0, sum(fired), settled[0])
        assert left.saturated == saturated
        compared += 1
        limited += saturated
    print(f"{compared} states, {limited} saturate")
    assert compared == 16**3 and limited


@pytest.mark.parametrize("model", [MultiThreshold, MultiLevel])
def test_thresholds_that_do_not_grow_are_refused(model):
    fields = {name: np.full(3, field.default or 0.0) for name, field in model.FIELDS.items()}
    message = f"{model.kind}: v_thresholds must grow from one to the next, not [1.0, 1.0]"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        model.fitted(fields | {"v_thresholds": np.ones(2)}, np.ones(3), Formats(8, 4))
    parameters = {"threshold0": np.array(3), "threshold1": np.array([4, 3])}
    assert model(8, 4, 2).problem(parameters) == "Thresholds must grow from one to the next"


REFUSED = [
    (MultiThreshold, {"v_reset": np.array([0.0, 1.5]), "soft_reset": np.zeros(2)},
     "MT needs v_reset at or below the lowest of v_thresholds, not 1.5 above 1"),
    (MultiThreshold, {"soft_reset": np.array([0.0, 1.0])},
     "MT needs soft_reset 0 or 1, alike for all neurons, not 0..1"),
    (MultiLevel, {"decay": np.full(2, 0.99)},
     "MLF needs a leak that is left after rounding: decay of 0.99 is 1 with 4 fraction bits, set more"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "values", "message"), REFUSED)
def test_what_no_such_neuron_has_is_refused(model, values, message):
    fields = {"decay": np.full(2, 0.5), "v_thresholds": np.array([1.0, 2.0])} | values
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        model.fitted(filled(model, fields), np.ones(2), Formats(8, 4))


@pytest.mark.parametrize("draw", [draw_one_potential, draw_potential_each])
def test_interpreters(draw):
    check_interpreters(draw, 5)


@pytest.mark.parametrize("draw", [draw_one_potential, draw_potential_each])
def test_rtl(draw):
    check_rtl(draw, 6)
