"""From images to spikes on the host, and the order of the samples: the same for the same seed and epoch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .data import DataSet, Split


def rate_code(images: np.ndarray, steps: int, levels: int) -> np.ndarray:
    """Integer pixels ``[samples, inputs]`` to spikes bool ``[samples, steps, inputs]``.

    A pixel p spikes in step t if ``floor((t+1) * p / levels) > floor(t * p / levels)``: spread evenly.
    """
    due = np.arange(steps + 1, dtype=np.int32)[:, None] * images[:, None, :].astype(np.int32) // levels
    spikes: np.ndarray = due[:, 1:] > due[:, :-1]
    return spikes


def shifted(images: np.ndarray, offsets: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """``images`` ``[samples, rows * columns]`` moved by ``offsets`` int ``[samples, 2]``, -1..1 pixels down and right;
    0 comes in from the edges."""
    rows, columns = shape
    padded = np.pad(images.reshape(len(images), rows, columns), ((0, 0), (1, 1), (1, 1)))
    row = 1 - offsets[:, 0, None] + np.arange(rows)
    column = 1 - offsets[:, 1, None] + np.arange(columns)
    moved: np.ndarray = padded[np.arange(len(images))[:, None, None], row[:, :, None], column[:, None, :]]
    return moved.reshape(len(images), -1)


@dataclass(frozen=True)
class Samples:
    """Spikes bool ``[samples, steps, inputs]`` and labels int64 ``[samples]``."""

    spikes: np.ndarray
    labels: np.ndarray


class Course:
    """The samples of one epoch in the order in which they are learned; ``share``: of those whose image is shifted."""

    def __init__(self, data: DataSet, steps: int, seed: int, epoch: int, share: float) -> None:
        self._data, self._steps = data, steps
        random = np.random.default_rng([seed, epoch])
        count = len(data.train)
        self._order = random.permutation(count)
        self._offsets: np.ndarray | None = None
        if share:
            chosen = random.random((count, 1)) < share
            self._offsets = np.where(chosen, random.integers(-1, 2, (count, 2)), 0)

    def __len__(self) -> int:
        return len(self._order)

    def part(self, start: int, stop: int) -> Samples:
        """Samples ``start`` … ``stop - 1`` of the epoch."""
        chosen = self._order[start:stop]
        values, shape = self._data.train.values[chosen], self._data.shape
        if self._offsets is not None and shape is not None:
            values = shifted(values, self._offsets[start:stop], shape)
        return Samples(coded(self._data, values, self._steps), self._data.train.labels[chosen])


def coded(data: DataSet, values: np.ndarray, steps: int) -> np.ndarray:
    """Values of ``data`` as spikes."""
    return values if data.levels is None else rate_code(values, steps, data.levels)


def in_parts(data: DataSet, split: Split, steps: int, size: int) -> Iterator[Samples]:
    """All samples of ``split`` in order, ``size`` at a time."""
    for start in range(0, len(split), size):
        values = split.values[start : start + size]
        yield Samples(coded(data, values, steps), split.labels[start : start + size])
