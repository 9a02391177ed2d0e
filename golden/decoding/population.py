"""The population vector: the mean of the values that neurons prefer, weighted by their spikes."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .decoded import Decoded
from .winner import require_steps

MOST = (1 << 15) - 1


@dataclass(frozen=True, kw_only=True)
class Population:
    """``sum(preferred[n] * spikes of n) / sum(spikes of n)``, an exact fraction of two integers.

    ``preferred``: a value for each of the ``neurons``, -32767 to 32767; ``steps``: of a sample, at most; a spike of a
    value up to ``levels`` counts as so many. Its class is the neuron whose preferred value is nearest to the mean, of
    equally near ones the lowest; neuron 0 before anything has fired. Every spike moves a mean, so that it is certain
    only after the last of ``steps``. Raises ValueError.
    """

    neurons: int
    steps: int
    preferred: tuple[int, ...]
    levels: int = 1

    name: ClassVar[str] = "population"
    readout: ClassVar[bool] = False
    value_width: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        for field in ("neurons", "steps", "levels"):
            if getattr(self, field) < 1:
                raise ValueError(
                    f"{field.capitalize()} of decoder population must be at least 1, not {getattr(self, field)}"
                )
        if len(self.preferred) != self.neurons:
            raise ValueError(
                f"Decoder population must have a preferred value for each of {self.neurons} neurons, "
                f"not {len(self.preferred)}"
            )
        beyond = [value for value in self.preferred if abs(value) > MOST]
        if beyond:
            raise ValueError(f"Preferred values of decoder population must be -{MOST} to {MOST}, not {beyond[0]}")

    @property
    def numerator_range(self) -> tuple[int, int]:
        """Least and greatest numerator within ``steps``, 0 among them."""
        values, most = np.array(self.preferred), self.steps * self.levels
        return most * int(values.clip(max=0).sum()), most * int(values.clip(min=0).sum())

    @property
    def denominator_max(self) -> int:
        return self.steps * self.neurons * self.levels

    def decode(self, spikes: np.ndarray, membrane: np.ndarray) -> Decoded:
        """Of the last layer ``spikes``, bool or numbers ``[samples, steps, neurons]``; its ``membrane`` counts for
        nothing. Raises ValueError where there are more steps than ``steps``."""
        require_steps(spikes.shape[1], self.steps)
        spikes, preferred = spikes.astype(np.int64), np.array(self.preferred, np.int64)
        numerator = (spikes @ preferred).cumsum(axis=1)
        denominator = spikes.sum(axis=2, dtype=np.int64).cumsum(axis=1)
        away = np.abs(preferred * denominator[..., None] - numerator[..., None])
        exits = np.arange(spikes.shape[1]) == self.steps - 1
        mean = np.stack([numerator, denominator])
        return Decoded(away.argmin(axis=2), np.broadcast_to(exits, spikes.shape[:2]), mean)
