"""Samples of a training that golden runs, learned again in RTL: every value of both compared."""

from collections.abc import Callable

import numpy as np

from ranvier.gen.training.engine import GoldenEngine, Outcome
from ranvier.gen.training.images import Samples
from ranvier.gen.training.results import Check
from ranvier.golden.train.bptt import TrainingState

from .compare import Comparison, Tally
from .device import TrainerDevice

_RUN = 8  # samples at a point of the run: the state is written into the trainer for all of them together


class CheckedEngine:
    """:class:`GoldenEngine`, of whose ``total`` samples to learn from ``count`` (or a few more) at random points are
    replayed on ``device``, from the state that golden had there: up to 8 in a row, as far as their batch goes.

    ``position``: of the first sample to come, in the whole training. ``watch`` is told after each point.
    """

    name = "golden"

    def __init__(
        self,
        golden: GoldenEngine,
        device: TrainerDevice,
        *,
        count: int,
        total: int,
        seed: int,
        position: int = 0,
        watch: Callable[[int], None] = lambda samples: None,
    ) -> None:
        self.chunk = _RUN
        self._golden, self._device, self._watch = golden, device, watch
        self._total, self._count, self._position = total, count, position
        self._random = np.random.default_rng([seed, position, count])
        self._replayed, self._tallies = 0, list[Tally]()

    def load(self, state: TrainingState) -> None:
        self._golden.load(state)

    def save(self) -> TrainingState:
        return self._golden.save()

    def learn(self, spikes: np.ndarray, labels: np.ndarray, *, end: bool, rate: int) -> Outcome:
        # So many of the chunks that are left as are wanted yet; the last ones, if too few were taken before.
        left, wanted = self._total - self._position, max(self._count - self._replayed, 0)
        chosen = self._random.random() * -(-left // _RUN) < -(-wanted // _RUN)
        before = self._golden.save() if chosen else None
        self._position += len(labels)
        outcome = self._golden.learn(spikes, labels, end=end, rate=rate)
        if before is not None:
            self._replay(before, spikes, labels, end, rate)
        return outcome

    def assess(self, spikes: np.ndarray, labels: np.ndarray) -> Outcome:
        return self._golden.assess(spikes, labels)

    def result(self) -> Check:
        """What has been compared so far."""
        firsts = [tally.first for tally in self._tallies if tally.first is not None]
        return Check(
            samples=self._replayed,
            compared=sum(tally.total for tally in self._tallies),
            mismatches=sum(tally.wrong for tally in self._tallies),
            first=firsts[0] if firsts else None,
        )

    def _replay(self, state: TrainingState, spikes: np.ndarray, labels: np.ndarray, end: bool, rate: int) -> None:
        comparison = Comparison(self._device, state)
        comparison.run(Samples.to_learn(spikes, labels, end=end, rate=rate))
        comparison.check_state()
        self._tallies.append(comparison.tally)
        self._replayed += len(labels)
        self._watch(self._replayed)
