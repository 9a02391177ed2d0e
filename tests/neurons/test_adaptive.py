"""LSNN and ASN against the papers' equations in float64 and in fractions, and LSNN against Norse."""

from fractions import Fraction
from itertools import cycle
from math import floor

import numpy as np
import pytest
import torch
from norse.torch.functional.lsnn import LSNNFeedForwardState, LSNNParameters, lsnn_feed_forward_step

from ranvier.golden.neurons.adaptive import Asn, Lsnn
from ranvier.golden.neurons.neuron import Inputs
from ranvier.golden.neurons.record import described, restored

from .bench import check_interpreters, check_rtl
from .exact import check_everything, check_oracle, limited, nearest
from .floats import alike, check_example, fit, run_floats

RESETS = ("passed", "raised", "hard")
STEPS, NEURONS = 80, 60


def draw(rng: np.random.Generator, reset: str) -> Lsnn:
    width, fraction, guard = (int(rng.integers(*ends)) for ends in ((3, 17), (1, 9), (0, 9)))
    return Lsnn(width, fraction, guard, reset, int(rng.integers(1, width)))


def drawing():
    """Models with each reset in turn."""
    resets = cycle(RESETS)
    return lambda rng: draw(rng, next(resets))


def oracle(model: Lsnn, values: dict[str, int]) -> dict[str, int]:
    one, width, unit = 2**model.fraction_bits, model.state_width, 2**model.guard_bits
    total = values["total"] + values["bias"]
    v = limited(total, width)
    passed = values["threshold"] + Fraction(values["rise"], unit)
    spike = v > passed
    risen = nearest(Fraction(values["rise"] * values["rho"], one)) + (values["jump"] if spike else 0)
    rise = min(risen, 2 ** (width - 1) * unit - 1)
    settled = values["reset_value"] if spike and model.reset == "hard" else v
    after = nearest(Fraction(settled * values["decay"], one))
    if spike and model.reset == "passed":
        after -= floor(passed)
    if spike and model.reset == "raised":
        after -= values["threshold"] + floor(Fraction(rise, unit))
    return {
        "integrator": limited(after, width),
        "next_rise": rise,
        "spike": spike,
        "membrane": settled,
        "saturated": v != total or rise != risen or limited(after, width) != after,
    }


def test_interpreters():
    check_interpreters(drawing(), 51)


def test_rtl():
    check_rtl(drawing(), 52)


def test_oracle():
    check_oracle(drawing(), oracle, 53)


@pytest.mark.parametrize("reset", RESETS)
def test_every_state(reset):
    check_everything(Lsnn(3, 1, int(reset != "hard"), reset), oracle)


def by_equations(values: dict, drives: np.ndarray, raised: bool) -> tuple[np.ndarray, np.ndarray]:
    """The papers' recursion: ``a`` first, then threshold, potential and spike."""
    rho, beta, decay = values["rho"], values["beta"], values["decay"]
    a, v, s = (np.zeros(drives.shape[1]) for _ in range(3))
    before, spikes, potentials = np.full(drives.shape[1], values["v_threshold"]), [], []
    for x in drives:
        a = rho * a + (1 - rho) * s
        threshold = values["v_threshold"] + beta * a
        v = decay * v + x - (threshold if raised else before) * s
        s = (v > threshold).astype(float)
        before = threshold
        spikes.append(s)
        potentials.append(v)
    return np.array(spikes), np.array(potentials)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("kind", [Lsnn, Asn])
def test_equations(kind, exact):
    rng = np.random.default_rng(54)
    drives = rng.normal(0.5, 0.6, (STEPS, NEURONS))
    values = {"decay": rng.uniform(0.3, 0.99, NEURONS), "rho": rng.uniform(0.5, 0.99, NEURONS)}
    values |= {"beta": rng.uniform(0, 3, NEURONS), "v_threshold": rng.uniform(0.2, 1, NEURONS)}
    if exact:
        drives = np.rint(4 * drives[:8]) / 4
        values = {name: np.full(NEURONS, 0.5) for name in ("decay", "rho", "beta", "v_threshold")}
        assert np.any(drives[0] == 0.5)
    fired = alike(run_floats(kind, values, drives), by_equations(values, drives, kind is Asn))
    print(f"seed 54: {fired} spikes in {drives.size} steps")


@pytest.mark.parametrize("v_reset", [0.0, -0.3])
def test_norse(v_reset):
    """Its jump is decayed once before it is first compared with; its membrane adds the current of the step before."""
    rng = np.random.default_rng(55)
    dt, leak, fall, beta, threshold = 0.001, 0.1, 0.05, 0.7, 0.4
    drives = rng.normal(4, 6, (STEPS, NEURONS))
    settings = LSNNParameters(
        tau_syn_inv=torch.tensor(1 / dt, dtype=torch.float64),
        tau_mem_inv=torch.tensor(leak / dt, dtype=torch.float64),
        tau_adapt_inv=torch.tensor(fall / dt, dtype=torch.float64),
        v_th=torch.tensor(threshold, dtype=torch.float64),
        v_reset=torch.tensor(v_reset, dtype=torch.float64),
        beta=torch.tensor(beta, dtype=torch.float64),
    )
    zero = torch.zeros(NEURONS, dtype=torch.float64)
    state, found = LSNNFeedForwardState(v=zero, i=zero, b=zero + threshold), []
    for drive in torch.from_numpy(drives):
        fired, state = lsnn_feed_forward_step(drive, state, settings, dt)
        found.append((fired.numpy(), state.v.numpy()))
    values = {"decay": 1 - leak, "rho": 1 - fall, "beta": beta * (1 - fall) / fall, "v_threshold": threshold}
    values |= {"v_reset": v_reset, "hard_reset": 1}
    ours = run_floats(Lsnn, values, np.concatenate([np.zeros((1, NEURONS)), leak * drives[:-1]]))
    fired = alike(ours, (np.array([each for each, _ in found]), np.array([each for _, each in found])))
    print(f"seed 55: {fired} spikes in {drives.size} steps")


@pytest.mark.parametrize("kind", [Lsnn, Asn])
def test_example(kind):
    check_example(kind)
    model, _ = fit(kind, kind.EXAMPLE)
    assert restored(described(model)) == model and type(model) is kind


def test_guard_bits_let_a_slow_rise_fall():
    """Without them a rise of 100 units that keeps 255/256 in a step stays, as its product rounds to the same again."""
    parameters = {"threshold": 0, "decay": 0, "rho": 255, "jump": 0}
    for guard, end in ((0, 100), (8, 0)):
        model, rise = Lsnn(12, 8, guard), 100 << guard
        for _ in range(2000):
            rise = model.step(Inputs(-1, {"rise": rise}, parameters)).state["rise"]
        assert rise >> guard == end


@pytest.mark.parametrize(
    ("kind", "values", "text"),
    [
        (Lsnn, {"rho": 0.5}, "LSNN needs decay, which has no default"),
        (Asn, {"decay": 0.5}, "ASN needs rho, which has no default"),
        (Lsnn, {"decay": 0.5, "rho": 2}, "LSNN needs a finite rho in 0..1, not 2"),
        (Lsnn, {"decay": 0.5, "rho": 0.5, "beta": -1}, "LSNN needs a finite beta in 0..inf, not -1"),
        (
            Asn,
            {"decay": 0.5, "rho": 0.5, "v_reset": 0},
            "ASN has no v_reset: its values are decay, rho, beta, v_threshold",
        ),
        (
            Lsnn,
            {"decay": 0.5, "rho": 0.5, "hard_reset": 1, "v_reset": 1.5},
            "LSNN needs v_reset at or below v_threshold, not 1.5 above 1",
        ),
        (
            Lsnn,
            {"decay": 0.5, "rho": 0.5, "hard_reset": [0, 1]},
            "LSNN needs hard_reset 0 or 1, alike for all neurons, not 0..1",
        ),
        (
            Asn,
            {"decay": 0.5, "rho": 0.9986},
            "ASN needs a leak that is left after rounding: rho of 0.9986 is 1 with 8 fraction bits, set more",
        ),
    ],
)
def test_refusals(kind, values, text):
    with pytest.raises(ValueError) as refusal:
        fit(kind, values)
    assert str(refusal.value) == text
