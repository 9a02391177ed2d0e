"""The command ``ranvier sim``, as a user runs it."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ranvier.sim.cli import main

CORE = """
name = "probe"
[core]
axons = 12
neurons = 10
threshold = 9
leak_shift = 2
[quantisation]
weight_width = 4
state_width = 8
steps = 5
[hardware]
lanes = 4
[stimulus]
rate = 0.4
"""


@pytest.fixture
def model(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "probe.toml"
    path.write_text(CORE)
    return path


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of ``ranvier sim``."""
    with pytest.raises(SystemExit) as raised:
        main(["sim", *arguments])
    captured = capsys.readouterr()
    return int(raised.value.code or 0), captured.out, captured.err


def test_table_raster_and_files(model, capsys):
    status, out, _ = run(capsys, str(model), "--images", "4", "--seed", "3")
    assert status == 0
    for text in ("spikes compared", "mismatches", "cycles equal the formula", "spikes of sample 0, layer core"):
        assert text in out
    figures = json.loads(Path("build/probe/sim.json").read_text())
    assert figures["compared"]["spikes"] == figures["compared"]["membranes"] == 4 * 5 * 10
    assert figures["seed"] == 3


def test_json_is_what_the_file_says(model, capsys):
    status, out, _ = run(capsys, str(model), "--images", "2", "--json")
    assert status == 0
    assert json.loads(out) == json.loads(Path("build/probe/sim.json").read_text())


def test_mismatch_is_status_1_and_one_line(model, capsys):
    run(capsys, str(model), "--images", "2")
    image = Path("build/probe/core_weights.hex")
    image.write_text("0" * 4 + "\n" + image.read_text().split("\n", 1)[1])
    status, _, err = run(capsys, str(model), "--images", "2")
    assert status == 1
    line = err.strip().split("\n")[-1]
    what = r"image 0, step \d, layer core: neuron \d (spike|membrane) expected -?\d+, got -?\d+( \(\d values of .*\))?"
    assert re.fullmatch(rf"ranvier: mismatch: {what}; waveform: build/probe/mismatch\.fst", line)


def test_own_stimulus_and_its_results(model, capsys, tmp_path):
    spikes = np.random.default_rng(1).random((5, 12)) < 0.5
    np.save("mine.npy", spikes)
    status, out, _ = run(capsys, str(model), "--input", "mine.npy", "--output", "answer.npz")
    assert status == 0
    assert "answer.npz written" in out
    with np.load("answer.npz") as answer:
        assert answer["core.spikes"].shape == answer["core.membrane"].shape == (1, 5, 10)
        assert answer["core.spikes"].any()


def test_as_many_random_samples_as_asked(model, capsys):
    status, out, err = run(capsys, str(model), "--images", "40", "--json")
    assert status == 0
    assert json.loads(out)["samples"] == 40
    assert not err


def test_fewer_samples_than_asked_are_told(model, capsys):
    np.save("mine.npy", np.ones((3, 5, 12)))
    status, out, err = run(capsys, str(model), "--input", "mine.npy", "--images", "4", "--json")
    assert status == 0
    assert json.loads(out)["samples"] == 3
    assert err == "ranvier: the stimulus has 3 samples, not 4: all are simulated\n"


def test_what_goes_on_is_shown_on_stderr(model, capsys, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # rich writes as to a terminal
    _, out, err = run(capsys, str(model), "--images", "1", "--json")
    assert "writing build/probe" in err
    assert "samples compared" in err
    json.loads(out)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("probe.toml.csv", "must be .npz or NIR data"),
        ("there.npz", "exists; remove it or choose another name"),
        ("none/answer.npz", "cannot be written: none is no folder; make it first"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_any_work(model, capsys, output, message):
    Path("there.npz").touch()
    status, _, err = run(capsys, str(model), "--output", output)
    assert status == 2
    assert message in err
    assert not Path("build").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", "0"], "--images"),
        (["--simulator", "vcs"], "--simulator"),
        (["--input", "none.npy"], "none.npy cannot be read"),
        (["--waves", "--simulator", "verilator"], "Waveforms are recorded by icarus"),
    ],
)
def test_a_users_mistake_is_one_line_and_status_2(model, capsys, arguments, message):
    status, _, err = run(capsys, str(model), *arguments)
    assert status == 2
    assert message in err
    assert len(err.strip().split("\n")) == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_interruption_leaves_no_process_and_no_result(model, tmp_path, number, status):
    command = [sys.executable, "-c", "from ranvier.sim.entry import main; main()", "sim", str(model)]
    process = subprocess.Popen(
        [*command, "--images", "1000"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        wait_for(lambda: (tmp_path / "build/probe/.sim_icarus/run/progress.jsonl").exists())
        assert any(line.startswith("vvp ") for line in running(tmp_path))
    except BaseException:
        process.kill()
        raise
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert err == ("" if number == signal.SIGKILL else "ranvier: interrupted; nothing was left half-written\n")
    assert not (tmp_path / "build/probe/sim.json").exists()
    wait_for(lambda: not running(tmp_path))


@pytest.mark.parametrize("moment", ["typer", "numpy", "amaranth.hdl", "ranvier.hw.core.emit", "ranvier.sim.runner"])
def test_interruption_of_an_import_or_while_generating(model, tmp_path, moment):
    """Python raises KeyboardInterrupt wherever it happens to be: here when ``moment`` is imported."""
    interrupt = f"""
import sys, signal
class Finder:
    def find_spec(self, name, path, target=None):
        if name == {moment!r}:
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Finder())
from ranvier.sim.entry import main
main()
"""
    done = subprocess.run([sys.executable, "-c", interrupt, "sim", str(model)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "ranvier: interrupted; nothing was left half-written\n")


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited for a minute")


def running(folder: Path) -> list[str]:
    """Command lines of the processes that work in ``folder``."""
    lines = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in lines.split("\n") if str(folder) in line]
