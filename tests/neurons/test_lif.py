"""The LIF family with all its options: lanes, interpreters, refusals; and refractory periods and sums of shifts against
the oracle in fractions. (``tests/golden`` has the rest of it, and the frameworks.)"""

from itertools import product

import numpy as np
import pytest
import torch
from norse.torch.functional.lif import LIFFeedForwardState, LIFParameters
from norse.torch.functional.lif_refrac import (
    LIFRefracFeedForwardState,
    LIFRefracParameters,
    lif_refrac_feed_forward_step,
)

from ranvier.golden.neurons.leak import Keep, Multiply, Shift, Shifts
from ranvier.golden.neurons.lif import Current, Lif
from ranvier.golden.neurons.neuron import range_of

from ..golden.oracle import State, step
from .bench import check_interpreters, check_rtl, drawn, stepped
from .exact import DRIVES
from .floats import alike, run_model

RESETS = list(product(["hard", "soft", "none"], ["same_step", "next_step"], ["greater", "greater_equal"]))
SECTORS = {  # kinds of circuits: with a current or not, and what differs most
    "plain": {"current": [False]},
    "current": {"current": [True]},
    "resting": {"current": [False, True], "refractory": [1, 2, 5, 8]},
    "readout": {"current": [False, True], "spiking": [False]},
}


LEAKS = (Keep, Shift, Shifts, Multiply)


def any_decay(rng: np.random.Generator, kind: type) -> Keep | Shift | Shifts | Multiply:
    if kind is Shifts:
        return Shifts(tuple(sorted(int(n) for n in rng.choice(np.arange(1, 9), rng.integers(2, 4), replace=False))))
    return Keep() if kind is Keep else kind(int(rng.integers(kind is Multiply, 9)))


def draw(rng: np.random.Generator, sector: str, leak: int | None = None) -> Lif:
    """A model of a sector, all else at random."""
    first, second = (LEAKS[rng.integers(4) if leak is None else leak], LEAKS[rng.integers(4)])
    options = {name: values[rng.integers(len(values))] for name, values in SECTORS[sector].items()}
    reset, timing, comparison = RESETS[rng.integers(len(RESETS))]
    if "refractory" in options:
        reset, timing = "hard", "same_step"
    current = None
    if options.pop("current"):
        current = Current(int(rng.integers(3, 14)), any_decay(rng, second), ("same_step", "next_step")[rng.integers(2)])
    return Lif(
        int(rng.integers(3, 14)),
        any_decay(rng, first),
        current,
        reset=reset,
        reset_timing=timing,
        comparison=comparison,
        bias_width=int(rng.integers(1, 8)),
        **options,
    )


@pytest.mark.parametrize("sector", SECTORS)
def test_interpreters(sector):
    check_interpreters(lambda rng: draw(rng, sector), 11)


def test_rtl():
    """Each kind of circuit with two leaks, each leak in two of them."""
    order = iter([(sector, (k + more) % len(LEAKS)) for more in (0, 1) for k, sector in enumerate(SECTORS)])
    check_rtl(lambda rng: draw(rng, *next(order)), 12, lanes=2 * len(SECTORS))
    assert next(order, None) is None


@pytest.mark.parametrize("seed", range(8))
def test_sequences(seed):
    """What golden computes step by step equals the oracle, whose leak opens a step and whose state is another."""
    rng = np.random.default_rng(seed)
    count, steps, updates, fired, rested = 40, 30, 0, 0, 0
    for _ in range(4):
        model = draw(rng, ("resting", "plain", "current", "readout")[seed % 4])
        values = {name: drawn(rng, *ends, count) for name, ends in model.ranges().items()}
        if "threshold" in values:  # low enough that it is reached
            values["threshold"] = values["threshold"] // 4
        settings = [{name: int(array[k]) for name, array in values.items()} for k in range(count)]
        states = [State()] * count
        values |= {"noise": np.zeros(count, np.int64), "total": np.zeros(count, np.int64)}
        values |= {name: np.zeros(count, np.int64) for name in model.states()}
        for _ in range(steps):
            drives = np.where(rng.random(count) < 0.7, rng.integers(-9, 10, count), rng.integers(*DRIVES, count))
            values["total"] = values["total"] + drives
            left = stepped(model, values)
            seen = [step(model, *each) for each in zip(settings, states, drives.tolist(), strict=True)]
            for name in ("spike", "membrane", "saturated"):
                found = np.broadcast_to(left[name], count).astype(np.int64)
                np.testing.assert_array_equal(found, [int(getattr(each, name)) for each in seen], f"{name} of {model}")
            rested += sum(state.rests > 0 for state in states)
            states = [each.state for each in seen]
            values |= {"total": left["integrator"]} | {name: left[f"next_{name}"] for name in model.states()}
            updates, fired = updates + count, fired + sum(each.spike for each in seen)
    print(f"seed {seed}: {updates} updates, {fired} spikes, {rested} at rest")
    assert updates and (fired or not model.spiking) and bool(rested) == bool(model.refractory)


@pytest.mark.parametrize("refractory", [0, 1, 2])
def test_every_drive_while_resting(refractory):
    """Of each step's results every sum, and every count of steps that are left."""
    model = Lif(4, Shifts((1, 2)), refractory=refractory)
    low, high = range_of((4, True))
    updates = 0
    for threshold, reset, rests in product(range(low, high + 1), range(low, high + 1), range(refractory + 1)):
        total = np.arange(low, high + 1)
        zero = np.zeros_like(total)
        values = {"total": total, "bias": zero, "noise": zero, "threshold": zero + threshold, "resting": zero + rests}
        left = stepped(model, values | {"reset_value": zero + reset})
        for k, drive in enumerate(total.tolist()):
            parameters = {"threshold": threshold, "reset_value": reset, "bias": 0}
            seen = step(model, parameters, State(rests=rests), drive)
            found = [int(left[name][k]) for name in ("spike", "membrane", "saturated")]
            assert found == [seen.spike, seen.membrane, seen.saturated]
            assert not refractory or left["next_resting"][k] == seen.state.rests
            updates += 1
    assert updates == 16**3 * (refractory + 1)


@pytest.mark.parametrize("period", [1, 3])
def test_norse_refractory(period):
    """Its membrane takes dt / tau of the current, which lasts a step."""
    rng, dt, leak, threshold, v_reset = np.random.default_rng(13), 0.001, 0.1, 0.4, -0.2
    drives = rng.normal(4, 6, (60, 50))
    settings = LIFParameters(
        tau_syn_inv=torch.tensor(1 / dt, dtype=torch.float64),
        tau_mem_inv=torch.tensor(leak / dt, dtype=torch.float64),
        v_th=torch.tensor(threshold, dtype=torch.float64),
        v_reset=torch.tensor(v_reset, dtype=torch.float64),
    )
    settings = LIFRefracParameters(settings, rho_reset=torch.tensor(float(period), dtype=torch.float64))
    zero = torch.zeros(50, dtype=torch.float64)
    state, found = LIFRefracFeedForwardState(LIFFeedForwardState(v=zero, i=zero), zero), []
    for drive in torch.from_numpy(drives):
        fired, state = lif_refrac_feed_forward_step(drive, state, settings, dt)
        found.append((fired.numpy(), state.lif.v.numpy()))
    model = Lif(16, Multiply(8), comparison="greater", refractory=period)
    values = {"threshold": threshold, "reset_value": v_reset, "membrane_factor": 256 * (1 - leak)}
    theirs = np.array([each for each, _ in found]), np.array([each for _, each in found])
    fired = alike(run_model(model, values, leak * drives), theirs)
    print(f"seed 13: {fired} spikes in {drives.size} steps")
    resting = np.diff(np.flatnonzero(theirs[0][:, 0]))
    assert resting.min() == period + 1


@pytest.mark.parametrize("amounts", [(), (0,), (-1, 2), (2, 2), (3, 1)])
def test_shifts_refused(amounts):
    with pytest.raises(ValueError) as refusal:
        Shifts(amounts)
    assert str(refusal.value) == f"Amounts of a leak by shifts must be 1 or more and grow, not {list(amounts)}"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"refractory": -1}, "-1 with hard in the same step"),
        ({"refractory": 2, "reset": "soft"}, "2 with soft in the same step"),
        ({"refractory": 1, "reset": "none"}, "1 with none in the same step"),
        ({"refractory": 3, "reset_timing": "next_step"}, "3 with hard in the next step"),
        ({"refractory": 3, "spiking": False}, "3 with hard in the same step"),
    ],
)
def test_refractory_refused(options, text):
    with pytest.raises(ValueError) as refusal:
        Lif(8, Keep(), **options)
    expected = f"A refractory period must be 0 or more steps after a hard reset in the same step, not {text}"
    assert str(refusal.value) == expected
