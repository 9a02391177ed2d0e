"""The loop of a training: epochs, batches, checkpoints; whichever engine does the work."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ranvier.golden.train.bptt import TrainingState

from .checkpoint import CHECKPOINT, Checkpoint, Position
from .coding import Course, in_parts
from .engine import Engine
from .plan import TrainingPlan
from .results import EpochFigures, Tally, epoch_figures, loss_scale

_SAVED_EVERY_S = 300  # within an epoch, in case the power fails


@dataclass(frozen=True)
class Moment:
    """Where a training is: ``done`` of ``total`` samples of ``epoch`` (from 0), in training or in testing; the mean
    loss and the accuracy over them so far."""

    epoch: int
    testing: bool
    done: int
    total: int
    loss: float
    accuracy: float


class Session:
    """Trains ``plan`` on ``engine`` from ``checkpoint`` (None: from the start), keeping checkpoints in ``folder``.

    ``watch`` is told after each few samples, ``finished`` after each epoch. ``stop`` is asked between any two calls of
    the engine: once it says yes, a checkpoint is written and :meth:`run` returns False.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        engine: Engine,
        folder: Path,
        checkpoint: Checkpoint | None = None,
        *,
        watch: Callable[[Moment], None] = lambda moment: None,
        finished: Callable[[EpochFigures], None] = lambda figures: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.plan, self.engine = plan, engine
        self._path, self._watch, self._finished, self._stop = folder / CHECKPOINT, watch, finished, stop
        start = checkpoint or Checkpoint(TrainingState.fresh(plan.setup, plan.training.seed))
        engine.load(start.state)
        self.position: Position = start.position
        self._saved = time.monotonic()

    @property
    def figures(self) -> list[EpochFigures]:
        """Of each finished epoch."""
        return self.position.epochs

    def run(self) -> bool:
        """Train to the end: True; or until it is stopped, False. Raises RanvierError where a file cannot be written."""
        while len(self.figures) < self.plan.training.epochs:
            if not (self._train() and self._test()):
                self.save()
                return False
            self.save()
            self._finished(self.figures[-1])
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        Checkpoint(self.engine.save(), self.position).save(self._path, self.plan.hash, self.plan.setup)
        self._saved = time.monotonic()

    def _train(self) -> bool:
        plan, epoch = self.plan, len(self.figures)
        training, batch = plan.training, plan.setup.batch
        course = Course(plan.data, plan.setup.steps, training.seed, epoch, training.shifted)
        while self.position.samples < len(course):
            if self._stop():
                return False
            start = self.position.samples
            batch_end = min(start - start % batch + batch, len(course))
            stop = min(start + self.engine.chunk, batch_end)
            samples = course.part(start, stop)
            rate = plan.rates.rate(epoch, (start - start % batch) / len(course))
            began = time.perf_counter()
            outcome = self.engine.learn(samples.spikes, samples.labels, end=stop == batch_end, rate=rate)
            tally = self.position.tally.plus(outcome, samples.labels, time.perf_counter() - began)
            self.position = Position(epochs=self.figures, samples=stop, tally=tally)
            self._tell(False, tally, len(course))
            if time.monotonic() - self._saved > _SAVED_EVERY_S:
                self.save()
        return True

    def _test(self) -> bool:
        plan, epoch = self.plan, len(self.figures)
        tally, split = Tally(), plan.data.test
        for samples in in_parts(plan.data, split, plan.setup.steps, self.engine.chunk):
            if self._stop():
                return False
            began = time.perf_counter()
            outcome = self.engine.assess(samples.spikes, samples.labels)
            tally = tally.plus(outcome, samples.labels, time.perf_counter() - began)
            self._tell(True, tally, len(split))
        last_batch = (len(plan.data.train) - 1) // plan.setup.batch * plan.setup.batch / len(plan.data.train)
        rates = plan.rates.rate(epoch, 0.0), plan.rates.rate(epoch, last_batch)
        figures = epoch_figures(plan.setup, epoch, self.engine.name, rates, self.position.tally, tally)
        self.position = Position(epochs=[*self.figures, figures])
        return True

    def _tell(self, testing: bool, tally: Tally, total: int) -> None:
        loss = tally.loss * loss_scale(self.plan.setup) / tally.samples
        accuracy = tally.correct / tally.samples
        self._watch(Moment(len(self.figures), testing, tally.samples, total, loss, accuracy))
