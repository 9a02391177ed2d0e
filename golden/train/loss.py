"""Losses on the outputs of the last layer, and their gradients, in integers.

:class:`CrossEntropy` works on membrane potentials of leaky integrators, on their sum over the steps or at every step
(TET, Deng et al. 2022); :class:`CountError` on the spike counts of neurons that fire. Division and search are
loops; hardware does them in its own order.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ..fixed import Value, let, lookup, round_shift, select, shift_right

LOSS_FRACTION_BITS = 8  # of the loss of a cross-entropy, in nats
MAX_FRACTION_BITS = 20  # of exponentials, probabilities and errors: int64 holds every product
_LOG_STEP_BITS = 4  # the logarithm's table has this many steps for a factor of e**0, linear in the sum


@dataclass(frozen=True)
class Softmax:
    """Soft maximum by a table of exponentials and one reciprocal.

    ``unit_bits``: potentials of ``2**unit_bits`` are one nat; ``step_bits``: entries for a nat; ``entries`` of them,
    after which the exponential is 0. ``exponential_bits`` and ``probability_bits``: fraction bits of both.
    """

    classes: int
    unit_bits: int
    step_bits: int = 4
    entries: int = 128
    exponential_bits: int = 12
    probability_bits: int = 12

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise ValueError(f"Classes must be at least 2, not {self.classes}")
        if self.unit_bits < self.step_bits:
            raise ValueError(f"Unit bits of the softmax must be at least {self.step_bits}, not {self.unit_bits}")
        if not 0 <= self.step_bits <= LOSS_FRACTION_BITS:
            raise ValueError(f"Step bits of the softmax must be 0..{LOSS_FRACTION_BITS}, not {self.step_bits}")
        if self.entries < 2:
            raise ValueError(f"Entries of the softmax must be at least 2, not {self.entries}")
        if not _LOG_STEP_BITS <= self.exponential_bits <= MAX_FRACTION_BITS:
            raise ValueError(
                f"Exponential bits of the softmax must be {_LOG_STEP_BITS}..{MAX_FRACTION_BITS}, "
                f"not {self.exponential_bits}"
            )
        if not 1 <= self.probability_bits <= MAX_FRACTION_BITS:
            raise ValueError(
                f"Probability bits of the softmax must be 1..{MAX_FRACTION_BITS}, not {self.probability_bits}"
            )

    @cached_property
    def exponentials(self) -> tuple[int, ...]:
        """``exp(-index / 2**step_bits)``; the last entry, which also stands for all beyond, is 0."""
        one, step = 1 << self.exponential_bits, 1 << self.step_bits
        return (*(round(one * math.exp(-index / step)) for index in range(self.entries - 1)), 0)

    @cached_property
    def logarithms(self) -> tuple[int, ...]:
        """``ln(total)`` in units of ``2**-LOSS_FRACTION_BITS``, by the upper bits of the sum of exponentials."""
        step = 1 << _LOG_STEP_BITS
        sums = range(step, self.classes * step + 1)
        return (*([0] * step), *(round((1 << LOSS_FRACTION_BITS) * math.log((i + 0.5) / step)) for i in sums))

    @property
    def dividend_bits(self) -> int:
        """The reciprocal is ``2**dividend_bits // total``."""
        return self.exponential_bits + self.probability_bits + self.classes.bit_length()

    def index(self, below: Value) -> Value:
        """Steps that a potential lies below the largest one, from their difference."""
        return shift_right(below, self.unit_bits - self.step_bits)

    def exponential(self, index: Value) -> Value:
        last = self.entries - 1
        return lookup(let(select(index > last, last, index), "entry"), self.exponentials)

    def probability(self, exponential: Value, reciprocal: Value) -> Value:
        """``probability_bits`` of fraction, rounded to nearest: rounded down, every error would pull all outputs up."""
        return round_shift(let(exponential * reciprocal, "share"), self.dividend_bits - self.probability_bits)

    def loss(self, label_index: Value, total: Value) -> Value:
        """``-ln`` of the label's probability, in units of ``2**-LOSS_FRACTION_BITS``."""
        entry = let(shift_right(total, self.exponential_bits - _LOG_STEP_BITS), "log_entry")
        return label_index * (1 << (LOSS_FRACTION_BITS - self.step_bits)) + lookup(entry, self.logarithms)


@dataclass(frozen=True)
class Assessment:
    """What a loss says of a batch: ``gradient`` int64 ``[samples, steps, classes]`` with respect to the outputs of each
    step, ``loss`` and ``prediction`` int64 ``[samples]`` (the first of the largest outputs)."""

    gradient: np.ndarray
    loss: np.ndarray
    prediction: np.ndarray


@dataclass(frozen=True)
class CrossEntropy:
    """Of the membrane potentials' sum over the steps; with ``every_step`` of each step's (TET), losses added up."""

    softmax: Softmax
    every_step: bool = False
    kind: Literal["cross_entropy"] = "cross_entropy"

    def assess(self, outputs: np.ndarray, labels: np.ndarray) -> Assessment:
        """``outputs``: membrane potentials int64 ``[samples, steps, classes]``."""
        total = outputs.sum(axis=1)
        scores = outputs if self.every_step else total[:, None, :]
        gradient, loss = self._gradient(scores, labels)
        gradient = np.broadcast_to(gradient, outputs.shape)
        return Assessment(gradient, loss.sum(axis=1), total.argmax(axis=1))

    def _gradient(self, scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        softmax = self.softmax
        index = softmax.index(scores.max(axis=2, keepdims=True) - scores)
        exponential = softmax.exponential(index)
        total = exponential.sum(axis=2)
        probability = softmax.probability(exponential, ((1 << softmax.dividend_bits) // total)[:, :, None])
        target = (np.arange(softmax.classes) == labels[:, None]).astype(np.int64) << softmax.probability_bits
        of_label = np.take_along_axis(index, labels[:, None, None], axis=2)[:, :, 0]
        return probability - target[:, None, :], softmax.loss(of_label, total)


@dataclass(frozen=True)
class CountError:
    """Half the square of ``count - target``: ``on`` spikes are wanted of the label's neuron, ``off`` of the others.

    The gradient is ``(count - target) * 2**gain_shift`` at every step; the loss is the sum of the squares.
    """

    classes: int
    on: int
    off: int = 0
    gain_shift: int = 8
    kind: Literal["count_error"] = "count_error"

    def __post_init__(self) -> None:
        if self.classes < 2:
            raise ValueError(f"Classes must be at least 2, not {self.classes}")
        if not 0 <= self.gain_shift <= MAX_FRACTION_BITS:
            raise ValueError(f"Gain shift must be 0..{MAX_FRACTION_BITS}, not {self.gain_shift}")

    def difference(self, count: Value, is_label: Value) -> Value:
        return count - select(is_label, self.on, self.off)

    def assess(self, outputs: np.ndarray, labels: np.ndarray) -> Assessment:
        """``outputs``: spikes, 0 or 1, int64 ``[samples, steps, classes]``."""
        count = outputs.sum(axis=1)
        difference = self.difference(count, np.arange(self.classes) == labels[:, None])
        gradient = np.broadcast_to((difference << self.gain_shift)[:, None, :], outputs.shape)
        return Assessment(gradient, (difference**2).sum(axis=1), count.argmax(axis=1))


Loss = CrossEntropy | CountError
