"""What a decoder says after every step."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Decoded:
    """``predictions``: the class after each step, int64 ``[samples, steps]``. ``exits``: whether the answer needs no
    further step, bool ``[samples, steps]``. ``mean``: of a population vector, numerator and denominator after each
    step, int64 ``[2, samples, steps]``; 0 / 0 where nothing has fired.
    """

    predictions: np.ndarray
    exits: np.ndarray
    mean: np.ndarray | None = None

    @property
    def answers(self) -> np.ndarray:
        """The class of each sample after its last step."""
        return np.asarray(self.predictions[:, -1])

    @property
    def exit_steps(self) -> np.ndarray:
        """The first step, from 0, after which each sample may end; its last one where there is none before."""
        last = self.exits.shape[1] - 1
        return np.asarray(np.where(self.exits.any(axis=1), self.exits.argmax(axis=1), last))

    @property
    def exit_answers(self) -> np.ndarray:
        """The class of each sample if it ends there."""
        return np.asarray(self.predictions[np.arange(len(self.predictions)), self.exit_steps])
