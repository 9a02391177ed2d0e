"""Values for an encoder: ``.npz`` and ``.npy`` files, or random ones."""

from pathlib import Path

import numpy as np

from ranvier.golden.codes.address import COLUMNS, AddressEvents
from ranvier.golden.codes.delta import Delta
from ranvier.golden.codes.registry import Code
from ranvier.golden.codes.static import StaticCode

from .config import Stimulus
from .errors import RanvierError
from .network import channels_last
from .stimulus import Samples, checked_labels, load_npy, load_npz

_CAMERA = ("x", "y", "p", "t")
_RANDOM_EVENTS = 0.1  # of each axon in a step


def load_values(
    stimulus: Stimulus, code: Code, shape: tuple[int, ...], seed: int, random_samples: int, classes: int | None
) -> Samples:
    """The samples of the stimulus file as ``code`` encodes them, or ``random_samples`` random ones.

    ``.npz``: ``values`` ``[samples, inputs]``, or of delta modulation ``[samples, steps, inputs]``, and, if known,
    ``labels`` ``[samples]``; of address events ``x``, ``y``, ``p`` and ``t`` ``[events]``, and ``sample`` ``[events]``,
    without which there is one. ``.npy``: the values. ``shape``: of the network's input, channels first; the values are
    in that order, with as many channels as there are values for each pixel, and may have that shape, too. Raises
    RanvierError where values or shapes do not fit.
    """
    path, labels = stimulus.file, None
    if path is None:
        return _encoded(None, code, _random(code, np.random.default_rng(seed), random_samples))
    if path.suffix == ".npz":
        names = (*_CAMERA, "sample") if isinstance(code, AddressEvents) else ("values",)
        arrays = load_npz(path, (*names, "labels"))
        labels = arrays.pop("labels", None)
        values = _events(path, arrays) if isinstance(code, AddressEvents) else _named(path, arrays)
    elif path.suffix == ".npy" and not isinstance(code, AddressEvents):
        values = load_npy(path)
    else:
        kinds = ".npz" if isinstance(code, AddressEvents) else ".npz or .npy"
        raise RanvierError(f"Stimulus {path} must be {kinds}, as the encoder's code is {code.name}")
    if not isinstance(code, AddressEvents):
        values = _in_order(path, values, code, shape)
    samples = _encoded(path, code, values)
    if labels is None:
        return samples
    return Samples(samples.spikes, checked_labels(path, labels, len(samples.spikes), classes), samples.transfers)


def _encoded(path: Path | None, code: Code, values: np.ndarray) -> Samples:
    try:
        return Samples(code.encode(values), None, code.transfers(values))
    except ValueError as error:
        raise RanvierError(f"Stimulus {path}: {error}") from None


def _random(code: Code, random: np.random.Generator, samples: int) -> np.ndarray:
    if not isinstance(code, AddressEvents):
        shape = (samples, code.steps, code.inputs) if isinstance(code, Delta) else (samples, code.inputs)
        return random.integers(0, code.maximum + 1, shape)
    events = max(int(code.axons * code.steps * _RANDOM_EVENTS), 1)
    bounds = code.columns, code.rows, 2, code.duration
    values = np.stack([random.integers(0, bound, (samples, events)) for bound in bounds], axis=-1)
    values[..., -1].sort(axis=1)
    return values


def _named(path: Path, arrays: dict[str, np.ndarray]) -> np.ndarray:
    if "values" not in arrays:
        raise RanvierError(
            f"Stimulus {path} has no array 'values', which the encoder needs; write it with"
            " numpy.savez(file, values=...)"
        )
    return arrays["values"]


def _in_order(path: Path, values: np.ndarray, code: StaticCode | Delta, shape: tuple[int, ...]) -> np.ndarray:
    """Whole numbers, the inputs in one axis with channels last."""
    numbers = values.dtype.kind in "biuf" and values.size
    if not numbers or not (np.isfinite(values) & (values == np.floor(values))).all():
        raise RanvierError(f"Stimulus {path} must hold whole numbers, scaled to 0 … {code.maximum} by who makes it")
    if len(shape) > 1:
        shape = (shape[0] * code.inputs // code.axons, *shape[1:])
        if values.ndim > len(shape) and values.shape[-len(shape) :] == shape:
            values = values.reshape(*values.shape[: -len(shape)], code.inputs)
        if values.ndim and values.shape[-1] == code.inputs:  # else the code says what is wrong
            values = values[..., channels_last(shape)]
    return values.astype(np.int64)


def _events(path: Path, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Events of one recording, or of several by their ``sample``, as the code takes them."""
    missing = [name for name in _CAMERA if name not in arrays]
    if missing:
        raise RanvierError(
            f"Stimulus {path} must have the arrays x, y, p and t of a camera's events; {missing[0]} is missing"
        )
    sample = arrays.get("sample", np.zeros(arrays["x"].shape, np.int64))
    columns = [*(arrays[name] for name in _CAMERA), sample]
    shapes = {array.shape for array in columns}
    if len(shapes) != 1 or sample.ndim != 1 or any(array.dtype.kind not in "biu" for array in columns):
        found = ", ".join(f"{array.dtype} {list(array.shape)}" for array in columns)
        raise RanvierError(f"Stimulus {path} must have x, y, p, t and sample as integers [events], not {found}")
    if not sample.size:
        raise RanvierError(f"Stimulus {path} must have an event at least")
    if arrays["x"].min() < 0:
        raise RanvierError(f"Stimulus {path} must have x from 0 up, not {arrays['x'].min()}")
    number = sample.astype(np.int64)
    if number[0] < 0 or (number[1:] < number[:-1]).any() or number[-1] >= 1 << 20:
        raise RanvierError(f"Stimulus {path} must have its events in the order of 'sample', counted from 0")
    counts = np.bincount(number)
    place = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    values = np.full((len(counts), max(int(counts.max()), 1), len(COLUMNS)), -1, np.int64)
    values[number, place] = np.stack([array.astype(np.int64) for array in columns[:-1]], axis=-1)
    return values
