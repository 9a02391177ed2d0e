"""Codes of values that stand still for a sample: each value decides in every step what its axons send."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import Value
from ..generator import stream
from .checks import MAX_MAXIMUM, MAX_STEPS, check_range, check_values


@dataclass(frozen=True)
class Slot:
    """One axon in one step: the ``value`` that it codes, the number of the ``step``, which of the value's axons it is
    (``unit``), the number that is drawn for it (32 bits), and what the axon has ``kept`` from the step before, 0 in the
    first."""

    value: Value
    step: Value
    unit: Value
    draw: Value
    kept: Value


@dataclass(frozen=True, kw_only=True)
class StaticCode(ABC):
    """``inputs`` values of ``0 … maximum``, each sent to ``units`` axons in each of ``steps`` steps.

    Axon ``n * units + unit`` belongs to value ``n``. A code that draws numbers has the ``seed`` of a generator, which
    is set to it at the start of every sample: the number of axon ``n`` in step ``t`` is state ``t * axons + n`` of the
    one sequence that begins with ``seed`` (:mod:`..generator`), so that a sample's spikes depend on none before it.

    Raises ValueError.
    """

    name: ClassVar[str]
    draws: ClassVar[bool] = False
    inputs: int
    steps: int
    maximum: int

    def __post_init__(self) -> None:
        check_range(self.name, "Inputs", self.inputs, 1, 1 << 20)
        check_range(self.name, "Steps", self.steps, 1, MAX_STEPS)
        check_range(self.name, "Maximum", self.maximum, 1, MAX_MAXIMUM)

    @property
    def units(self) -> int:
        """Axons of a value."""
        return 1

    @property
    def axons(self) -> int:
        return self.inputs * self.units

    @property
    def levels(self) -> int:
        """Most events of an axon in a step."""
        return 1

    @property
    def kept_width(self) -> int:
        """Bits of what an axon keeps."""
        return 0

    @property
    def first_state(self) -> int:
        """Of the generator."""
        return 0

    @property
    def fields(self) -> dict[str, int]:
        """Of what a host sends: the name of each, and its bits; low ones first."""
        return {"value": self.maximum.bit_length(), "sample_end": 1}

    @abstractmethod
    def emit(self, slot: Slot) -> tuple[Value, Value]:
        """How many events the axon of ``slot`` sends, and what it keeps; ints, NumPy, torch or Amaranth."""

    def encode(self, values: np.ndarray) -> np.ndarray:
        """``values`` ``[samples, inputs]`` as spikes ``[samples, steps, axons]``: bool, or uint8 where they are graded.
        Raises ValueError."""
        check_values(self.name, values, ("samples", self.inputs), self.maximum)
        given = values.astype(np.int64)[:, :, None]
        unit = np.arange(self.units)
        draws = np.zeros((self.steps, self.inputs, self.units), np.int64)
        if self.draws:
            draws = stream(np.array([self.first_state]), draws.size)[0].reshape(draws.shape)
        spikes = np.zeros((len(values), *draws.shape), bool if self.levels == 1 else np.uint8)
        kept: Value = np.zeros_like(given)
        for step in range(self.steps):
            spikes[:, step], kept = self.emit(Slot(given, step, unit, draws[step], kept))
        return spikes.reshape(len(values), self.steps, self.axons)

    def transfers(self, values: np.ndarray) -> np.ndarray:
        """What a host sends for ``values`` ``[samples, inputs]``: int64 ``[samples, inputs, fields]``."""
        last = np.broadcast_to(np.arange(self.inputs) == self.inputs - 1, values.shape)
        return np.stack([values, last], axis=-1).astype(np.int64)
