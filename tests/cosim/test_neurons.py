"""Digits by neurons of other models, trained through golden's own step: in Verilog, every spike and potential of some
images each. ``ranvier sim digits_klif --images 364`` does the same with all."""

from pathlib import Path

import pytest

from ranvier.gen.config import PRESETS
from ranvier.gen.design import load_design
from ranvier.gen.emit import generate
from ranvier.sim.runner import simulate_build

IMAGES = 4
NAMES = sorted(path.stem for path in PRESETS.glob("digits_*.toml") if "train_digits_neurons" in path.read_text())


def test_there_are_at_least_six():
    assert len(NAMES) >= 6


@pytest.mark.parametrize("name", NAMES)
def test_trained_neurons(tmp_path: Path, name: str):
    design = load_design(name)
    assert name == f"digits_{design.program.layers[0].model.kind.lower()}"
    generate(design, tmp_path / name)
    samples = design.measured.first(IMAGES)
    result = simulate_build(tmp_path / name, samples, seed=3)
    print(f"{name}: {result.compared}, {result.cycles}, integers {design.report.integer_accuracy:.4f}")
    assert result.passed, result.problem
    assert result.compared.spikes == result.compared.membranes == IMAGES * 8 * 74
    assert design.report.integer_accuracy > 0.95
