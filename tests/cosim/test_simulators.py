"""Simulators: both agree cycle for cycle, compile once, and say what is missing."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from ranvier.gen.errors import RanvierError
from ranvier.gen.stimulus import Samples
from ranvier.golden.neurons.leak import Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.program import Layer, Program, dense
from ranvier.sim import process
from ranvier.sim.bench import BURST_WORDS
from ranvier.sim.request import Request
from ranvier.sim.runner import simulate_build

LANES = 4


def test_verilator_equals_icarus(build, program, spikes):
    folder = build(program, LANES)
    results = [simulate_build(folder, Samples(spikes), simulator=name) for name in ("icarus", "verilator")]
    icarus, verilator = results
    assert icarus.passed, icarus.problem
    assert verilator.passed, verilator.problem
    assert icarus.compared == verilator.compared
    assert icarus.latencies == verilator.latencies
    assert icarus.clock_cycles == verilator.clock_cycles
    assert all((icarus.observed[name] == verilator.observed[name]).all() for name in icarus.observed)


def test_second_run_compiles_nothing_and_a_seed_repeats(build, program, spikes):
    folder = build(program, LANES)
    first = simulate_build(folder, Samples(spikes), seed=5)
    compiled = (folder / ".sim_icarus" / "sim.vvp").stat().st_mtime_ns
    second = simulate_build(folder, Samples(spikes), seed=5)
    other = simulate_build(folder, Samples(spikes), seed=6)
    assert (folder / ".sim_icarus" / "sim.vvp").stat().st_mtime_ns == compiled
    assert first.clock_cycles == second.clock_cycles
    assert first.clock_cycles != other.clock_cycles
    assert first.passed
    assert other.passed


def test_changed_verilog_is_compiled_again(build, program, spikes):
    folder = build(program, LANES)
    simulate_build(folder, Samples(spikes))
    compiled = (folder / ".sim_icarus" / "sim.vvp").stat().st_mtime_ns
    with (folder / "pair.v").open("a") as file:
        file.write("// another byte\n")
    simulate_build(folder, Samples(spikes))
    assert (folder / ".sim_icarus" / "sim.vvp").stat().st_mtime_ns > compiled


def test_progress_and_traces(build, program, spikes):
    folder = build(program, LANES)
    told = []
    result = simulate_build(folder, Samples(spikes, np.array([0, 1, 2])), progress=lambda *told_: told.append(told_))
    assert told[-1] == (4, 4)
    with np.load(folder / "traces.npz") as traces:
        assert (traces["input"] == spikes).all()
        assert (traces["samples"] == [0, 1, 2]).all()
        assert traces["hidden.spikes"].shape == (3, 6, 13)
        assert (traces["output.membrane"] == result.observed["output.membrane"]).all()
    assert result.accuracy_rtl == result.accuracy_golden


def test_without_back_pressure_every_sample_is_measured(build, program, spikes):
    result = simulate_build(build(program, LANES), Samples(spikes), back_pressure=False)
    assert result.passed, result.problem
    assert len(result.latencies) == len(result.predicted) == len(spikes)
    assert result.cycles.maximum == max(result.latencies)


def test_the_bench_never_makes_the_chip_wait(build):
    """A layer with a lane for each neuron takes an event in every cycle, and a sample is longer than four bursts."""
    model, parameters = Lif(state_width=12, membrane_decay=Shift(2)), {"threshold": 40, "reset_value": 0}
    weights = np.random.default_rng(6).integers(-8, 8, (784, 10))
    layer = Layer(
        "core", dense(weights), 4, model, {name: np.array(v) for name, v in ({"bias": 0} | parameters).items()}
    )
    spikes = np.random.default_rng(7).random((3, 4, 784)) < 0.75
    assert spikes.sum(axis=(1, 2)).min() > 4 * BURST_WORDS
    result = simulate_build(build(Program("wide", (layer,), 4), 10), Samples(spikes))
    assert result.passed, result.problem
    assert len(result.latencies) == 2


def test_waves_dump_the_whole_run(build, program, spikes):
    folder = build(program, LANES)
    result = simulate_build(folder, Samples(spikes), waves=True)
    assert result.waveform == "waves.fst"
    assert (folder / "waves.fst").stat().st_size > 5000


@pytest.mark.parametrize(
    ("simulator", "missing", "remedy"),
    [
        ("icarus", "iverilog", "apt-get install iverilog"),
        ("verilator", "g++", "apt-get install g++ make"),
    ],
)
def test_missing_simulator_is_one_line_with_the_remedy(build, program, spikes, monkeypatch, simulator, missing, remedy):
    folder = build(program, LANES)
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **rest: None if name == missing else which(name, **rest))
    with pytest.raises(RanvierError) as raised:
        simulate_build(folder, Samples(spikes), simulator=simulator)
    assert f"needs the program {missing}, not found: " in str(raised.value)
    assert remedy in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (folder / "sim.json").exists()


def test_modules_of_the_current_folder_are_not_imported(build, program, spikes, tmp_path, monkeypatch):
    folder = build(program, LANES)
    monkeypatch.chdir(tmp_path)
    for name in ("cocotb", "cocotb_tools", "cocotb_bus", "ranvier"):
        Path(f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    assert simulate_build(folder, Samples(spikes)).passed


def test_verilog_that_does_not_compile_is_one_line(build, program, spikes):
    folder = build(program, LANES)
    (folder / "pair.v").write_text("module small(;\n")
    with pytest.raises(
        RanvierError, match=r"ended without a result .*pair\.v:1: syntax error; all of it is in .*log\.txt"
    ):
        simulate_build(folder, Samples(spikes))


LAUNCH = """Traceback (most recent call last):
  File "launch.py", line 58, in main
    runner.build(errors=1)
  File "runner.py", line 9, in build
    raise RuntimeError("an error " + text)
RuntimeError: Command failed with return code: 1
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAUNCH, "RuntimeError: Command failed with return code: 1"),
        ("INFO built\npair.v:1: syntax error\nI give up.\n" + LAUNCH, "pair.v:1: syntax error"),
        ("%Error: pair.v:1:14: syntax error\n" + LAUNCH, "%Error: pair.v:1:14: syntax error"),
        ("starting\nSegmentation fault\n", "Segmentation fault"),
        ("", "no output"),
    ],
)
def test_reason_is_the_tools_error_or_the_last_exception(tmp_path, monkeypatch, text, reason):
    """A process that writes ``text`` and ends without a result."""
    (tmp_path / "launch").write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit 1\n")
    (tmp_path / "launch").chmod(0o755)
    monkeypatch.setattr(process.sys, "executable", str(tmp_path / "launch"))
    with pytest.raises(RanvierError) as raised:
        process.run_process(Request(str(tmp_path), str(tmp_path), "icarus", 1), tmp_path, lambda done, of: None)
    assert f"(exit status 1): {reason}; all of it is in " in str(raised.value)


def test_blank_in_the_path(build, program, spikes, tmp_path):
    folder = tmp_path / "a folder"
    build(program, LANES).rename(folder)
    assert simulate_build(folder, Samples(spikes), waves=True).passed
    with pytest.raises(RanvierError, match=r"no folder with a blank in its path, as '.*/a folder' has: name another"):
        simulate_build(folder, Samples(spikes), simulator="verilator")


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({}, (2, 6, 19), "must have the 20 inputs of 'pair', not 19"),
        ({}, (0, 6, 20), "at least one sample of one step, not 0 of 6"),
        ({"waves": True, "simulator": "verilator"}, (2, 6, 20), "recorded by icarus, not by verilator"),
    ],
)
def test_unfit_request_is_one_line(build, program, options, shape, message):
    with pytest.raises(RanvierError, match=message):
        simulate_build(build(program, LANES), Samples(np.zeros(shape, bool)), **options)


def test_folder_that_is_no_build_is_one_line(tmp_path, spikes):
    with pytest.raises(RanvierError, match=r"is no build .* run 'ranvier generate' first"):
        simulate_build(tmp_path, Samples(spikes))
