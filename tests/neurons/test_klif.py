"""KLIF against SpikingJelly's KLIFNode and exact arithmetic, and in every interpreter."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.neuron import KLIFNode

from ranvier.golden.neurons.klif import Klif

from .bench import check_interpreters, check_rtl
from .exact import check_everything, check_oracle, limited, nearest
from .floats import alike, check_example, fit, run_floats

STEPS, NEURONS = 40, 60


def draw(rng: np.random.Generator) -> Klif:
    fraction = int(rng.integers(1, 9))
    width = int(rng.integers(3, 18))
    return Klif(width, fraction, int(rng.integers(1, fraction + 4)), bool(rng.integers(2)), int(rng.integers(1, width)))


def oracle(model: Klif, values: dict[str, int]) -> dict[str, int]:
    one, width = 2**model.fraction_bits, model.state_width
    total = values["total"] + values["bias"]
    h = limited(total, width)
    scaled = nearest(Fraction(h * values["k"], one))
    f = limited(max(scaled, 0), width)
    spike = f >= values["threshold"]
    v = f
    if spike:
        v = f - values["threshold"] if model.soft else values["reset_value"]
    return {
        "integrator": nearest(Fraction(v * values["decay"], one)),
        "spike": spike,
        "membrane": v,
        "saturated": h != total or f != max(scaled, 0),
    }


def test_interpreters():
    check_interpreters(draw, 1)


def test_rtl():
    check_rtl(draw, 2)


def test_oracle():
    check_oracle(draw, oracle, 3)


@pytest.mark.parametrize("soft", [False, True])
def test_every_state(soft):
    check_everything(Klif(4, 1, 2, soft), oracle)


@pytest.mark.parametrize("grid", [0.0, 1 / 8])  # on a grid all is exact, and potentials meet the threshold
@pytest.mark.parametrize("decay_input", [True, False])
@pytest.mark.parametrize("v_reset", [None, 0.0, -0.25])
def test_spikingjelly(v_reset, decay_input, grid):
    rng = np.random.default_rng(4)
    tau, k, threshold = (2.0, 1.5, 0.75) if grid else (2.7, 1.31, 0.9)
    drives = rng.normal(0.4, 0.8, (12 if grid else STEPS, NEURONS))
    drives = np.rint(drives / grid) * grid if grid else drives
    node = KLIFNode(tau=tau, decay_input=decay_input, v_threshold=threshold, v_reset=v_reset).double()
    node.k.data.fill_(k)
    node.v = torch.zeros(NEURONS, dtype=torch.float64)
    spikes, membranes = [], []
    with torch.no_grad():
        for drive in torch.from_numpy(drives):
            spikes.append(node(drive).numpy())
            membranes.append(node.v.numpy())
    # what SpikingJelly's leak adds to the input, or takes from it
    ours = (drives / tau if decay_input else drives) + (v_reset or 0.0) / tau
    assert not grid or np.any(k * ours[0] == threshold)
    values = {"decay": 1 - 1 / tau, "k": k, "v_threshold": threshold, "soft_reset": v_reset is None}
    values |= {} if v_reset is None else {"v_reset": v_reset}
    fired = alike(run_floats(Klif, values, ours), (np.array(spikes), np.array(membranes)))
    print(f"seed 4: {fired} spikes in {drives.size} steps")


def test_example():
    check_example(Klif)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "KLIF needs decay, which has no default"),
        ({"decay": 0.5, "tau": 2}, "KLIF has no tau: its values are decay, k, v_threshold, v_reset, soft_reset"),
        ({"decay": 1.5}, "KLIF needs a finite decay in 0..1, not 1.5"),
        ({"decay": [0.5, np.nan]}, "KLIF needs a finite decay in 0..1, not nan"),
        ({"decay": 0.5, "k": -0.5}, "KLIF needs a finite k in 0..255, not -0.5"),
        ({"decay": 0.5, "v_threshold": np.inf}, "KLIF needs a finite v_threshold in 0..inf, not inf"),
        ({"decay": 0.5, "v_reset": [0, 2]}, "KLIF needs v_reset at or below v_threshold, not 2 above 1"),
        ({"decay": 0.5, "soft_reset": [0, 1]}, "KLIF needs soft_reset 0 or 1, alike for all neurons, not 0..1"),
        ({"decay": 0.5, "soft_reset": 0.5}, "KLIF needs soft_reset 0 or 1, alike for all neurons, not 0.5..0.5"),
        (
            {"decay": 0.999},
            "KLIF needs a leak that is left after rounding: decay of 0.999 is 1 with 8 fraction bits, set more",
        ),
    ],
)
def test_refusals(values, text):
    with pytest.raises(ValueError) as refusal:
        fit(Klif, values)
    assert str(refusal.value) == text
