"""Bad input to ``ranvier train`` ends in one clear line and status 2, and nothing is written."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ranvier.sim.cli import main

from ..trainings import TOML, changed, data, write

MODEL = "corners.toml"
NETWORK = "Configuration corners.toml: "


@dataclass(frozen=True)
class Case:
    """``message``: the whole line after ``ranvier: ``."""

    name: str
    message: str
    arrange: Callable[[], object]
    arguments: tuple[str, ...] = ("train", MODEL)


def line(name: str, before: str, after: str, message: str) -> Case:
    """One line of the configuration changed."""
    return Case(name, message, lambda: write(Path(), changed(before, after)))


def table(name: str, text: str, message: str) -> Case:
    """Something added to the configuration."""
    return Case(name, message, lambda: write(Path(), f"{TOML}{text}\n"))


def arrays(name: str, message: str, **values: np.ndarray) -> Case:
    return Case(name, message, lambda: write(Path(), **values))


def file(name: str, message: str, contents: bytes | None) -> Case:
    def arrange() -> None:
        write(Path())
        Path("corners.npz").unlink()
        if contents is not None:
            Path("corners.npz").write_bytes(contents)

    return Case(name, message, arrange)


def without(key: str) -> Callable[[], object]:
    def arrange() -> None:
        write(Path())
        np.savez("corners.npz", allow_pickle=False, **{name: array for name, array in data().items() if name != key})

    return arrange


def archive() -> bytes:
    write(Path())
    return Path("corners.npz").read_bytes()


HERE = "{here}/corners.npz"
DAMAGED = f"Data {HERE} must hold arrays of numbers as numpy.savez writes them; it is damaged or something else"
WRITTEN = (
    "write it with numpy.savez(file, train_images=..., train_labels=..., test_images=..., test_labels=...), or with"
    " spikes in place of images"
)
LABELS = data()["train_labels"]
FOLDER = "Build folder build/corners"

CASES = [
    line(
        "no step",
        "steps = 3",
        "steps = 0",
        "Training corners: Steps must be 2..256, not 0: there is nothing to propagate through time",
    ),
    line(
        "one step",
        "steps = 3",
        "steps = 1",
        "Training corners: Steps must be 2..256, not 1: there is nothing to propagate through time",
    ),
    line("no batch", "batch = 5", "batch = 0", "Training corners: Batch must be at least 1, not 0"),
    line(
        "lanes that are no power of two",
        "lanes = 4",
        "lanes = 6",
        "Training corners: Lanes of a trainer must be a power of two of 2..64, not 6",
    ),
    line(
        "one lane",
        "lanes = 4",
        "lanes = 1",
        "Training corners: Lanes of a trainer must be a power of two of 2..64, not 1",
    ),
    line(
        "no epoch",
        "epochs = 2",
        "epochs = 0",
        NETWORK + "training.epochs: Input should be greater than 0; got 0",
    ),
    line(
        "inputs of other data",
        "layers = [16",
        "layers = [64",
        "Training corners: layers begins with 64 inputs, but {here}/corners.npz has 16 in its train samples; make the"
        " two agree",
    ),
    line(
        "no layer",
        "layers = [16, 12, 3]",
        "layers = [16]",
        NETWORK + "training.layers: must be the number of inputs, then the neurons of each layer; got [16]",
    ),
    line(
        "a layer without neurons",
        "layers = [16, 12, 3]",
        "layers = [16, 0, 3]",
        NETWORK + "training.layers.1: Input should be greater than 0; got 0",
    ),
    line(
        "fewer classes than labels",
        "12, 3]",
        "12, 2]",
        "Training corners: labels must be 0..1, as layers ends with 2 classes, but train sample 0 of"
        " {here}/corners.npz has 2",
    ),
    line(
        "unknown key",
        "lanes = 4",
        "lane = 4",
        NETWORK + "training.lane: Extra inputs are not permitted; got 4",
    ),
    table(
        "unknown key in a table",
        "[training.optimiser]\nlearning_rate = 1",
        NETWORK + "training.optimiser.learning_rate: Extra inputs are not permitted; got 1",
    ),
    table(
        "rate that overflows",
        "[training.optimiser]\nrate = 1e9",
        "Training corners: optimiser.rate overflows: 1e+09 becomes a factor of 2.5e+07, more than 255 (8 bits)",
    ),
    table(
        "infinite rate",
        "[training.optimiser]\nrate = inf",
        NETWORK + "training.optimiser.rate: Input should be a finite number; got inf",
    ),
    table(
        "rate below 0",
        "[training.optimiser]\nrate = -1",
        NETWORK + "training.optimiser.rate: Input should be greater than 0; got -1",
    ),
    table(
        "threshold beyond the states",
        "[training.neurons]\nthreshold = 1e3",
        "Training corners: Layer hidden: Parameter threshold must lie in -32768..32767 (16 bits), not 512000..512000",
    ),
    line(
        "data of no kind",
        'data = "corners.npz"',
        'data = "faces"',
        "Training data must be digits, mnist or a .npz file, not 'faces'",
    ),
    file("missing data", "Data {here}/corners.npz cannot be read: No such file or directory", None),
    file("empty data", DAMAGED, b""),
    file("data of random bytes", DAMAGED, np.random.default_rng(0).bytes(4000)),
    Case("data cut in half", DAMAGED, lambda: Path("corners.npz").write_bytes(archive()[:1500])),
    Case("no labels", f"Data {HERE} has no array 'test_labels'; {WRITTEN}", without("test_labels")),
    Case("no images", f"Data {HERE} has no array 'train_images'; {WRITTEN}", without("train_images")),
    arrays(
        "label out of range",
        "Training corners: labels must be 0..2, as layers ends with 3 classes, but train sample 7 of {here}/corners.npz"
        " has 3",
        train_labels=np.where(np.arange(42) == 7, 3, LABELS),
    ),
    arrays(
        "label below 0",
        "Training corners: labels must be 0..2, as layers ends with 3 classes, but train sample 7 of {here}/corners.npz"
        " has -1",
        train_labels=np.where(np.arange(42) == 7, -1, LABELS),
    ),
    arrays(
        "labels of other samples",
        "Data {here}/corners.npz must have one integer label for each of 42 train samples, not int64 [41]",
        train_labels=LABELS[:41],
    ),
    arrays(
        "labels that are fractions",
        "Data {here}/corners.npz must have one integer label for each of 42 train samples, not float64 [42]",
        train_labels=LABELS / 2,
    ),
    arrays(
        "images that are fractions",
        "Data {here}/corners.npz must have integers of shape [samples, pixels] or [samples, rows, columns] in"
        " train_images, not float64 [42, 4, 4]",
        train_images=np.zeros((42, 4, 4)),
    ),
    arrays(
        "pixels below 0",
        "Data {here}/corners.npz must have 0..65536 in train_images, not -1",
        train_images=np.full((42, 4, 4), -1),
    ),
    arrays(
        "spikes of other steps",
        "Training corners: {here}/corners.npz has 4 steps in its train samples, but steps is 3; make the two agree",
        train_spikes=np.zeros((42, 4, 16), bool),
        test_spikes=np.zeros((13, 4, 16), bool),
    ),
    arrays(
        "spikes of two",
        "Data {here}/corners.npz must have 0..1 in train_spikes, not 2",
        train_spikes=np.full((42, 3, 16), 2),
        test_spikes=np.zeros((13, 3, 16), bool),
    ),
    arrays(
        "shifted spikes",
        "Training corners: shifted needs square images, which {here}/corners.npz does not have; leave it out",
        train_spikes=np.zeros((42, 3, 16), bool),
        test_spikes=np.zeros((13, 3, 16), bool),
    ),
    Case(
        "nothing to train",
        "Model tiny must have a table [training] to be trained",
        lambda: None,
        ("train", "tiny"),
    ),
    Case(
        "sim of a training",
        "Model train_digits is yet to be trained: 'ranvier train train_digits' does it, and leaves a .nir file to run",
        lambda: None,
        ("sim", "train_digits"),
    ),
    Case(
        "check beside RTL",
        "Option --check compares a training by golden with the RTL; leave --on rtl out",
        lambda: write(Path()),
        ("train", MODEL, "--on", "rtl", "--check", "3"),
    ),
    Case(
        "report before a training",
        f"{FOLDER} must hold training.json: run 'ranvier train' first",
        lambda: write(Path()),
        ("report", MODEL),
    ),
    Case(
        "nothing to resume",
        f"{FOLDER} must hold checkpoint.npz to resume from; leave --resume out",
        lambda: write(Path()),
        ("train", MODEL, "--resume"),
    ),
    Case(
        "folder of something else",
        f"{FOLDER} must be new, empty or a build: it holds other files; name another",
        lambda: (write(Path()), Path("build/corners").mkdir(parents=True), Path("build/corners/mine").touch()),
    ),
    Case(
        "training that would be overwritten",
        f"{FOLDER} holds a training: go on with it by --resume, or start again by --force",
        lambda: finished(),
    ),
    Case(
        "both resume and force",
        "Only one of --resume and --force can be followed; leave the other out",
        lambda: finished(),
        ("train", MODEL, "--resume", "--force"),
    ),
    Case(
        "checkpoint of another configuration",
        "Checkpoint build/corners/checkpoint.npz is of another configuration, data, seed or version of Ranvier: give"
        " those that it was made with, or start again with --force",
        lambda: finished(),
        ("train", MODEL, "--resume", "--seed", "9"),
    ),
    Case(
        "damaged checkpoint",
        "Checkpoint build/corners/checkpoint.npz is damaged; start again with --force",
        lambda: finished(lambda data: data[:900] + b"!" + data[901:]),
        ("train", MODEL, "--resume"),
    ),
    Case(
        "checkpoint cut in half",
        "Checkpoint build/corners/checkpoint.npz is damaged; start again with --force",
        lambda: finished(lambda data: data[:3000]),
        ("train", MODEL, "--resume"),
    ),
]


def finished(change: Callable[[bytes], bytes] = lambda data: data) -> None:
    """A training in its folder, its checkpoint changed."""
    write(Path())
    with pytest.raises(SystemExit) as stop:
        main(["train", MODEL, "--json"])
    assert not stop.value.code
    path = Path("build/corners/checkpoint.npz")
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    case.arrange()
    capsys.readouterr()
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    with pytest.raises(SystemExit) as stop:
        main(case.arguments)
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"ranvier: {case.message.replace('{here}', str(tmp_path))}\n"
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES) >= 40


def test_the_chip_of_the_same_name_is_kept(tmp_path, monkeypatch, capsys):
    """A folder that holds a chip's Program is no place for a training's."""
    monkeypatch.chdir(tmp_path)
    write(Path())
    with pytest.raises(SystemExit) as stop:
        main(["generate", "tiny", "--build", "build/corners"])
    assert not stop.value.code
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["train", MODEL])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "ranvier: Build folder build/corners holds the build of a chip; name another\n"


def test_without_scikit_learn(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit) as stop:
        main(["train", "train_digits"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "ranvier: Data 'digits' comes with scikit-learn, which is not installed: pip install scikit-learn\n"
    )


def test_without_mnist(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ranvier.gen.training.data.MNIST", tmp_path / "mnist.npz")
    with pytest.raises(SystemExit) as stop:
        main(["train", "train_mnist"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        f"ranvier: Data 'mnist' must lie in {tmp_path}/mnist.npz: run scripts/fetch_mnist.py, which puts it there\n"
    )
