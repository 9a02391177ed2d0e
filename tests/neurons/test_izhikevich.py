"""Izhikevich: in every interpreter, against exact arithmetic, SpikingJelly's IzhikevichNode, and published patterns.

The patterns, with their currents, are those of figure 1 of Izhikevich 2004, and the cells of figure 2 of 2003.
"""

from fractions import Fraction

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.neuron import IzhikevichNode

from ranvier.golden.neurons.izhikevich import Izhikevich
from ranvier.golden.neurons.neuron import Formats
from ranvier.golden.neurons.qif import Parabola
from ranvier.golden.neurons.recovery import Recovery

from .bench import check_interpreters, check_rtl
from .exact import nearest
from .firing import check_every_state, check_exact, check_framework, fitted, limited, spike_steps
from .test_qif import curve_of, drawn_parabola

DT = 0.25


def drawn_recovery(rng: np.random.Generator) -> Recovery:
    width, finer, bits = (int(rng.integers(*ends)) for ends in ((3, 20), (0, 6), (1, 10)))
    return Recovery(width, finer, bits, int(rng.integers(bits, 16)), int(rng.integers(0, 12)))


def draw(rng: np.random.Generator) -> Izhikevich:
    return Izhikevich(drawn_parabola(rng), drawn_recovery(rng), bias_width=int(rng.integers(1, 9)))


def recovered(recovery: Recovery, v: int, spike: bool, case: dict) -> tuple[int, int, bool]:
    """The next one, what it takes from the potential in guard bits, and whether it was limited."""
    u = case["recovery"]
    distance, far = limited(nearest(Fraction(v * case["coupling"], 2**recovery.coupling_shift)) - u, recovery.width)
    change = nearest(Fraction(distance * case["rate"], 2**recovery.rate_shift))
    u, over = limited(u + change + (case["jump"] if spike else 0), recovery.width)
    return u, nearest(Fraction(u, 2**recovery.finer)), far or over


def oracle(model: Izhikevich, integrated: int, case: dict) -> dict:
    spike = integrated >= case["threshold"]
    settled = case["reset_value"] if spike else integrated
    u, taken, far = recovered(model.recovery, integrated, spike, case)
    lift, over = curve_of(model.parabola, settled, case)
    renewed, limit = limited(nearest(settled + lift - Fraction(taken, 2**model.parabola.guard_bits)), model.state_width)
    left = {"integrator": renewed, "next_recovery": u, "spike": spike, "membrane": settled}
    return left | {"saturated": far or over or limit}


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)


def test_fractions():
    check_exact(draw, oracle, 3)


@pytest.mark.parametrize("rate, coupling", [(3, 5), (-7, -6), (0, 7)])
def test_every_state(rate, coupling):
    model = Izhikevich(Parabola(6, 3, 2, 3), Recovery(7, 1, 3, 5, 1))
    parameters = {"threshold": 20, "reset_value": -12, "centre": -9, "curvature": 5, "offset": -13, "bias": 0}
    check_every_state(model, parameters | {"rate": rate, "coupling": coupling, "jump": 9}, oracle)


@pytest.mark.parametrize("seed", range(5))
def test_spikingjelly(seed):
    """Its recovery variable is tau times ours, less that of its rest."""
    rng = np.random.default_rng(seed)
    tau, v_c, a0, rest = rng.uniform(1.5, 4), rng.uniform(0.3, 0.9), rng.uniform(0.2, 2), rng.uniform(-0.3, 0.2)
    tau_w, a, b = rng.uniform(2, 20), rng.uniform(-1, 1), rng.uniform(0, 0.5)
    node = IzhikevichNode(tau, v_c, a0, 1.0, -0.4, rest, 0.0, tau_w, a, b)
    node.v, node.w = (torch.full((20,), each, dtype=torch.float64) for each in (-0.4, 0.0))
    square, linear = a0 / tau, -a0 * (rest + v_c) / tau
    values = {
        "dt": 1, "a": 1 / tau_w, "b": a / tau, "c": -0.4, "d": b / tau, "square": square, "linear": linear,
        "constant": (a0 * rest * v_c + a * rest) / tau, "v_threshold": 1, "v_initial": -0.4,
    }  # fmt: skip
    model, parameters = fitted(Izhikevich, values, 1, Formats(16, 8))
    states = {"integrator": -0.4 + a0 * (-0.4 - rest) * (-0.4 - v_c) / tau}
    fine = 2 ** (model.parabola.guard_bits + model.recovery.finer)
    states["recovery"] = a * rest / tau * fine
    check_framework(node, model, parameters, rng.normal(1, 2, (300, 20)), states, 1 / tau)


def euler(a, b, c, d, v, current, linear=5.0, constant=140.0):
    """Spike times in ms, in float64, from the published equations."""
    u, times = b * v, []
    for step, now in enumerate(current):
        v = v + DT * (0.04 * v**2 + linear * v + constant - u + now)
        u = u + DT * a * (b * v - u)
        if v >= 30:
            times.append(step * DT)
            v, u = c, u + d
    return np.array(times)


def onset(time: float, level: float, end: float) -> np.ndarray:
    """A current of ``level`` from ``time`` to ``end``, in ms."""
    return np.where(np.arange(0, end, DT) > time, level, 0.0)


def ramp(slope: float, base: float, end: float) -> np.ndarray:
    return base + slope * np.maximum(np.arange(0, end, DT) - 30, 0)


def pulse(first: float, last: float, level: float, end: float) -> np.ndarray:
    time = np.arange(0, end, DT)
    return np.where((time > first) & (time <= last), level, 0.0)


def bursts(times: np.ndarray, gap: float) -> list[int]:
    """How many spikes each burst has: spikes less than ``gap`` ms apart."""
    ends = np.flatnonzero(np.diff(times) >= gap) + 1
    return [len(each) for each in np.split(times, ends)]


def regular(intervals: np.ndarray) -> bool:
    return len(intervals) >= 2 and intervals.max() < 1.1 * intervals.min()


def between(times: np.ndarray) -> np.ndarray:
    return np.diff(times)


PATTERNS = {
    "tonic spiking": (
        (0.02, 0.2, -65, 6, -70), onset(10, 14, 200), lambda t: regular(between(t)[2:]) and len(t) >= 6,
    ),
    "phasic spiking": ((0.02, 0.25, -65, 6, -64), onset(20, 0.5, 200), lambda t: len(t) == 1 and t[0] > 20),
    "tonic bursting": (
        (0.02, 0.2, -50, 2, -70), onset(22, 15, 220), lambda t: len(b := bursts(t, 15)) >= 3 and min(b[:-1]) >= 3,
    ),
    "phasic bursting": (
        (0.02, 0.25, -55, 0.05, -64), onset(20, 0.6, 200), lambda t: len(bursts(t, 15)) == 1 and len(t) >= 3,
    ),
    "mixed mode": (
        (0.02, 0.2, -55, 4, -70), onset(16, 10, 240), lambda t: bursts(t, 15)[0] == 3 and regular(between(t)[3:]),
    ),
    "spike frequency adaptation": (
        (0.01, 0.2, -65, 8, -70), onset(8.5, 30, 300),
        lambda t: (np.diff(between(t)[:5]) > 0).all() and between(t)[-1] > 5 * between(t)[0],
    ),
    "class 1 excitability": (
        (0.02, -0.1, -55, 6, -60, 4.1, 108), ramp(0.075, 0, 300),
        lambda t: len(t) >= 6 and between(t)[0] > 2.5 * between(t)[-1] and between(t)[0] > 35,
    ),
    "class 2 excitability": (
        (0.2, 0.26, -65, 0, -64), ramp(0.015, -0.5, 300),
        lambda t: len(t) >= 6 and between(t).max() < 25,
    ),
    "rebound spike": ((0.03, 0.25, -60, 4, -64), pulse(20, 25, -15, 200), lambda t: len(t) == 1 and t[0] > 25),
    "rebound burst": (
        (0.03, 0.25, -52, 0, -64), pulse(20, 25, -15, 200),
        lambda t: len(t) >= 3 and t[0] > 25 and len(bursts(t, 15)) == 1,
    ),
    "regular spiking": (
        (0.02, 0.2, -65, 8, -65), onset(10, 10, 300),
        lambda t: between(t)[0] < 0.6 * between(t)[1] and regular(between(t)[1:]),
    ),
    "intrinsically bursting": (
        (0.02, 0.2, -55, 4, -65), onset(10, 10, 200), lambda t: bursts(t, 15)[0] == 3 and set(bursts(t, 15)[1:]) == {1},
    ),
    "chattering": (
        (0.02, 0.2, -50, 2, -65), onset(10, 10, 200), lambda t: len(b := bursts(t, 15)) >= 4 and min(b[:-1]) >= 3,
    ),
    "fast spiking": ((0.1, 0.2, -65, 2, -65), onset(10, 10, 100), lambda t: len(t) >= 9 and between(t).max() < 12),
    "low-threshold spiking": (
        (0.02, 0.25, -65, 2, -65), onset(10, 10, 200),
        lambda t: between(t)[-1] > 3 * between(t)[0] and regular(between(t)[6:]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("width, fraction, bits", [(16, 7, 8), (18, 9, 10)])
@pytest.mark.parametrize("name", PATTERNS)
def test_published_patterns(name, width, fraction, bits):
    """The pattern, and every spike within 1.5 ms of float64: what an error of less than a unit a step moves a crossing
    by adds up from spike to spike (measured: 1.5 with 16 bits, 1.25 with 18)."""
    (a, b, c, d, v, *shape), current, holds = PATTERNS[name]
    expected = euler(a, b, c, d, v, current, *shape)
    assert holds(expected)
    values = {"dt": DT, "a": a, "b": b, "c": c, "d": d, "v_initial": v}
    values |= dict(zip(("linear", "constant"), shape, strict=False))
    times = DT * spike_steps(Izhikevich, values, DT * current, width=width, fraction=fraction, bits=bits)
    assert len(times) == len(expected) and holds(times)
    print(f"{name}, {width} bits: {len(times)} spikes, at most {np.abs(times - expected).max()} ms from float64")
    assert np.abs(times - expected).max() <= 1.5


@pytest.mark.parametrize(
    "change, text",
    [
        ({"dt": 0}, "Izhikevich needs a finite dt in 0.001..1000, not 0"),
        ({"square": 0}, "Izhikevich needs a finite square in 1e-06..1e+06, not 0"),
        ({"c": 40}, "Izhikevich needs c at or below v_threshold, not 40 above 30"),
        ({"b": 20}, "The initial recovery must lie in -131072..131071 (18 bits), not at -1331200"),
    ],
)
def test_refused(change, text):
    with pytest.raises(ValueError) as error:
        fitted(Izhikevich, {**Izhikevich.EXAMPLE, **change}, 128, Formats(16, 8))
    assert str(error.value) == text
