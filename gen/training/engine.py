"""What trains: golden here, the RTL in :mod:`ranvier.sim.training.engine`. Both give the same numbers."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ranvier.golden.train import bptt
from ranvier.golden.train.bptt import BackwardTrace, ForwardTrace, TrainingState
from ranvier.golden.train.loss import Assessment
from ranvier.golden.train.setup import TrainingSetup

SATURATIONS = ("forward", "backward", "momentum")


@dataclass(frozen=True)
class Outcome:
    """What some samples gave: ``loss`` and ``prediction`` int64 ``[samples]``; of all of them together ``spikes`` int64
    ``[layers + 1]`` (the input's first), ``gradients`` int64 ``[layers]`` (of membrane potentials, that are not 0),
    ``saturations`` int64 by :data:`SATURATIONS`, and ``cycles`` by phase, where an engine has any."""

    loss: np.ndarray
    prediction: np.ndarray
    spikes: np.ndarray
    gradients: np.ndarray
    saturations: np.ndarray
    cycles: Mapping[str, int] = field(default_factory=dict)


class Engine(Protocol):
    """Trains one network. ``name``: golden or rtl; ``chunk``: how many samples at a time suit it."""

    name: str
    chunk: int

    def load(self, state: TrainingState) -> None:
        """Take over all training state."""

    def save(self) -> TrainingState:
        """A copy of all training state."""

    def learn(self, spikes: np.ndarray, labels: np.ndarray, *, end: bool, rate: int) -> Outcome:
        """Learn from samples of one batch, spikes bool ``[samples, steps, inputs]``; ``end``: the last ends it, and the
        weights move by ``rate``."""

    def assess(self, spikes: np.ndarray, labels: np.ndarray) -> Outcome:
        """Loss and prediction, without learning."""


class GoldenEngine:
    """The golden model, a batch at a time."""

    name = "golden"
    chunk = 64

    def __init__(self, setup: TrainingSetup) -> None:
        self._setup = setup
        self._state = TrainingState.fresh(setup, 0)

    def load(self, state: TrainingState) -> None:
        self._state = copy.deepcopy(state)

    def save(self) -> TrainingState:
        return copy.deepcopy(self._state)

    def learn(self, spikes: np.ndarray, labels: np.ndarray, *, end: bool, rate: int) -> Outcome:
        trace = bptt.learn(self._setup, self._state, spikes, labels)
        momentum = bptt.update(self._setup, self._state, rate) if end else 0
        return _outcome(spikes, trace.forward, trace.assessment, trace.backward, momentum)

    def assess(self, spikes: np.ndarray, labels: np.ndarray) -> Outcome:
        traces = bptt.forward(self._setup, self._state.weights, spikes)
        return _outcome(spikes, traces, bptt.assess(self._setup, traces, labels), [], 0)


def _outcome(
    spikes: np.ndarray,
    forward: list[ForwardTrace],
    assessment: Assessment,
    backward: list[BackwardTrace],
    momentum: int,
) -> Outcome:
    saturations = [sum(int(trace.saturations.sum()) for trace in traces) for traces in (forward, backward)]
    gradients = [int(np.count_nonzero(trace.membrane)) for trace in backward] or [0] * len(forward)
    return Outcome(
        assessment.loss,
        assessment.prediction,
        np.array([np.count_nonzero(spikes), *(np.count_nonzero(trace.spikes) for trace in forward)]),
        np.array(gradients),
        np.array([*saturations, momentum]),
    )
