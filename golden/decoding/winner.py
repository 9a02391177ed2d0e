"""Decoders whose answer is the neuron of the greatest score."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from ..fixed import Value, let
from .decoded import Decoded


def require_steps(steps: int, most: int) -> None:
    """Raise ValueError where samples of ``steps`` are longer than a decoder's ``most``."""
    if steps > most:
        raise ValueError(f"Samples must have at most the {most} steps of the decoder, not {steps}")


@dataclass(frozen=True, kw_only=True)
class Winner(ABC):
    """The neuron of the greatest score; of equal ones the lowest, as argmax has it.

    ``neurons``: classes; ``steps``: of a sample, at most. A sample may end early once no other neuron can still win,
    whatever the steps that remain bring; with a ``margin`` also once the best leads the second best by so much. Raises
    ValueError for sizes below 1.
    """

    neurons: int
    steps: int
    margin: int | None = None

    name: ClassVar[str]
    readout: ClassVar[bool] = False
    """Whether it decodes potentials, one of each neuron in every step, instead of spikes."""

    def __post_init__(self) -> None:
        for field in fields(self):
            size = getattr(self, field.name)
            if type(size) is int and size < 1:
                what = field.name.replace("_", " ").capitalize()
                raise ValueError(f"{what} of decoder {self.name} must be at least 1, not {size}")

    @property
    def value_width(self) -> int | None:
        """Of a potential, in bits; None for spikes."""
        return None

    @property
    @abstractmethod
    def score_range(self) -> tuple[int, int]:
        """Least and greatest score within ``steps``."""

    @abstractmethod
    def advance(self, score: Value, value: Value, remaining: Value) -> Value:
        """The score of a neuron after its spike or potential ``value``, when ``remaining`` steps follow this one;
        before the first it is 0."""

    @abstractmethod
    def reach(self, remaining: Value) -> Value:
        """By how much the lead of one neuron over another can shrink in ``remaining`` steps."""

    def exits(self, best: Value, second: Value, ahead: Value, remaining: Value) -> Value:
        """Whether the answer needs no further step, by the two greatest scores; ``ahead``: the best has the lower
        index, so that it wins a tie."""
        lead, reach = let(best - second, "lead"), let(self.reach(remaining), "reach")
        certain = (lead > reach) | ((lead == reach) & ahead)
        return certain if self.margin is None else certain | (lead >= self.margin)

    def decode(self, spikes: np.ndarray, membrane: np.ndarray) -> Decoded:
        """Of the last layer ``spikes`` (bool, or numbers where they have a value) and ``membrane`` (integers, or the
        floats of a network that is not quantised), both ``[samples, steps, neurons]``. Raises ValueError where there
        are more steps than ``steps``."""
        samples, steps, neurons = spikes.shape
        require_steps(steps, self.steps)
        everyone = np.arange(samples)
        score = np.zeros((samples, neurons), membrane.dtype)
        predictions, exits = np.zeros((samples, steps), np.int64), np.ones((samples, steps), bool)
        for step in range(steps):
            remaining = self.steps - 1 - step
            values = (membrane if self.readout else spikes)[:, step].astype(score.dtype)
            moved = self.advance(score, values, remaining)
            score = moved if self.readout else np.where(values != 0, moved, score)
            predictions[:, step] = best = score.argmax(axis=1)
            if neurons > 1:
                others = score.copy()
                others[everyone, best] = score.min(axis=1) - 1  # less than any
                second = others.argmax(axis=1)
                greatest = score[everyone, best], score[everyone, second]
                exits[:, step] = self.exits(*greatest, best < second, remaining)
        return Decoded(predictions, exits)
