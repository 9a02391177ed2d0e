"""Delta modulation: events where a signal has moved (send on delta; Miskowicz 2006)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import Value, cut, let, select
from .checks import MAX_MAXIMUM, MAX_STEPS, check_range, check_values


@dataclass(frozen=True, kw_only=True)
class Delta:
    """``inputs`` signals of ``0 … maximum``, a value of each in every one of at most ``steps`` steps.

    Axon ``2 * n`` sends an event where signal ``n`` has risen by more than ``threshold`` since its last event, axon
    ``2 * n + 1`` where it has fallen by more; it then counts from there. The first step's values are where signals
    begin, and make no events. Raises ValueError.
    """

    name: ClassVar[str] = "delta"
    inputs: int
    steps: int
    maximum: int
    threshold: int

    def __post_init__(self) -> None:
        check_range(self.name, "Inputs", self.inputs, 1, 1 << 20)
        check_range(self.name, "Steps", self.steps, 1, MAX_STEPS)
        check_range(self.name, "Maximum", self.maximum, 1, MAX_MAXIMUM)
        check_range(self.name, "Threshold", self.threshold, 0, self.maximum - 1)

    @property
    def axons(self) -> int:
        return 2 * self.inputs

    @property
    def levels(self) -> int:
        """Most events of an axon in a step."""
        return 1

    @property
    def fields(self) -> dict[str, int]:
        """Of what a host sends: the name of each, and its bits; low ones first."""
        return {"value": self.maximum.bit_length(), "step_end": 1, "sample_end": 1}

    def compare(self, value: Value, reference: Value) -> tuple[Value, Value, Value]:
        """Whether ``value`` has risen and whether it has fallen since ``reference``, and the next reference; ints,
        NumPy, torch or Amaranth."""
        change = cut(let(value - reference, "change"))
        risen, fallen = cut(let(change > self.threshold, "risen"), let(change < -self.threshold, "fallen"))
        return risen, fallen, let(select(risen | fallen, value, reference), "next_reference")

    def encode(self, values: np.ndarray) -> np.ndarray:
        """``values`` ``[samples, steps, inputs]`` as spikes, bool ``[samples, steps, axons]``. Raises ValueError."""
        check_values(self.name, values, ("samples", "steps", self.inputs), self.maximum)
        samples, steps, _ = values.shape
        if steps > self.steps:
            raise ValueError(f"Values for code delta must have at most {self.steps} steps, not {steps}")
        signals = values.astype(np.int64)
        spikes = np.zeros((samples, steps, self.inputs, 2), bool)
        reference = signals[:, 0]
        for step in range(steps):
            risen, fallen, reference = self.compare(signals[:, step], reference)
            spikes[:, step] = np.stack([risen, fallen], axis=-1)
        return spikes.reshape(samples, steps, self.axons)

    def transfers(self, values: np.ndarray) -> np.ndarray:
        """What a host sends for ``values`` ``[samples, steps, inputs]``: int64 ``[samples, transfers, fields]``."""
        samples, steps, inputs = values.shape
        place = np.arange(steps * inputs)
        step_end = np.broadcast_to(place % inputs == inputs - 1, (samples, place.size))
        sample_end = np.broadcast_to(place == place.size - 1, step_end.shape)
        return np.stack([values.reshape(samples, -1), step_end, sample_end], axis=-1).astype(np.int64)
