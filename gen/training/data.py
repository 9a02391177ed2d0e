"""Labelled samples to train on: named data sets and ``.npz`` files."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import platformdirs

from ..errors import RanvierError
from ..files import DAMAGED
from .config import Training

MNIST = Path(platformdirs.user_cache_dir("ranvier", appauthor=False)) / "data" / "mnist.npz"
_DIGITS_LEVELS, _LEVELS = 16, 256
_MAX_LEVELS = 1 << 16  # steps times it fit 32 bits
_ARRAYS = ("train_images", "train_spikes", "train_labels", "test_images", "test_spikes", "test_labels")


@dataclass(frozen=True)
class Split:
    """``values``: images, integers ``[samples, inputs]``, or spikes, bool ``[samples, steps, inputs]``; ``labels``
    int64 ``[samples]``."""

    values: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class DataSet:
    """``levels``: value of a pixel that spikes in every step, None for spikes; ``shape``: rows and columns of an image,
    if it has any."""

    train: Split
    test: Split
    levels: int | None = None
    shape: tuple[int, int] | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all values and labels."""
        digest = hashlib.sha256(f"{self.levels} {self.shape}".encode())
        for array in (self.train.values, self.train.labels, self.test.values, self.test.labels):
            digest.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def load_data(name: str, training: Training) -> DataSet:
    """The samples of ``training``, checked against its sizes. Raises RanvierError."""
    data = _NAMED[training.data]() if training.data in _NAMED else _read(training.data)
    if data.levels is not None and training.levels is not None:
        data = DataSet(data.train, data.test, training.levels, data.shape)
    if data.levels is not None and data.levels > _MAX_LEVELS:
        raise RanvierError(f"Training {name}: levels must be at most {_MAX_LEVELS}, not {data.levels}")
    inputs, classes, source = training.layers[0], training.layers[-1], training.data
    for part, split in (("train", data.train), ("test", data.test)):
        if split.values.shape[-1] != inputs:
            raise RanvierError(
                f"Training {name}: layers begins with {inputs} inputs, but {source} has {split.values.shape[-1]} in its"
                f" {part} samples; make the two agree"
            )
        if data.levels is None and split.values.shape[1] != training.steps:
            raise RanvierError(
                f"Training {name}: {source} has {split.values.shape[1]} steps in its {part} samples, but steps is"
                f" {training.steps}; make the two agree"
            )
        wrong = (split.labels < 0) | (split.labels >= classes)
        if wrong.any():
            sample = int(np.argmax(wrong))
            raise RanvierError(
                f"Training {name}: labels must be 0..{classes - 1}, as layers ends with {classes} classes, but {part}"
                f" sample {sample} of {source} has {split.labels[sample]}"
            )
    if training.shifted and data.shape is None:
        raise RanvierError(f"Training {name}: shifted needs square images, which {source} does not have; leave it out")
    return data


def _digits() -> DataSet:
    """scikit-learn's digits: of each class every fifth image, the first included, is for testing."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise RanvierError(
            "Data 'digits' comes with scikit-learn, which is not installed: pip install scikit-learn"
        ) from None
    digits = load_digits()
    images, labels = digits.data.astype(np.uint8), digits.target.astype(np.int64)
    test = np.zeros(len(labels), bool)
    for digit in range(10):
        test[np.flatnonzero(labels == digit)[::5]] = True
    return DataSet(Split(images[~test], labels[~test]), Split(images[test], labels[test]), _DIGITS_LEVELS, (8, 8))


def _mnist() -> DataSet:
    if not MNIST.exists():
        raise RanvierError(f"Data 'mnist' must lie in {MNIST}: run scripts/fetch_mnist.py, which puts it there")
    return _read(str(MNIST))


_NAMED: dict[str, Callable[[], DataSet]] = {"digits": _digits, "mnist": _mnist}


def _read(source: str) -> DataSet:
    """An archive with ``train_labels`` and ``test_labels``, and ``train_images`` and ``test_images`` or spikes."""
    path = Path(source)
    if path.suffix != ".npz":
        raise RanvierError(f"Training data must be {', '.join(_NAMED)} or a .npz file, not '{source}'")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files if key in _ARRAYS}
    except OSError as error:
        raise RanvierError(f"Data {path} cannot be read: {error.strerror or error}") from None
    except DAMAGED:
        raise RanvierError(
            f"Data {path} must hold arrays of numbers as numpy.savez writes them; it is damaged or something else"
        ) from None
    kind = "spikes" if "train_spikes" in arrays else "images"
    train, test = (_split(path, part, kind, arrays) for part in ("train", "test"))
    if kind == "spikes":
        return DataSet(train, test)
    side = round(float(train.values.shape[1] ** 0.5))
    square = side * side == train.values.shape[1] and arrays["train_images"].shape[1] in (side, side * side)
    return DataSet(train, test, _LEVELS, (side, side) if square else None)


def _split(path: Path, part: str, kind: str, arrays: Mapping[str, np.ndarray]) -> Split:
    for key in (f"{part}_{kind}", f"{part}_labels"):
        if key not in arrays:
            raise RanvierError(
                f"Data {path} has no array '{key}'; write it with numpy.savez(file, train_images=..., train_labels=...,"
                " test_images=..., test_labels=...), or with spikes in place of images"
            )
    values, labels = arrays[f"{part}_{kind}"], arrays[f"{part}_labels"]
    if values.dtype.kind not in "biu" or values.ndim < 2 or not values.size or (kind == "spikes" and values.ndim != 3):
        shape = "[samples, steps, inputs]" if kind == "spikes" else "[samples, pixels] or [samples, rows, columns]"
        raise RanvierError(
            f"Data {path} must have integers of shape {shape} in {part}_{kind}, not {values.dtype} {list(values.shape)}"
        )
    top = 1 if kind == "spikes" else _MAX_LEVELS
    if values.min() < 0 or values.max() > top:
        wrong = values.min() if values.min() < 0 else values.max()
        raise RanvierError(f"Data {path} must have 0..{top} in {part}_{kind}, not {wrong}")
    if labels.dtype.kind not in "iu" or labels.shape != (len(values),):
        raise RanvierError(
            f"Data {path} must have one integer label for each of {len(values)} {part} samples, not {labels.dtype}"
            f" {list(labels.shape)}"
        )
    values = values.astype(bool) if kind == "spikes" else values.reshape(len(values), -1)
    return Split(values, labels.astype(np.int64))
