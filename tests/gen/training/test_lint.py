"""The trainer's Verilog gives no warnings but those of Amaranth's style."""

import pytest

from ranvier.gen.config import load_configuration
from ranvier.gen.training.build import TrainerBuild

from ...lint import KNOWN_WARNINGS, warnings


@pytest.mark.parametrize(("preset", "overlap"), [("train_digits", False), ("train_digits", True)])
def test_the_verilog_is_lint_clean(tmp_path, preset, overlap):
    training = load_configuration(preset).training
    assert training is not None
    build = TrainerBuild(preset, training.model_copy(update={"overlap": overlap}))
    build.generate(tmp_path)
    found = warnings(tmp_path / f"{preset}.v")
    assert found, "Verilator has looked at nothing"
    assert found <= KNOWN_WARNINGS
