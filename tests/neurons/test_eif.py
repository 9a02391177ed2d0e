"""EIF and its table: in every interpreter, against exact arithmetic, SpikingJelly's EIFNode, and its rheobase."""

from fractions import Fraction
from math import exp

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.neuron import EIFNode

from ranvier.golden.neurons.eif import Eif, Upswing
from ranvier.golden.neurons.exponential import Exponential
from ranvier.golden.neurons.neuron import Formats, parameter_error

from .bench import check_interpreters, check_rtl
from .exact import nearest
from .firing import check_every_state, check_exact, check_framework, fitted, limited, spike_steps


def drawn_upswing(rng: np.random.Generator) -> Upswing:
    width, guard = int(rng.integers(4, 18)), int(rng.integers(0, 5))
    reach = 2.0 ** (width - 1)
    height, slope = float(rng.uniform(0.1, reach)), float(rng.uniform(0.02, 0.3) * reach)
    onset, top = float(rng.uniform(-0.8, 0.8) * reach), int(rng.uniform(0, 1) * reach)
    table = Exponential.fitted(width, guard, height, slope, onset, top)
    bits = int(rng.integers(1, 10))
    return Upswing(table, bits, int(rng.integers(max(guard, bits), 14)))


def draw(rng: np.random.Generator) -> Eif:
    return Eif(drawn_upswing(rng), bias_width=int(rng.integers(1, 9)))


def entry(table: Exponential, number: int) -> int:
    exponent = (table.low + number * 2**table.cell - table.onset) / table.slope
    value = table.height * 2**table.guard_bits * exp(min(exponent, 300))
    return min(round(value), 2 ** (table.state_width + table.guard_bits))


def swung(upswing: Upswing, v: int, case: dict) -> Fraction:
    """The potential a step later, in its units."""
    table = upswing.table
    guard, cell = 2**table.guard_bits, 2**table.cell
    place = min(max(v - table.low, 0), table.cells * cell)
    first = place // cell
    lift = entry(table, first + 1) - entry(table, first) if first < table.cells else 0
    lift = entry(table, first) + nearest(Fraction(lift * (place - first * cell), cell))
    leak = nearest(Fraction(v * case["leak"] * guard, 2**upswing.leak_shift))
    return v + Fraction(lift - leak + case["offset"], guard)


def oracle(model: Eif, integrated: int, case: dict) -> dict:
    spike = integrated >= case["threshold"]
    settled = case["reset_value"] if spike else integrated
    renewed, over = limited(nearest(swung(model.upswing, settled, case)), model.state_width)
    return {"integrator": renewed, "spike": spike, "membrane": settled, "saturated": over}


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)


def test_fractions():
    check_exact(draw, oracle, 3)


@pytest.mark.parametrize("leak", [0, 2, 7])
def test_every_state(leak):
    model = Eif(Upswing(Exponential.fitted(10, 2, 3.0, 40.0, 60.0, 200), 3, 4))
    parameters = {"threshold": 180, "reset_value": -50, "leak": leak, "offset": -21, "bias": 0}
    check_every_state(model, parameters, oracle)


def test_the_table_is_within_two_thousandths():
    """Between its entries, up to where they are limited; a cell is an eighth of the slope, or less."""
    table = Exponential.fitted(16, 3, 3.0, 256.0, -6400.0, 0)
    potentials = np.arange(-6400, 0)
    exact = 8 * 3.0 * np.exp((potentials + 6400) / 256)
    some = exact < table.limit / 2
    error = np.abs(table.apply(potentials) / exact - 1)[some]
    print(f"{some.sum()} potentials, at most {error.max():.5f}")
    assert some.sum() > 2000
    assert (np.abs(table.apply(potentials) - exact) <= 0.002 * exact + 1)[some].all()


@pytest.mark.parametrize("seed", range(5))
def test_spikingjelly(seed):
    rng = np.random.default_rng(seed)
    tau, sharpness, onset, rest = rng.uniform(2, 5), rng.uniform(0.3, 2), rng.uniform(0.3, 0.9), rng.uniform(-1, -0.2)
    node = EIFNode(tau, sharpness, onset, 1.0, rest, -1.2)
    node.v = torch.full((20,), -0.4, dtype=torch.float64)
    values = {
        "dt": 1, "tau": tau, "delta_T": sharpness, "theta_rh": onset, "v_rest": rest, "v_threshold": 1, "v_reset": -1.2,
        "v_initial": -0.4,
    }  # fmt: skip
    model, parameters = fitted(Eif, values, 1, Formats(16, 8))
    start = -0.4 + (rest + 0.4 + sharpness * exp((-0.4 - onset) / sharpness)) / tau
    assert model.initial_real() == pytest.approx({"integrator": start}, abs=1e-12)
    check_framework(node, model, parameters, rng.normal(1, 3, (300, 20)), {"integrator": start}, 1 / tau)


def driven(units: int) -> np.ndarray:
    """Spike times in ms, of so many units of 2**-9 in each step of 0.125 ms: a current of ``units / 2**9 * 160``."""
    values = {**Eif.EXAMPLE, "dt": 0.125}
    return 0.125 * spike_steps(Eif, values, np.full(8000, units / 2**9), width=18, fraction=9, bits=10)


def test_it_spikes_above_its_rheobase():
    """``theta_rh - v_rest - delta_T`` = 18 mV (Fourcaud-Trocme et al. 2003); a unit is 0.3125 mV."""
    assert not driven(57).size and driven(59).size >= 3


@pytest.mark.parametrize("units", [70, 100, 200])
def test_it_spikes_with_the_period_of_the_equation(units):
    """From reset to threshold, an integral summed up here."""
    current = units / 2**9 * 160
    v = np.linspace(-58, -40, 20001)
    slope = (-70 - v + 2 * np.exp((v + 50) / 2) + current) / 20
    period = np.sum(np.diff(v) / ((slope[1:] + slope[:-1]) / 2))
    measured = np.diff(driven(units))
    print(f"{current:.2f} mV: period {period:.2f} ms, measured {measured.mean():.2f}")
    assert len(measured) > 5 and abs(measured.mean() - period) < 0.02 * period + 0.125


@pytest.mark.parametrize(
    "low, cell, cells, text",
    [
        (
            -20,
            2,
            20,
            "A table of potentials -20..60 does not cover -128..-21: at -20 the exponential is 3.25, not yet 0",
        ),
        (-128, 0, 0, "A table must have 1 to 1024 cells, not 0: a lower scale needs fewer"),
        (-128, 0, 1025, "A table must have 1 to 1024 cells, not 1025: a lower scale needs fewer"),
    ],
)
def test_tables_that_do_not_cover_the_state_are_refused(low, cell, cells, text):
    """8 * exp(-36 / 40) is 3.253."""
    with pytest.raises(ValueError) as error:
        Exponential(8, 2, 8.0, 40.0, 16.0, low, cell, cells)
    assert str(error.value) == text


def test_thresholds_beyond_the_table_are_refused():
    """Beyond 124, unless the last entry takes all potentials up: 2 * exp(4) is less than 256, 2 * exp(12.4) is more."""
    for slope, highest in ((31.0, 124), (10.0, 127)):
        model = Eif(Upswing(Exponential(8, 2, 2.0, slope, 0.0, -128, 2, 63), 4, 6))
        parameters = dict.fromkeys(model.parameter_shapes(), np.array(0)) | {"reset_value": np.array(-1)}
        assert parameter_error(model, parameters | {"threshold": np.array(highest)}, 1) is None
        if highest < 127:
            text = "Parameter threshold must lie in -128..124 (8 bits), not 125..125"
            assert parameter_error(model, parameters | {"threshold": np.array(125)}, 1) == text


@pytest.mark.parametrize(
    "change, text",
    [
        ({"tau": 0}, "EIF needs a finite tau in 0.001..1e+06, not 0"),
        ({"delta_T": 0}, "EIF needs a finite delta_T in 0.001..1e+06, not 0"),
        ({"v_reset": -39}, "EIF needs v_reset at or below v_threshold, not -39 above -40"),
    ],
)
def test_refused(change, text):
    with pytest.raises(ValueError) as error:
        fitted(Eif, {**Eif.EXAMPLE, **change}, 128, Formats(16, 8))
    assert str(error.value) == text


def test_neurons_with_different_exponentials_are_refused():
    values = {name: np.full(2, float(value)) for name, value in Eif.EXAMPLE.items()}
    with pytest.raises(ValueError) as error:
        Eif.fitted(values | {"delta_T": np.array([2.0, 2.5])}, np.full(2, 128.0), Formats(16, 8))
    assert str(error.value) == (
        "EIF needs the height of the exponential alike for all neurons of a core, not 12.8..16 units"
    )


def test_guard_bits_beyond_the_leak_are_refused():
    with pytest.raises(ValueError) as error:
        Upswing(Exponential(8, 4, 8.0, 10.0, 16.0, -128, 2, 63), 4, 3)
    assert str(error.value) == "Guard bits must be 0..3, the leak's, not 4"
