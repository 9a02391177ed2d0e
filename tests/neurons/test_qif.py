"""QIF: in every interpreter, against exact arithmetic, SpikingJelly's QIFNode, and the period of its equation."""

from fractions import Fraction
from math import atan, sqrt

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.neuron import QIFNode

from ranvier.golden.neurons.neuron import Formats
from ranvier.golden.neurons.qif import Parabola, Qif

from .bench import check_interpreters, check_rtl
from .exact import nearest
from .firing import check_every_state, check_exact, check_framework, fitted, limited, spike_steps

FORMATS = Formats(state_width=16, fraction_bits=8)


def drawn_parabola(rng: np.random.Generator) -> Parabola:
    fraction, width = int(rng.integers(1, 10)), int(rng.integers(3, 18))
    guard = int(rng.integers(0, min(fraction, 4) + 1))
    return Parabola(width, fraction, guard, int(rng.integers(0, width + 2)))


def draw(rng: np.random.Generator) -> Qif:
    return Qif(drawn_parabola(rng), bias_width=int(rng.integers(1, 9)))


def curve_of(parabola: Parabola, v: int, case: dict) -> tuple[Fraction, bool]:
    """In units of the potential."""
    square = nearest(Fraction((v - case["centre"]) ** 2, 2**parabola.shift))
    square, over = limited(square, parabola.state_width + 2)
    guard = 2**parabola.guard_bits
    lift = nearest(Fraction(square * case["curvature"] * guard, 2**parabola.fraction_bits))
    return Fraction(lift + case["offset"], guard), over


def oracle(model: Qif, integrated: int, case: dict) -> dict:
    spike = integrated >= case["threshold"]
    settled = case["reset_value"] if spike else integrated
    lift, over = curve_of(model.parabola, settled, case)
    renewed, limit = limited(nearest(settled + lift), model.state_width)
    return {"integrator": renewed, "spike": spike, "membrane": settled, "saturated": over or limit}


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)


def test_fractions():
    check_exact(draw, oracle, 3)


@pytest.mark.parametrize("curvature", [0, 3, 7])
@pytest.mark.parametrize("shift", [0, 6])
def test_every_state(curvature, shift):
    parameters = {"threshold": 60, "reset_value": -20, "centre": -9, "curvature": curvature, "offset": -13, "bias": 0}
    check_every_state(Qif(Parabola(8, 3, 2, shift)), parameters, oracle)


@pytest.mark.parametrize("seed", range(5))
def test_spikingjelly(seed):
    rng = np.random.default_rng(seed)
    tau, v_c, a0, rest = rng.uniform(1.5, 5), rng.uniform(0.3, 0.9), rng.uniform(0.2, 2), rng.uniform(-0.3, 0.2)
    node = QIFNode(tau, v_c, a0, 1.0, rest, -0.4)
    node.v = torch.full((20,), -0.4, dtype=torch.float64)
    values = {"dt": 1, "tau": tau, "a0": a0, "v_rest": rest, "v_c": v_c, "v_threshold": 1, "v_reset": -0.4}
    values["v_initial"] = -0.4
    model, parameters = fitted(Qif, values, 1, FORMATS)
    start = -0.4 + a0 * (-0.4 - rest) * (-0.4 - v_c) / tau
    assert model.initial_real() == pytest.approx({"integrator": start}, abs=1e-12)
    check_framework(node, model, parameters, rng.normal(1, 2, (300, 20)), {"integrator": start}, 1 / tau)


def driven(units: int) -> np.ndarray:
    """Spike times in ms, of a drive of so many units of 2**-13 in each step, a current of ``units * 200 / 2**13``."""
    values = {"dt": 0.05, "tau": 10, "v_rest": -1, "v_c": 0.5, "v_threshold": 8, "v_reset": -8, "v_initial": -8}
    return 0.05 * spike_steps(Qif, values, np.full(6000, units / 2**13), width=18, fraction=13, bits=10)


@pytest.mark.parametrize("units", [29, 41, 123])
def test_it_spikes_with_the_period_of_the_equation(units):
    """Above the current at which the parabola leaves the axis, from reset to threshold in an integral that is known."""
    current = units * 200 / 2**13
    rate = sqrt(current - 0.75**2)
    period = 10 / rate * (atan(8.25 / rate) + atan(7.75 / rate))
    measured = np.diff(driven(units))
    print(f"current {current:.3f}: period {period:.2f} ms, measured {measured.mean():.2f}")
    assert len(measured) > 1 and abs(measured.mean() / period - 1) < 0.02


def test_it_is_silent_below_that_current():
    assert not driven(22).size  # 0.537 of 0.75**2


@pytest.mark.parametrize(
    "change, text",
    [
        ({"tau": 0}, "QIF needs a finite tau in 0.001..1e+06, not 0"),
        ({"dt": 0}, "QIF needs a finite dt in 0.001..1000, not 0"),
        ({"a0": -1}, "QIF needs a finite a0 in 1e-06..1e+06, not -1"),
        ({"v_rest": np.nan}, "QIF needs a finite v_rest in -1e+06..1e+06, not nan"),
        ({"v_reset": 2}, "QIF needs v_reset at or below v_threshold, not 2 above 1"),
        ({"v_initial": 600}, "The initial potential must lie in -32768..32767 (16 bits), not at 11543040"),
    ],
)
def test_refused(change, text):
    with pytest.raises(ValueError) as error:
        fitted(Qif, {**Qif.EXAMPLE, **change}, 64, FORMATS)
    assert str(error.value) == text


def test_neurons_that_start_differently_are_refused():
    values = {name: np.full(2, value) for name, value in {**Qif.EXAMPLE, "a0": 1.0, "v_initial": 0.0}.items()}
    values["v_initial"] = np.array([0.0, 0.5])
    with pytest.raises(ValueError) as error:
        Qif.fitted(values, np.full(2, 64.0), FORMATS)
    assert str(error.value) == ("QIF needs the initial potential alike for all neurons of a core, not 0..27.2 units")


def test_a_reset_above_the_threshold_is_a_problem():
    parameters = {"reset_value": np.array([7, 8]), "threshold": np.array(7)}
    text = "Parameter reset_value must lie at or below the threshold 7, not at 8"
    assert draw(np.random.default_rng(1)).problem(parameters) == text


def test_guard_bits_beyond_the_fraction_are_refused():
    with pytest.raises(ValueError) as error:
        Parabola(8, 3, 4, 0)
    assert str(error.value) == "Guard bits must be 0..3, the fraction's, not 4"
