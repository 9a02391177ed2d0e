"""AdEx: in every interpreter, against exact arithmetic, its equations in float64, and its published patterns.

The patterns and their parameters are those of table 1 of Naud et al. 2008.
"""

from fractions import Fraction

import numpy as np
import pytest

from ranvier.golden.neurons.adex import AdEx
from ranvier.golden.neurons.eif import Upswing
from ranvier.golden.neurons.exponential import Exponential
from ranvier.golden.neurons.neuron import Formats
from ranvier.golden.neurons.recovery import Recovery

from .bench import check_interpreters, check_rtl
from .exact import nearest
from .firing import check_every_state, check_exact, fitted, in_floats, limited, spike_steps
from .test_eif import drawn_upswing, swung
from .test_izhikevich import bursts, drawn_recovery, recovered, regular

DT = 0.125


def draw(rng: np.random.Generator) -> AdEx:
    return AdEx(drawn_upswing(rng), drawn_recovery(rng), bias_width=int(rng.integers(1, 9)))


def oracle(model: AdEx, integrated: int, case: dict) -> dict:
    spike = integrated >= case["threshold"]
    settled = case["reset_value"] if spike else integrated
    w, taken, far = recovered(model.recovery, min(integrated, case["threshold"]), spike, case)
    total = swung(model.upswing, settled, case) - Fraction(taken, 2**model.upswing.table.guard_bits)
    renewed, over = limited(nearest(total), model.state_width)
    left = {"integrator": renewed, "next_recovery": w, "spike": spike, "membrane": settled}
    return left | {"saturated": far or over}


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)


def test_fractions():
    check_exact(draw, oracle, 3)


@pytest.mark.parametrize("rate, coupling", [(3, 5), (-7, -6)])
def test_every_state(rate, coupling):
    table = Exponential.fitted(7, 2, 3.0, 9.0, 10.0, 50)
    model = AdEx(Upswing(table, 3, 4), Recovery(7, 1, 3, 5, 1))
    parameters = {"threshold": 40, "reset_value": -12, "leak": 5, "offset": -13, "bias": 0}
    check_every_state(model, parameters | {"rate": rate, "coupling": coupling, "jump": 9}, oracle)


def euler(cell: tuple, drive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and potentials in float64, from the published equations, the potential at its peak of 0 mV cut off."""
    capacitance, leak, rest, onset, sharpness, a, tau_w, b, reset = cell
    v, w, spikes, potentials = float(rest), 0.0, [], []
    for current in drive:
        upswing = leak * sharpness * np.exp((v - onset) / sharpness)
        v += DT / capacitance * (leak * (rest - v) + upswing - w + current)
        w += DT / tau_w * (a * (min(v, 0) - rest) - w)
        spikes.append(v >= 0)
        if v >= 0:
            v, w = reset, w + b
        potentials.append(v)
    return np.array(spikes), np.array(potentials)


def fields(cell: tuple) -> dict[str, float]:
    capacitance, leak, rest, onset, sharpness, a, tau_w, b, reset = cell
    return {
        "dt": DT, "tau": capacitance / leak, "v_rest": rest, "delta_T": sharpness, "theta_rh": onset, "v_threshold": 0,
        "v_reset": reset, "v_initial": rest, "tau_w": tau_w, "a": a / leak, "b": b / leak,
    }  # fmt: skip


def settles_into_bursts_of_four(t: np.ndarray) -> bool:
    ends = np.flatnonzero(np.diff(t) >= 20)
    return t[0] > 50 and bursts(t, 20)[-4:-1] == [4] * 3 and regular(np.diff(t[ends][-4:]))


def irregular(t: np.ndarray) -> bool:
    """Behind the onset intervals of many lengths."""
    late = np.diff(t)[8:]
    return late.std() > 0.25 * late.mean() and len(set(np.rint(late / 2))) >= 5


# C pF, g nS, E mV, V_T mV, delta_T mV, a nS, tau_w ms, b pA, V_r mV; I pA; what makes it; how near to float64 (ms)
PATTERNS = {
    "tonic": (
        (200, 10, -70, -50, 2, 2, 30, 0, -58), 500, lambda t: len(t) > 50 and regular(np.diff(t)), 0.25,
    ),
    "adapting": (
        (200, 12, -70, -50, 2, 2, 300, 60, -58), 500,
        lambda t: (np.diff(np.diff(t)[:6]) > 0).all() and np.diff(t)[-1] > 5 * np.diff(t)[0], 0.5,
    ),
    "initial burst": (
        (130, 18, -58, -50, 2, 4, 150, 120, -50), 400,
        lambda t: bursts(t, 20)[0] == 3 and set(bursts(t, 20)[1:]) == {1} and regular(np.diff(t)[4:]), 0.5,
    ),
    "regular bursting": (
        (200, 10, -58, -50, 2, 2, 120, 100, -46), 210,
        lambda t: bursts(t, 20)[0] == 3 and set(bursts(t, 20)[1:]) == {2} and len(bursts(t, 20)) >= 4, 3.0,
    ),
    "delayed accelerating": (
        (200, 12, -70, -50, 2, -10, 300, 0, -58), 300,
        lambda t: t[0] > 30 and (np.diff(np.diff(t)[:12]) < 0).all(), 1.5,
    ),
    "delayed regular bursting": ((100, 10, -65, -50, 2, -10, 90, 30, -47), 110, settles_into_bursts_of_four, None),
    "transient": ((100, 10, -65, -50, 2, 10, 90, 100, -47), 180, lambda t: len(t) == 1 and t[0] < 40, 0.5),
    "irregular": ((100, 12, -60, -50, 2, -11, 130, 30, -48), 160, irregular, None),
}  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_published_patterns(name):
    """The pattern, and where it is not chaotic every spike near that of float64. What is held is what was measured, and
    some steps: the threshold is crossed in another step, and what w differs by then adds up over the spikes."""
    cell, current, holds, near = PATTERNS[name]
    steps = 4800
    expected = DT * np.flatnonzero(euler(cell, np.full(steps, current))[0])
    assert holds(expected)
    drive = np.full(steps, DT / cell[0] * current)
    times = DT * spike_steps(AdEx, fields(cell), drive, width=18, fraction=9, bits=10)
    assert holds(times)
    if near is None:
        print(f"{name}: {len(times)} spikes, in float64 {len(expected)}")
        return
    assert len(times) == len(expected)
    print(f"{name}: {len(times)} spikes, at most {np.abs(times - expected).max()} ms from float64")
    assert np.abs(times - expected).max() <= near


@pytest.mark.parametrize("name", PATTERNS)
def test_floats_are_the_equations(name):
    """``step`` on floats, under noise; potentials compared below -40 mV, as beyond an error doubles in a step."""
    cell, current, *_ = PATTERNS[name]
    drive = 2 * current + np.random.default_rng(7).normal(0, 2 * current, 800)
    expected, potentials = euler(cell, drive)
    model, parameters = fitted(AdEx, fields(cell), 1, Formats(16, 8))
    capacitance, leak, rest, onset, sharpness, a, *_ = cell
    start = rest + DT / capacitance * leak * sharpness * np.exp((rest - onset) / sharpness)
    fine = 2 ** (model.upswing.table.guard_bits + model.recovery.finer)
    states = {"integrator": start, "recovery": DT / capacitance * a * rest * fine}
    assert model.initial_real() == pytest.approx(states, abs=1e-9)
    fired, found = in_floats(model, parameters, (DT / capacitance * drive)[:, None], states)
    print(f"{expected.sum()} spikes of {len(drive)} steps")
    assert expected.sum() >= 2
    np.testing.assert_array_equal(fired[:, 0], expected)
    calm = potentials < -40
    assert calm.sum() > 700
    np.testing.assert_allclose(found[calm, 0], potentials[calm], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "change, text",
    [
        ({"tau_w": 0}, "AdEx needs a finite tau_w in 0.001..1e+06, not 0"),
        ({"v_reset": -30}, "AdEx needs v_reset at or below v_threshold, not -30 above -40"),
    ],
)
def test_refused(change, text):
    with pytest.raises(ValueError) as error:
        fitted(AdEx, {**AdEx.EXAMPLE, **change}, 128, Formats(16, 8))
    assert str(error.value) == text
