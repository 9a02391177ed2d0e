"""``ranvier train`` from the command line: golden and RTL, stopped and resumed, checked, exported, written."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ranvier.gen.training.checkpoint import CHECKPOINT, Checkpoint
from ranvier.gen.training.plan import TrainingPlan, load_plan
from ranvier.gen.training.session import Session
from ranvier.golden.train.bptt import TrainingState
from ranvier.sim.cli import main
from ranvier.sim.training import check as check_module
from ranvier.sim.training.device import TrainerDevice
from ranvier.sim.training.engine import RtlEngine

from ..trainings import TOML, changed, write

MODEL = "corners.toml"
FOLDER = Path("build/corners")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder to work in, with the small training."""
    monkeypatch.chdir(tmp_path)
    write(Path())


@pytest.fixture(scope="module")
def device(tmp_path_factory) -> TrainerDevice:
    """The trainer of the small training, compiled once."""
    return TrainerDevice(load_plan(write(tmp_path_factory.mktemp("device"))).config)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return int(stop.value.code or 0)


def figures(folder: Path = FOLDER) -> list[dict]:
    """What training.json says of each epoch, but for what engines differ in."""
    left_out = {"seconds", "samples_per_second", "engine", "cycles"}
    result = json.loads((folder / "training.json").read_text())
    return [{name: value for name, value in epoch.items() if name not in left_out} for epoch in result["epochs"]]


def kept(plan: TrainingPlan, folder: Path = FOLDER) -> TrainingState:
    return Checkpoint.load(folder / CHECKPOINT, plan.hash, plan.setup).state


def same(a: TrainingState, b: TrainingState) -> None:
    for name in ("weights", "momentum", "gradient"):
        for expected, found in zip(getattr(a, name), getattr(b, name), strict=True):
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(a.generators, b.generators)
    assert a.pending == b.pending


def test_golden_and_rtl_give_the_same_numbers(capsys):
    assert run("train", MODEL, "--build", "golden") == 0
    assert run("train", MODEL, "--build", "rtl", "--on", "rtl") == 0
    plan = load_plan(MODEL)
    assert figures(Path("golden")) == figures(Path("rtl"))
    same(kept(plan, Path("golden")), kept(plan, Path("rtl")))
    for name in ("corners.nir", "corners.toml", "corners.npz", "program.npz", "training.html"):
        assert (Path("golden") / name).exists()
    result = json.loads(Path("rtl/training.json").read_text())
    cycles = result["epochs"][-1]["cycles"]
    assert 0 < cycles["forward"] < cycles["busy"] < 2000
    assert "Cycles by phase" in Path("rtl/training.html").read_text()
    output = capsys.readouterr().out
    assert "epoch   2/2" in output
    assert "trained by the RTL" in output


def test_interrupted_in_rtl_in_a_batch_and_resumed(device):
    """On RTL and on golden: the same as if nothing had happened."""
    plan = load_plan(MODEL)
    assert run("train", MODEL, "--build", "whole") == 0
    calls = iter(range(1000))
    Path("build").mkdir()
    FOLDER.mkdir()
    engine = RtlEngine(device)
    session = Session(plan, engine, FOLDER, stop=lambda: next(calls) == 9)
    assert not session.run()
    assert kept(plan).pending == 4
    data = (FOLDER / CHECKPOINT).read_bytes()
    for on in ("rtl", "golden"):
        (FOLDER / CHECKPOINT).write_bytes(data)
        assert run("train", MODEL, "--on", on, "--resume") == 0
        same(kept(plan, Path("whole")), kept(plan))
        assert figures() == figures(Path("whole"))


def test_samples_are_replayed_in_rtl(capsys):
    assert run("train", MODEL, "--check", "20", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert 20 <= result["check"]["samples"] <= 20 + 7
    assert result["check"]["compared"] > 1000
    assert result["check"]["mismatches"] == 0
    assert run("train", MODEL, "--build", "plain") == 0
    assert figures() == figures(Path("plain"))


def test_a_difference_is_told(monkeypatch, capsys):
    """The control: a trainer that starts from another weight."""

    class Wrong(check_module.Comparison):
        def __init__(self, device, state):
            super().__init__(device, state)
            state.weights[0][:, 0] += 300

    monkeypatch.setattr(check_module, "Comparison", Wrong)
    assert run("train", MODEL, "--check", "5") == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("ranvier: mismatch: ")
    assert "mismatches" in captured.out
    assert "does not equal the golden model" in (FOLDER / "training.html").read_text()


def test_what_json_prints_is_the_file(capsys):
    assert run("train", MODEL, "--epochs", "1", "--seed", "7", "--json") == 0
    output = capsys.readouterr().out
    result = json.loads(output)
    assert result == json.loads((FOLDER / "training.json").read_text())
    assert result["finished"]
    assert len(result["epochs"]) == 1
    assert (result["configuration"]["seed"], result["configuration"]["epochs"]) == (7, 1)


def test_force_starts_again_and_resume_of_a_finished_training_ends_at_once():
    assert run("train", MODEL) == 0
    first = (FOLDER / "training.json").read_text()
    assert run("train", MODEL, "--resume") == 0
    assert (FOLDER / "training.json").read_text() == first
    assert run("train", MODEL, "--force", "--seed", "5") == 0
    assert json.loads((FOLDER / "training.json").read_text())["configuration"]["seed"] == 5


RUN = [sys.executable, "-c", "from ranvier.sim.cli import main; main()"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_a_checkpoint(number, status):
    text = changed("epochs = 2", "epochs = 400")
    write(Path(), text)
    process = subprocess.Popen([*RUN, "train", MODEL], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # an epoch has ended
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == status
    assert error.startswith("ranvier: interrupted; build/corners keeps epoch ")
    assert error.endswith(" of 42 samples: add --resume to go on\n")
    plan = load_plan(MODEL)
    found = Checkpoint.load(FOLDER / CHECKPOINT, plan.hash, plan.setup)
    assert 0 < len(found.position.epochs) < 400
    assert not json.loads((FOLDER / "training.json").read_text())["finished"]
    assert "unfinished" in (FOLDER / "training.html").read_text()
    assert sorted(path.name for path in FOLDER.iterdir()) == ["checkpoint.npz", "training.html", "training.json"]


def test_the_trainer_is_generated_beside_its_training(capsys):
    assert run("train", MODEL) == 0
    assert run("generate", MODEL) == 0
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    assert manifest["sample_header"]["label"] == [0, 2]
    assert [layer["axons"] for layer in manifest["layers"]] == [16, 12]
    verilog = (FOLDER / "corners.v").read_text()
    assert "module corners(" in verilog
    assert (FOLDER / "program.npz").exists()
    stamp = (FOLDER / "corners.v").stat().st_mtime_ns
    assert run("generate", MODEL, "--json") == 0
    assert (FOLDER / "corners.v").stat().st_mtime_ns == stamp
    assert run("train", MODEL, "--force") == 0
    assert run("report", MODEL) == 0
    assert "12 × 3" in capsys.readouterr().out


def test_the_trained_network_can_be_checked(capsys):
    assert run("train", MODEL) == 0
    accuracy = json.loads((FOLDER / "training.json").read_text())["epochs"][-1]["test_accuracy"]
    capsys.readouterr()
    assert run("check", str(FOLDER / "corners.nir")) == 0
    assert f"integer {accuracy:.2%}" in " ".join(capsys.readouterr().out.split())


def test_other_losses_and_recurrence(capsys):
    """Each by golden, one epoch: what it prints and leaves."""
    for extra in ('[training.loss]\nkind = "tet"', '[training.loss]\nkind = "count_error"', "[training.neurons]"):
        write(Path(), f"{TOML}{extra}\n")
        assert run("train", MODEL, "--epochs", "1", "--force") == 0
    write(Path(), changed("lanes = 4", "lanes = 4\nrecurrent = [1]"))
    assert run("train", MODEL, "--epochs", "1", "--build", "recurrent") == 0
    assert Path("recurrent/program.npz").exists()
    assert run("sim", f"recurrent/{MODEL.removesuffix('.toml')}.nir", "--images", "2", "--build", "chip") == 0
    assert re.search(r"mismatches +│ 0 ", capsys.readouterr().out)


def test_the_bar_shows_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert run("train", MODEL) == 0
    error = capsys.readouterr().err
    assert "reading corners.toml" in error
    assert "epoch 2/2" in error
    assert "accuracy" in error


def test_the_digits_train_to_the_accuracy_that_is_told():
    """Five epochs of the preset's twenty; the whole takes half a minute: see docs/training.md."""
    assert run("train", "train_digits", "--epochs", "5", "--json") == 0
    result = json.loads(Path("build/train_digits/training.json").read_text())
    assert result["epochs"][-1]["test_accuracy"] > 0.95
