"""The recipe of the digits, from random weights: integers learn what floats learn."""

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from ranvier.golden.neurons.leak import Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train import bptt
from ranvier.golden.train.bptt import TrainingState
from ranvier.golden.train.loss import CrossEntropy, Softmax
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle

from .float_training import FloatTwin

SEEDS, EPOCHS, TOP_RATE, SHIFTED = (0, 1), 12, 255, 0.3
ONE = 1 << 9
SETUP = TrainingSetup(
    "digits",
    (
        TrainedLayer(
            "hidden",
            64,
            128,
            Lif(16, Shift(3), reset="hard"),
            {"bias": 0, "threshold": ONE, "reset_value": 0},
            Rectangle(ONE // 2),
        ),
        TrainedLayer("readout", 128, 10, Lif(16, Shift(4), spiking=False), {"bias": 0}),
    ),
    CrossEntropy(Softmax(10, unit_bits=11, probability_bits=10)),
    Sgd(Shift(3), momentum_width=20, rate_width=8, rate_shift=21, clip=(1 << 11) - 1),
    steps=8,
    batch=16,
    weight_width=12,
    weight_fraction=9,
    gradient_width=16,
)


@cache
def script() -> ModuleType:
    """scripts/train_digits.py, which has the split and the code of the images."""
    file = Path(__file__).parents[2] / "scripts" / "train_digits.py"
    spec = importlib.util.spec_from_file_location("train_digits", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Stream:
    """What the host sends: the training images in the order of ``seed``, some shifted; and the test images."""

    def __init__(self, seed: int) -> None:
        (self._pixels, self._labels), (test, self.test_labels) = (
            tuple(part.numpy() for part in split) for split in script().load_split()
        )
        self.test = self._encode(test)
        self._rng = np.random.default_rng(seed)

    @staticmethod
    def _encode(pixels: np.ndarray) -> np.ndarray:
        spikes: np.ndarray = script().encode(torch.from_numpy(pixels)).numpy()
        return spikes

    def epoch(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(spikes, labels) of each batch."""
        order = self._rng.permutation(len(self._labels))
        chosen = self._rng.random((len(order), 1)) < SHIFTED
        offset = np.where(chosen, self._rng.integers(0, 3, (len(order), 2)), 1)
        padded = np.pad(self._pixels[order].reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
        rows, columns = (offset[:, axis, None] + np.arange(8) for axis in (0, 1))
        moved = padded[np.arange(len(order))[:, None, None], rows[:, :, None], columns[:, None, :]].reshape(-1, 64)
        spikes, labels = self._encode(moved), self._labels[order]
        starts = range(0, len(order), SETUP.batch)
        return [(spikes[i : i + SETUP.batch], labels[i : i + SETUP.batch]) for i in starts]


def rates() -> list[int]:
    """The rate of each epoch: half a cosine."""
    return [max(1, round(TOP_RATE * (1 + np.cos(np.pi * epoch / EPOCHS)) / 2)) for epoch in range(EPOCHS)]


def share(prediction: np.ndarray, labels: np.ndarray) -> float:
    return 100 * float((prediction == labels).mean())


def accuracy_of_golden(seed: int) -> tuple[float, int]:
    """Test accuracy in percent; and how many values saturated in the last epoch."""
    stream, state = Stream(seed), TrainingState.fresh(SETUP, seed)
    saturations = 0
    for rate in rates():
        saturations = 0
        for spikes, labels in stream.epoch():
            batch = bptt.learn(SETUP, state, spikes, labels)
            saturations += sum(int(trace.saturations.sum()) for trace in (*batch.forward, *batch.backward))
            saturations += bptt.update(SETUP, state, rate)
    potentials = bptt.forward(SETUP, state.weights, stream.test)[-1].membrane
    return share(potentials.sum(axis=1).argmax(axis=1), stream.test_labels), saturations


def accuracy_of_float(seed: int) -> float:
    """In float64: in float32 a spike more or less, from one processor to the next, makes another network."""
    stream, twin = Stream(seed), FloatTwin(SETUP, TrainingState.fresh(SETUP, seed).weights, torch.float64)
    for rate in rates():
        for spikes, labels in stream.epoch():
            twin.learn(spikes, labels)
            twin.update(rate)
    return share(twin.predict(stream.test), stream.test_labels)


@pytest.fixture
def one_thread() -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_digits_are_learned_as_well_as_in_floats() -> None:
    golden = [accuracy_of_golden(seed) for seed in SEEDS]
    floats = [accuracy_of_float(seed) for seed in SEEDS]
    accuracies = [accuracy for accuracy, _ in golden]
    assert min(accuracies) >= 96
    assert np.mean(accuracies) >= np.mean(floats) - 0.5
    assert sum(saturations for _, saturations in golden) == 0
