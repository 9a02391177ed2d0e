"""Every model within a chip, of every organisation of synapses, in Amaranth's simulator against golden."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ranvier.golden.inference import run_program
from ranvier.golden.neurons.leak import Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.neurons.neuron import NEURONS, Formats, Neuron
from ranvier.golden.program import Connection, Layer, Program
from ranvier.golden.synapse import Axis, Convolution, Dense, Geometry
from ranvier.hw.config import chip_config

from ..hw.bench import events_of, expected_events, play
from ..programs import random_weights

KINDS = sorted(kind for kind, model in NEURONS.items() if model.FIELDS)
OTHERS = ("MLF", "SPSN", "Ternary")  # values of spikes, random numbers, spikes below 0: what cores do with these
SCALE, WIDTH = 12, 5


def fitted(kind: str, neurons: int) -> tuple[Neuron, dict[str, np.ndarray]]:
    """The model's example, its parameters in integers."""
    model, values = NEURONS[kind], {}
    for name, field in model.FIELDS.items():
        value = np.asarray(model.EXAMPLE.get(name, field.default), float)
        values[name] = value if field.whole else np.full(neurons, value)
    fits, parameters = model.fitted(values, np.full(neurons, float(SCALE)), Formats(14, 6))
    integers = {name: np.broadcast_to(np.rint(value), neurons).astype(np.int64) for name, value in parameters.items()}
    return fits.with_bias(4), integers | {"bias": np.zeros(neurons, np.int64)}


def heard(model: Neuron, connection: Connection) -> Connection:
    return replace(connection, levels=model.levels, negative=model.signed)


def dense(rng: np.random.Generator, axons: int, neurons: int, *sources: int) -> Connection:
    return Connection(Dense(random_weights(rng, WIDTH, (axons, neurons))), sources or (-1,))


def chain(rng: np.random.Generator, kind: str) -> Program:
    """Its neurons behind the input, and before LIF neurons."""
    neurons = int(rng.integers(3, 14))
    model, parameters = fitted(kind, neurons)
    first = Layer("first", (dense(rng, 6, neurons),), WIDTH, model, parameters)
    return Program(kind, (first, last(rng, heard(model, dense(rng, neurons, 5)))), 5)


def recurrent(rng: np.random.Generator, kind: str) -> Program:
    """Its neurons hear themselves, too."""
    neurons = int(rng.integers(3, 9))
    model, parameters = fitted(kind, neurons)
    back = heard(model, dense(rng, neurons, neurons, 0))
    first = Layer("first", (dense(rng, 6, neurons), back), WIDTH, model, parameters)
    return Program(kind, (first, last(rng, heard(model, dense(rng, neurons, 5)))), 5)


def convolution(rng: np.random.Generator, kind: str) -> Program:
    """A convolution before its neurons, and one behind them."""
    before, behind = Axis(5, 3), Axis(3, 2)
    shapes = [Geometry(2, 4, before, before), Geometry(4, 2, behind, behind)]
    synapses = [Convolution(random_weights(rng, WIDTH, shape.weight_shape), shape) for shape in shapes]
    model, parameters = fitted(kind, synapses[0].neurons)
    layer = Layer("first", (Connection(synapses[0]),), WIDTH, model, parameters)
    return Program(kind, (layer, last(rng, heard(model, Connection(synapses[1])))), 5)


def last(rng: np.random.Generator, connection: Connection) -> Layer:
    """LIF neurons that hear those of the model."""
    parameters = {"bias": np.array(0), "threshold": np.array(20), "reset_value": np.array(-1)}
    return Layer("last", (connection,), WIDTH, Lif(12, Shift(2)), parameters)


def check(program: Program, rng: np.random.Generator, sparse: list[bool] | None = None) -> None:
    config = chip_config(program, int(rng.integers(1, 5)), sparse)
    spikes = rng.random((2, 5, program.inputs)) < 0.6
    record = play(program, config, events_of(spikes, rng), stalls=rng)
    expected, saturations = expected_events(program, spikes)
    found = [
        (None, 1, sample_end, 0) if step_end else (index, 0, sample_end, value)
        for _, index, step_end, sample_end, value in record.sent
    ]
    assert found == expected
    assert record.rejected == [0, 0] and record.saturations == saturations
    fired = [int(np.abs(trace.spikes.astype(int)).sum()) for trace in run_program(program, spikes)]
    print(f"{program.name}: {len(found)} events, {fired} spikes")


@pytest.mark.parametrize("kind", KINDS)
def test_a_chain(kind: str):
    rng = np.random.default_rng(sum(map(ord, kind)))
    check(chain(rng, kind), rng)


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("made", [recurrent, convolution], ids=lambda made: made.__name__)
def test_other_organisations(made: Callable[[np.random.Generator, str], Program], kind: str):
    rng = np.random.default_rng(sum(map(ord, kind)))
    check(made(rng, kind), rng)


@pytest.mark.parametrize("kind", OTHERS)
def test_sparse_synapses(kind: str):
    rng = np.random.default_rng(9)
    program = chain(rng, kind)
    layers = tuple(
        replace(layer, connections=tuple(replace(c, synapses=pruned(rng, c.synapses)) for c in layer.connections))
        for layer in program.layers
    )
    check(replace(program, layers=layers), rng, [True, True])


def pruned(rng: np.random.Generator, synapses: Dense) -> Dense:
    return Dense(synapses.weights * (rng.random(synapses.weights.shape) < 0.5))
