"""Address events of an event camera: a pixel says that it has become brighter or darker, and when (Lichtsteiner, Posch
and Delbruck 2008)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import Value, cut
from .checks import MAX_STEPS, check_range

TIME_WIDTH = 32
COLUMNS = ("x", "y", "polarity", "time")
MAX_SIDE = 1 << 12
MAX_LEVELS = 255


@dataclass(frozen=True, kw_only=True)
class AddressEvents:
    """Events of a camera of ``rows`` times ``columns`` pixels, binned: step ``t`` has those of ``t * interval <= time <
    (t + 1) * interval``, with times since the sample's start.

    Event (x, y, polarity) is one of axon ``(y * columns + x) * 2 + polarity``: an image with two channels, channels
    last. More than ``levels`` events of an axon in a step are as many as ``levels``. Raises ValueError.
    """

    name: ClassVar[str] = "address"
    rows: int
    columns: int
    steps: int
    interval: int
    levels: int = 1

    def __post_init__(self) -> None:
        check_range(self.name, "Rows", self.rows, 1, MAX_SIDE)
        check_range(self.name, "Columns", self.columns, 1, MAX_SIDE)
        check_range(self.name, "Steps", self.steps, 1, MAX_STEPS)
        check_range(self.name, "Interval", self.interval, 1, ((1 << TIME_WIDTH) - 1) // self.steps)
        check_range(self.name, "Levels", self.levels, 1, MAX_LEVELS)

    @property
    def axons(self) -> int:
        return self.rows * self.columns * 2

    @property
    def duration(self) -> int:
        """Times of a sample lie below."""
        return self.steps * self.interval

    @property
    def fields(self) -> dict[str, int]:
        """Of what a host sends: the name of each, and its bits; low ones first."""
        x, y = (max((side - 1).bit_length(), 1) for side in (self.columns, self.rows))
        return {"x": x, "y": y, "polarity": 1, "time": TIME_WIDTH, "sample_end": 1}

    def axon(self, x: Value, y: Value, polarity: Value) -> Value:
        """Of an event; ints, NumPy, torch or Amaranth."""
        line, x, polarity = cut(y * self.columns, x, polarity)
        return (line + x) * 2 + polarity

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Events ``[samples, events, (x, y, polarity, time)]`` as spikes ``[samples, steps, axons]``, bool, or uint8
        where they are graded. Rows with an x of -1 are none. Raises ValueError for others that are out of range or
        order."""
        if values.dtype.kind not in "iu" or values.ndim != 3 or values.shape[2] != len(COLUMNS):
            shape = f"{values.dtype} {list(values.shape)}"
            raise ValueError(f"Events for code address must be integers [samples, events, {len(COLUMNS)}], not {shape}")
        spikes = np.zeros((len(values), self.steps, self.axons), np.int64)
        for sample, rows in enumerate(values.astype(np.int64)):
            events = rows[rows[:, 0] != -1]
            self._check(sample, events)
            x, y, polarity, time = events.T
            np.add.at(spikes[sample], (time // self.interval, self.axon(x, y, polarity)), 1)
        limited = np.minimum(spikes, self.levels)
        return limited.astype(bool if self.levels == 1 else np.uint8)

    def _check(self, sample: int, events: np.ndarray) -> None:
        for name, numbers, bound in zip(COLUMNS, events.T, (self.columns, self.rows, 2, self.duration), strict=True):
            wrong = (numbers < 0) | (numbers >= bound)
            if wrong.any():
                first = int(np.argmax(wrong))
                raise ValueError(
                    f"Events for code address must have {name} 0..{bound - 1}, not {numbers[first]} of event {first} in"
                    f" sample {sample}"
                )
        time = events[:, 3]
        back = time[1:] < time[:-1]
        if back.any():
            first = int(np.argmax(back)) + 1
            raise ValueError(
                f"Events for code address must be in the order of their time, not {time[first]} of event {first} in"
                f" sample {sample} after {time[first - 1]}"
            )

    def transfers(self, values: np.ndarray) -> np.ndarray:
        """What a host sends for events as of :meth:`encode`: int64 ``[samples, events + 1, fields]``, the last with
        ``sample_end``; rows with an x of -1 are none."""
        samples, events, _ = values.shape
        sent = np.zeros((samples, events + 1, len(self.fields)), np.int64)
        sent[:, :-1, :-1] = values
        sent[:, -1, -1] = 1
        return sent
