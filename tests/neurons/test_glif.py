"""GLIF against SpikingJelly's GatedLIFNode and exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from spikingjelly.activation_based.neuron import GatedLIFNode

from ranvier.golden.neurons.glif import Glif
from ranvier.golden.neurons.neuron import Inputs

from .bench import check_interpreters, check_rtl
from .exact import check_everything, check_oracle, limited, nearest
from .floats import alike, check_example, fit, run_floats

CHANNELS, SAMPLES = 5, 20
RAWS = ("alpha", "beta", "gamma", "tau", "v_threshold", "linear_decay", "v_subreset")


def draw(rng: np.random.Generator) -> Glif:
    width, fraction = (int(rng.integers(*ends)) for ends in ((3, 17), (1, 9)))
    return Glif(width, fraction, int(rng.choice([1, 2, 3, 4, 7])), int(rng.integers(1, width)))


def oracle(model: Glif, values: dict[str, int]) -> dict[str, int]:
    one, width = 2**model.fraction_bits, model.state_width
    total = values["total"] + values["bias"]
    time = min(values.get("time", 0), model.steps - 1)
    drive = nearest(Fraction(limited(total, width) * values[f"gain{time}"], one))
    charged = values["kept"] + drive - values["leak"]
    v = limited(charged, width)
    spike = v >= values["threshold"]
    kept = nearest(Fraction(v * values["keep_spiked" if spike else "keep"], one)) - (values["fall"] if spike else 0)
    results = {"integrator": 0, "spike": spike, "membrane": v, "next_kept": kept}
    results |= {"next_time": min(time + 1, model.steps - 1)} if model.steps > 1 else {}
    return results | {"saturated": v != charged or limited(total, width) != total}


def test_interpreters():
    check_interpreters(draw, 61)


def test_rtl():
    check_rtl(draw, 62)


def test_oracle():
    check_oracle(draw, oracle, 63)


@pytest.mark.parametrize("model", [Glif(2, 1, 2), Glif(2, 2, 1)], ids=str)
def test_every_state(model):
    check_everything(model, oracle)


def test_last_gain_stays():
    """After as many steps as there are gains."""
    model = Glif(8, 3, 3)
    parameters = {"gain0": 8, "gain1": 4, "gain2": 2, "keep": 0, "keep_spiked": 0, "leak": 0, "fall": 0}
    _, membranes = run_integers(model, parameters | {"threshold": 100}, [16] * 6)
    assert membranes == [16, 8, 4, 4, 4, 4]


@pytest.mark.parametrize("per_channel", [True, False])
def test_spikingjelly(per_channel):
    rng, steps = np.random.default_rng(64), 12
    drives = torch.from_numpy(rng.normal(0.3, 0.5, (steps, SAMPLES, CHANNELS, 1, 1)))
    node = GatedLIFNode(steps, CHANNELS if per_channel else None).double()
    shape = (CHANNELS,) if per_channel else ()
    for name in RAWS:
        getattr(node, name).data = torch.from_numpy(np.asarray(rng.normal(-0.5, 1, shape)))
    node.conduct.data = torch.from_numpy(rng.normal(0, 2, (steps, *shape)))
    values = {name: spread(getattr(node, name).detach().numpy()) for name in RAWS}
    values["conduct"] = np.stack([spread(each.detach().numpy()) for each in node.conduct], axis=1)
    with torch.no_grad():
        spikes = node(drives).numpy()
        membranes = []
        for step in range(1, steps + 1):  # which keeps only the last potential
            node.reset()
            node.T = step
            node(drives[:step])
            membranes.append(node.v.numpy())
    theirs = spikes.reshape(steps, -1), np.array(membranes).reshape(steps, -1)
    fired = alike(run_floats(Glif, values, drives.numpy().reshape(steps, -1)), theirs)
    print(f"seed 64: {fired} spikes in {drives.numel()} steps")


def spread(values: np.ndarray) -> np.ndarray:
    """Of each neuron its channel's, or the one of all."""
    return np.tile(np.broadcast_to(values, CHANNELS), SAMPLES)


def run_integers(model: Glif, parameters: dict[str, int], drives: list[int]) -> tuple[list, list]:
    state, spikes, membranes = dict.fromkeys(model.states(), 0), [], []
    for drive in drives:
        left = model.step(Inputs(drive, state, parameters))
        state = left.state
        spikes.append(bool(left.spike))
        membranes.append(left.membrane)
    return spikes, membranes


def test_example():
    check_example(Glif)


def test_steps_refused():
    with pytest.raises(ValueError) as refusal:
        Glif(8, 4, 0)
    assert str(refusal.value) == "Steps of a GLIF neuron that have a gain must be 1 or more, not 0"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"alpha": 33}, "GLIF needs a finite alpha in -32..32, not 33"),
        ({"conduct": [[0, np.nan]]}, "GLIF needs a finite conduct in -32..32, not nan"),
        (
            {"alpha": -8},
            "GLIF needs a leak that is left after rounding: 1 - alpha * (1 - tau) of 0.99975484 is 1 with 8 fraction"
            " bits, set more",
        ),
    ],
)
def test_refusals(change, text):
    with pytest.raises(ValueError) as refusal:
        fit(Glif, dict(Glif.EXAMPLE) | change)
    assert str(refusal.value) == text
