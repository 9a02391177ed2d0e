"""States that do not start from 0, in chips: after reset, and again at the end of each sample."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.golden.inference import run_program
from ranvier.golden.neurons.neuron import NEURONS, Formats
from ranvier.golden.program import Connection, Layer, Program, dense
from ranvier.golden.synapse import Convolution
from ranvier.hw.config import chip_config
from ranvier.hw.core.core import state_for
from ranvier.hw.core.state import BlockState, RegisterState

from ..programs import random_convolutions, random_weights
from .bench import events_of, expected_events, play

SCALE, STEPS = 16, 10


def neurons(rng: np.random.Generator, kind: str, count: int):
    """A model that starts from where it soon spikes, and parameters, some of them one for each neuron."""
    cls = NEURONS[kind]
    values = {name: each.default for name, each in cls.FIELDS.items()} | dict(cls.EXAMPLE)
    values["v_initial"] = values["v_threshold"] - (0.2 if kind == "QIF" else rng.uniform(0.1, 8))
    spread = {name: np.full(count, float(value)) for name, value in values.items()}
    model, parameters = cls.fitted(spread, np.full(count, float(SCALE)), Formats(13, 6))
    integers = {name: np.rint(array[:1]).astype(np.int64)[0] for name, array in parameters.items()}
    integers = {name: np.asarray(value) for name, value in integers.items()} | {"bias": np.asarray(0)}
    integers["reset_value"] = integers["reset_value"] - rng.integers(0, 9, count)
    return model, integers


def layer_of(rng: np.random.Generator, kind: str, organisation: str) -> Layer:
    if organisation == "convolution":
        shape = random_convolutions(rng)[0]
        weights = random_weights(rng, 6, shape.weight_shape)
        connections = (Connection(Convolution(weights, shape)),)
    else:
        weights = random_weights(rng, 6, (7, 20))
        connections = dense(np.where(rng.random(weights.shape) < 0.5, weights, 0))
        if organisation == "delayed":
            connections = (replace(connections[0], delays=rng.integers(0, 4, 7)),)
    model, parameters = neurons(rng, kind, connections[0].synapses.neurons)
    return Layer("neurons", connections, 6, model, parameters)


@pytest.mark.parametrize(
    "kind, organisation, lanes",
    [
        ("QIF", "dense", 1),
        ("Izhikevich", "dense", 5),
        ("AdEx", "sparse", 4),
        ("Izhikevich", "convolution", 2),
        ("Izhikevich", "delayed", 4),
    ],
)
def test_chips_equal_golden(kind, organisation, lanes):
    seed = 100 * lanes + len(kind)
    rng = np.random.default_rng(seed)
    program = Program("initial", (layer_of(rng, kind, organisation),), STEPS)
    config = chip_config(program, lanes, [organisation == "sparse"])
    if organisation == "dense":
        assert state_for(config.cores[0]) is (BlockState if lanes == 1 else RegisterState)
    spikes = rng.random((3, STEPS, program.inputs)) < 0.3
    record = play(program, config, events_of(spikes, rng), reset_at=77)
    events, saturations = expected_events(program, spikes)
    sent = [(None, *event[2:4], 0) if event[2] else tuple(event[1:]) for event in record.sent]
    assert sent == events and record.saturations == saturations
    fired = run_program(program, spikes)[0].spikes
    model = program.layers[0].model
    zero = replace(program.layers[0], model=replace(model, start=0))
    differ = int((fired != run_program(replace(program, layers=(zero,)), spikes)[0].spikes).sum())
    print(f"seed {seed}: {model.initial()}, {fired.sum()} spikes, {differ} others if it started from 0")
    assert fired.sum() >= 3 and differ
