"""A trained network leaves as NIR and comes back through the quantiser as the very integers that were trained."""

import json
from pathlib import Path

import numpy as np
import pytest

from ranvier.gen.design import load_design
from ranvier.gen.training.coding import coded
from ranvier.gen.training.export import export
from ranvier.gen.training.plan import TrainingPlan, load_plan
from ranvier.golden.inference import run_program
from ranvier.golden.program import Program
from ranvier.golden.train import bptt
from ranvier.golden.train.bptt import TrainingState

from ...trainings import TOML, changed, write

NEURONS = {
    "hard": "",
    "greater": 'comparison = "greater"',
    "soft": 'reset = "soft"',
    "soft, next step": 'reset = "soft"\nreset_timing = "next_step"',
    "hard, next step": 'reset_timing = "next_step"',
    "no reset": 'reset = "none"',
    "no leak": "leak = 1.0\nreadout_leak = 1.0",
    "all leaks": "leak = 0.0\nreadout_leak = 0.0",
    "leaks that multiply": "leak = 0.9\nreadout_leak = 0.8",
    "potentials that saturate": "leak = 1.0\n[training.formats]\nstate_width = 12",
    "counts": '[training.loss]\nkind = "count_error"',
    "recurrent": "",
}


def trained(folder: Path, text: str) -> tuple[TrainingPlan, list[np.ndarray]]:
    """Some weights, larger than at the start, so that neurons fire and potentials saturate."""
    plan = load_plan(write(folder, text))
    random = np.random.default_rng(1)
    state = TrainingState.fresh(plan.setup, 1)
    most = plan.setup.optimiser.clip
    return plan, [np.clip(w * 3 + random.integers(-9, 9, w.shape), -most, most) for w in state.weights]


@pytest.mark.parametrize("case", NEURONS)
def test_the_chip_computes_the_trained_integers(tmp_path, case):
    text = f"{TOML}[training.neurons]\n{NEURONS[case]}\n"
    if case == "recurrent":
        text = text.replace("lanes = 4", "lanes = 4\nrecurrent = [1]")
    plan, weights = trained(tmp_path, text)
    (tmp_path / "out").mkdir()
    files = export(plan, weights, tmp_path / "out")
    assert files == ["corners.nir", "corners.toml", "corners.npz", "program.npz"]
    spikes = coded(plan.data, plan.data.test.values, 3)
    expected = bptt.forward(plan.setup, weights, spikes)
    assert all(
        trace.spikes.any() for trace, layer in zip(expected, plan.setup.layers, strict=True) if layer.model.spiking
    )
    if case == "potentials that saturate":
        assert sum(trace.saturations.sum() for trace in expected)

    design = load_design(str(tmp_path / "out" / "corners.nir"))
    assert design.program.name == "corners_chip"
    np.testing.assert_array_equal(design.measured.spikes, spikes)
    np.testing.assert_array_equal(design.measured.labels, plan.data.test.labels)
    for program in (Program.load(tmp_path / "out" / "program.npz"), design.program):
        for layer, matrix, trained_layer in zip(program.layers, weights, plan.setup.layers, strict=True):
            np.testing.assert_array_equal(layer.matrix, matrix)
            assert layer.model.membrane_decay == trained_layer.model.membrane_decay
            assert {name: int(value) for name, value in layer.parameters.items()} == trained_layer.parameters
        for trace, reference in zip(run_program(program, spikes), expected, strict=True):
            np.testing.assert_array_equal(trace.spikes, reference.spikes)
            np.testing.assert_array_equal(trace.saturations, reference.saturations)
        last = run_program(program, spikes)[-1]
        if not plan.setup.layers[-1].model.spiking:
            np.testing.assert_array_equal(last.membrane, expected[-1].membrane)


def test_a_name_of_full_length_leaves_room(tmp_path):
    plan, weights = trained(tmp_path, changed('"corners"', json.dumps("n" * 60)))
    export(plan, weights, tmp_path)
    assert load_design(str(tmp_path / f"{'n' * 60}.nir")).program.name == f"{'n' * 55}_chip"
