"""The figures of a training, epoch by epoch: ``training.json``."""

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from ranvier.golden.train.loss import LOSS_FRACTION_BITS, CountError
from ranvier.golden.train.setup import TrainingSetup

from .engine import SATURATIONS, Outcome


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Tally(_Record):
    """What has been counted over some samples: sums, as integers, so that they add up the same in every order.

    ``spikes``: of the input and of each layer; ``gradients``: of potentials, not 0, of each layer; ``saturations`` by
    phase; ``cycles`` by phase, over ``cycle_samples`` of the samples.
    """

    samples: int = 0
    loss: int = 0
    correct: int = 0
    spikes: list[int] = []
    gradients: list[int] = []
    saturations: list[int] = []
    cycles: dict[str, int] = {}
    cycle_samples: int = 0
    seconds: float = 0.0

    def plus(self, outcome: Outcome, labels: np.ndarray, seconds: float) -> "Tally":
        """The tally with some samples more."""
        cycles = {name: self.cycles.get(name, 0) + more for name, more in outcome.cycles.items()}
        return Tally(
            samples=self.samples + len(labels),
            loss=self.loss + int(outcome.loss.sum()),
            correct=self.correct + int((outcome.prediction == labels).sum()),
            spikes=_sum(self.spikes, outcome.spikes),
            gradients=_sum(self.gradients, outcome.gradients),
            saturations=_sum(self.saturations, outcome.saturations),
            cycles=cycles or self.cycles,
            cycle_samples=self.cycle_samples + (len(labels) if cycles else 0),
            seconds=self.seconds + seconds,
        )


def _sum(before: list[int], more: np.ndarray) -> list[int]:
    return [a + int(b) for a, b in zip(before or [0] * len(more), more, strict=True)]


class EpochFigures(_Record):
    """One epoch. Losses are means a sample; ``rate`` is the optimiser's factor at its begin and end.

    ``spikes``: share of the axon-steps or neuron-steps that spike, of the input and each layer; ``gradients``: share of
    the gradients of potentials that are not 0, of each layer (training); ``saturations``: of the training, by phase;
    ``cycles``: of the training, by phase, a sample (RTL only); ``samples_per_second`` of the training.
    """

    epoch: int
    engine: str
    rate: tuple[int, int]
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    spikes: dict[str, float]
    gradients: dict[str, float]
    saturations: dict[str, int]
    cycles: dict[str, float] | None
    seconds: float
    samples_per_second: float


class Check(_Record):
    """What ``--check`` replayed in RTL."""

    samples: int
    compared: int
    mismatches: int
    first: str | None


class TrainingResult(_Record):
    """All of ``training.json``; docs/training.md explains the fields."""

    format: Literal[1] = 1
    name: str
    hash: str
    configuration: dict[str, Any]
    layers: list[int]
    loss_unit: Literal["nats", "squared spikes"]
    train_samples: int
    test_samples: int
    epochs: list[EpochFigures]
    finished: bool
    check: Check | None = None
    files: list[str] = []


def epoch_figures(
    setup: TrainingSetup, epoch: int, engine: str, rate: tuple[int, int], train: Tally, test: Tally
) -> EpochFigures:
    """The figures of an epoch (from 0) from what was counted in it."""
    sizes = {"input": setup.inputs} | {layer.name: layer.neurons for layer in setup.layers}
    scale = loss_scale(setup)
    return EpochFigures(
        epoch=epoch + 1,
        engine=engine,
        rate=rate,
        train_loss=train.loss * scale / train.samples,
        train_accuracy=train.correct / train.samples,
        test_loss=test.loss * scale / test.samples,
        test_accuracy=test.correct / test.samples,
        spikes={
            name: count / (train.samples * setup.steps * size)
            for (name, size), count in zip(sizes.items(), train.spikes, strict=True)
        },
        gradients={
            layer.name: count / (train.samples * setup.steps * layer.neurons)
            for layer, count in zip(setup.layers, train.gradients, strict=True)
        },
        saturations=dict(zip(SATURATIONS, train.saturations, strict=True)),
        cycles={name: count / train.cycle_samples for name, count in train.cycles.items()} or None,
        seconds=round(train.seconds + test.seconds, 3),
        samples_per_second=round(train.samples / max(train.seconds, 1e-9), 1),
    )


def loss_scale(setup: TrainingSetup) -> float:
    """What one integer of the loss is worth, of a sample: nats, averaged over the steps for TET, or squared spikes."""
    if isinstance(setup.loss, CountError):
        return 1.0
    return 2.0**-LOSS_FRACTION_BITS / (setup.steps if setup.loss.every_step else 1)
