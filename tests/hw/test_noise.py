"""Random numbers of a core: chips of every organisation against golden, and the jumps against walking."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from ranvier.golden.inference import run_program
from ranvier.golden.neurons.stochastic import Stochastic
from ranvier.golden.program import Connection, Layer, Program, dense
from ranvier.golden.synapse import Dense
from ranvier.hw.config import chip_config, most_lanes
from ranvier.hw.core.noise import jumped

from ..programs import (
    random_attention,
    random_convolutional_layer,
    random_delays,
    random_layer,
    random_model,
)
from .bench import events_of, expected_events, play

STEPS, SAMPLES = 3, 3


def noisy(rng: np.random.Generator) -> Stochastic:
    """Narrow, so that numbers decide about as many spikes as potentials do."""
    return Stochastic(
        int(rng.integers(5, 8)),
        4,
        4,
        int(rng.integers(0, 4)),
        str(rng.choice(["logistic", "linear"])),
        bool(rng.integers(2)),
        int(rng.integers(1, 9)),
        int(rng.integers(1, 1 << 32)),
    )


def with_noise(rng: np.random.Generator, layer: Layer) -> Layer:
    model = noisy(rng)
    parameters = {}
    for name, (low, high) in model.ranges().items():
        shape = () if rng.random() < 0.5 else (int(rng.choice([layer.neurons, layer.channels])),)
        part = 1 if name in ("decay", "slope") else 4  # potentials near what the weights reach
        parameters[name] = np.asarray(rng.integers(low // part, high // part + 1, shape), np.int64)
    return replace(layer, model=model, parameters=parameters)


def check(program: Program, lanes: list[int], rng: np.random.Generator, sparse: list[bool] | None = None) -> None:
    """The chip with stalls, reset in the middle of a sample, against golden; the numbers decide some spikes."""
    spikes = rng.random((SAMPLES, STEPS, program.inputs)) < 0.5
    traces = run_program(program, spikes)
    other = replace(program.layers[-1], model=replace(program.layers[-1].model, seed=4711))
    elsewhere = run_program(replace(program, layers=(*program.layers[:-1], other)), spikes)
    decided = int((traces[-1].spikes != elsewhere[-1].spikes).sum())
    config = chip_config(program, lanes, sparse)
    events, saturations = expected_events(program, spikes)
    record = play(program, config, events_of(spikes, rng), stalls=rng, reset_at=int(rng.integers(20, 60)))
    sent = [(None, *event[2:4], 0) if event[2] else tuple(event[1:]) for event in record.sent]
    print(f"{config.cores[-1].organisation}, {lanes} lanes: {len(sent)} events, {decided} spikes by the numbers")
    assert sent == events
    assert decided > 0 and not any(record.rejected) and len(saturations) == len(program.layers)


def dense_layer(rng: np.random.Generator, axons: int, neurons: int, name: str = "layer") -> Layer:
    return with_noise(rng, random_layer(rng, axons, neurons, model=random_model(rng), weight_width=3, name=name))


@pytest.mark.parametrize(("seed", "neurons", "lanes"), [(1, 40, 3), (2, 12, 1), (3, 7, 7), (4, 9, 4)])
def test_dense(seed, neurons, lanes):
    """State in memory and in registers, a last group that is full or not; two layers, each with a sequence."""
    rng = np.random.default_rng(seed)
    layers = (dense_layer(rng, 6, 11, "before"), dense_layer(rng, 11, neurons))
    check(Program("noisy", layers, STEPS), [4, lanes], rng)


@pytest.mark.parametrize("seed", range(2))
def test_sparse(seed):
    rng = np.random.default_rng(seed)
    layer = dense_layer(rng, 6, 23)
    weights = np.where(rng.random((6, 23)) < 0.4, layer.matrix, 0)
    check(Program("noisy", (replace(layer, connections=dense(weights)),), STEPS), [4], rng, [True])


@pytest.mark.parametrize("seed", range(2))
def test_delayed(seed):
    """Passes that clear the ring come between samples; delays of axons, and of sparse synapses."""
    rng = np.random.default_rng(seed)
    layer = dense_layer(rng, 6, 10)
    shape = (6,) if seed else (6, 10)
    delays = rng.integers(0, 4, shape)
    connection = Connection(Dense(layer.matrix), delays=delays)
    check(Program("noisy", (replace(layer, connections=(connection,)),), STEPS), [3], rng, [not seed])


@pytest.mark.parametrize("seed", [0, 2])
def test_convolution(seed):
    rng = np.random.default_rng(seed)
    layer = with_noise(rng, random_convolutional_layer(rng, model=random_model(rng), weight_width=3))
    if seed == 2:
        layer = replace(layer, connections=tuple(random_delays(rng, each) for each in layer.connections))
    check(Program("noisy", (layer,), STEPS), [most_lanes(layer, 3)], rng)


@pytest.mark.parametrize("seed", [0, 2])
def test_attention(seed):
    rng = np.random.default_rng(seed)
    program = random_attention(rng)
    layers = tuple(with_noise(rng, layer) for layer in program.layers)
    check(replace(program, layers=layers), [most_lanes(layer, 4) for layer in layers], rng)


def test_jumps_are_steps_of_the_generator():
    """By Marsaglia's three shifts, walked one by one."""
    rng = np.random.default_rng(7)
    states, steps = [int(state) for state in rng.integers(1, 1 << 32, 20)], (0, 1, 2, 5, 31, 64)
    m, state = Module(), Signal(32)
    jumps = [Signal(32, name=f"after{count}") for count in steps]
    m.d.comb += [jump.eq(jumped(state, count)) for jump, count in zip(jumps, steps, strict=True)]
    found = []

    async def testbench(ctx):
        for value in states:
            ctx.set(state, value)
            found.append([ctx.get(jump) for jump in jumps])

    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()
    expected = []
    for value in states:
        walk = [value]
        for _ in range(max(steps)):
            value = (value ^ value << 13) & 0xFFFFFFFF
            value ^= value >> 17
            value = (value ^ value << 5) & 0xFFFFFFFF
            walk.append(value)
        expected.append([walk[count] for count in steps])
    assert found == expected and len(found) == 20
