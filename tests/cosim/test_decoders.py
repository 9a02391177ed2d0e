"""Decoders in emitted Verilog, behind a chip: every answer under back-pressure, and cycles as without one."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ranvier.gen.config import Configuration
from ranvier.gen.decoder import Decoding, decoder_for
from ranvier.gen.design import Design
from ranvier.gen.emit import generate
from ranvier.gen.stimulus import Samples
from ranvier.golden.inference import run_program
from ranvier.golden.neurons.multilevel import MultiThreshold
from ranvier.hw.config import chip_config
from ranvier.sim.runner import simulate_build

from .conftest import small_program

SAMPLES, STEPS = 5, 6


def build(folder: Path, decoding: Decoding) -> Design:
    """The small program in ``folder``, without its readout where spikes are decoded; for counts these are up to 3."""
    program = small_program()
    if decoding.name != "membrane":
        program = replace(program, layers=program.layers[:1])
    if decoding.name == "counts":
        model = MultiThreshold(10, 8, levels=3, soft=True)
        parameters = {"bias": 0, "decay": 200, "threshold0": 12, "threshold1": 25, "threshold2": 40}
        arrays = {name: np.array(value) for name, value in parameters.items()}
        program = replace(program, layers=(replace(program.layers[0], model=model, parameters=arrays),))
    configuration = Configuration(name=program.name, model=Path("none.nir"), decoder=decoding)
    chip = replace(chip_config(program, 4), decoder=decoder_for(program, decoding))
    design = Design(configuration, None, None, program, chip)
    generate(design, folder)
    return design


def stimulus() -> Samples:
    rng = np.random.default_rng(8)
    return Samples(rng.random((SAMPLES, STEPS, 20)) < 0.3, rng.integers(0, 5, SAMPLES))


@pytest.mark.parametrize(
    "decoding",
    [
        Decoding(name="counts"),
        Decoding(name="membrane", margin=40),
        Decoding(name="population", preferred=[-9, 2, 4, 4, 0, 11, -1, 3, 300, 5, 6, 7, -20]),
    ],
    ids=lambda decoding: decoding.name,
)
def test_every_answer(tmp_path, decoding):
    design, samples = build(tmp_path, decoding), stimulus()
    result = simulate_build(tmp_path, samples)
    assert result.passed, result.problem
    trace = run_program(design.program, samples.spikes)[-1]
    assert trace.spikes.max() == {"counts": 3, "population": 1, "membrane": 0}[decoding.name]
    decoded = design.decoder.decode(trace.spikes, trace.membrane)
    assert result.compared.answers == (SAMPLES + 1) * STEPS  # the middle sample comes twice
    assert result.predictions == tuple(decoded.answers.tolist())
    metrics = result.metrics
    print(metrics)
    assert metrics.decoder == decoding.name
    assert metrics.exit_steps == (decoded.exit_steps + 1).mean()
    assert metrics.accuracy == result.accuracy_rtl == result.accuracy_golden
    assert 0 < metrics.duty_cycle < 1
    assert {port["name"] for port in json.loads((tmp_path / "manifest.json").read_text())["ports"]} >= {
        "answers__payload", "answers__valid", "answers__ready", "answers_rejected"
    }  # fmt: skip


def test_an_answer_that_differs_is_named(tmp_path):
    """The chip has a margin of 40, golden is told one that nothing reaches."""
    design, samples = build(tmp_path, Decoding(name="membrane", margin=40)), stimulus()
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["configuration"]["decoder"]["margin"] = 1_000_000
    path.write_text(json.dumps(manifest))
    result = simulate_build(tmp_path, samples)
    trace = run_program(design.program, samples.spikes)[-1]
    step = int(design.decoder.decode(trace.spikes, trace.membrane).exit_steps[0])
    assert step < STEPS - 1
    assert result.problem == f"image 0, step {step}, answers: exit expected 0, got 1"
    assert result.metrics is None
