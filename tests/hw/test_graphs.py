"""Layers with several sources, sums of spikes and feedback: chips against golden, and the cycle of every transfer."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ranvier.golden.inference import run_program
from ranvier.golden.program import Layer, Program, dense
from ranvier.hw.config import ChipConfig, chip_config, most_lanes
from ranvier.hw.timing import ChipTiming

from ..programs import (
    random_attention,
    random_convolutional_layer,
    random_delays,
    random_graph,
    random_layer,
    random_model,
    random_parameters,
)
from .bench import events_of, expected_events, play

STEPS, SAMPLES = 3, 2


def equal(program: Program, config: ChipConfig, spikes: np.ndarray, rng: np.random.Generator) -> int:
    """Compare a run with stalls and one without, the latter also in every cycle; how many events were sent."""
    events, saturations = expected_events(program, spikes)
    for stalls in (rng, None):
        record = play(program, config, events_of(spikes, stalls), stalls=stalls)
        sent = [(None, *event[2:4], 0) if event[2] else tuple(event[1:]) for event in record.sent]
        assert sent == events
        assert record.saturations == saturations and not any(record.rejected)
    traces = run_program(program, spikes)
    spiking = [trace.spikes for trace, core in zip(traces, config.cores, strict=True) if core.model.spiking]
    rasters = [raster.reshape(len(spikes) * STEPS, -1) for raster in (spikes, *spiking)]
    timing = ChipTiming(config, rasters, STEPS)
    assert timing.taken == [event[0] for event in record.taken]
    assert timing.sent == [event[0] for event in record.sent]
    return len(events)


@pytest.mark.parametrize("seed", range(14))
def test_graphs_equal_golden_in_every_cycle(seed):
    rng = np.random.default_rng(seed)
    program = random_graph(rng)
    sparse = [layer.weight_width > 1 and rng.random() < 0.3 for layer in program.layers]
    lanes = [int(rng.integers(1, layer.neurons + 1)) for layer in program.layers]
    spikes = rng.random((SAMPLES, STEPS, program.inputs)) < 0.5
    sources = [[connection.sources for connection in layer.connections] for layer in program.layers]
    count = equal(program, chip_config(program, lanes, sparse), spikes, rng)
    print(f"seed {seed}: sources {sources}, {count} events")
    assert count >= SAMPLES * STEPS


@pytest.mark.parametrize("seed", range(16))
def test_delays_equal_golden_in_every_cycle(seed):
    """Of axons and of synapses, dense and sparse, in graphs with feedback; graded inputs."""
    rng = np.random.default_rng(seed)
    program = random_graph(rng, delays=True)
    sparse = [layer.weight_width > 1 and rng.random() < 0.5 for layer in program.layers]
    lanes = [int(rng.integers(1, layer.neurons + 1)) for layer in program.layers]
    config = chip_config(program, lanes, sparse)
    shape = (SAMPLES, STEPS, program.inputs)
    spikes = (rng.random(shape) < 0.5) * rng.integers(1, program.levels + 1, shape)
    count = equal(program, config, spikes, rng)
    print(f"seed {seed}: {[(core.delays, core.slots, core.rows is not None) for core in config.cores]}, {count} events")
    assert count >= SAMPLES * STEPS


@pytest.mark.parametrize("seed", range(12))
def test_attention_equals_golden_in_every_cycle(seed):
    rng = np.random.default_rng(seed)
    program = random_attention(rng)
    config = chip_config(program, int(rng.integers(1, 9)))
    spikes = rng.random((SAMPLES, STEPS, program.inputs)) < rng.choice([0.2, 0.5, 0.9])
    count = equal(program, config, spikes, rng)
    print(f"seed {seed}: {config.cores[-1].attention}, {config.cores[-1].lanes} lanes, {count} events")
    assert count >= SAMPLES * STEPS


@pytest.mark.parametrize("seed", range(15))
def test_convolutions_equal_golden_in_every_cycle(seed):
    """Alone, or several of them before the same neurons, each behind a layer of its own."""
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, 6))
    model = random_model(rng, spiking=bool(seed % 3))
    last = random_convolutional_layer(rng, model=model, weight_width=width, count=1 + seed % 3)
    layers = [last]
    if len(last.connections) > 1:
        sizes = [connection.synapses.axons for connection in reversed(last.connections)]
        layers = [random_layer(rng, 3, sizes[0], model=random_model(rng), weight_width=3, name="feed0")]
        for number, (before, size) in enumerate(pairwise(sizes), 1):
            feed = random_layer(rng, before, size, model=random_model(rng), weight_width=3, name=f"feed{number}")
            layers.append(feed)
        layers.append(last)
    if seed % 4 == 1:
        delayed = tuple(random_delays(rng, connection) for connection in last.connections)
        layers[-1] = replace(last, connections=delayed)
    program = Program("convolutions", tuple(layers), STEPS)
    lanes = [most_lanes(layer, int(rng.integers(1, 9))) for layer in layers]
    spikes = rng.random((SAMPLES, STEPS, program.inputs)) < rng.choice([0.1, 0.5, 0.9])
    count = equal(program, chip_config(program, lanes), spikes, rng)
    shapes = [(shape.in_shape, shape.groups, shape.out_shape) for shape in last.convolutions]
    print(f"seed {seed}: {shapes}, {lanes[-1]} lanes, {count} events")
    assert count >= SAMPLES * STEPS


def test_an_index_that_the_input_does_not_have_is_no_other_layers():
    """Three inputs, of two bits, before neurons of another layer in a join: index 3 is refused by both cores."""
    rng = np.random.default_rng(1)
    model = random_model(rng)
    layers = (
        Layer("a", dense(np.ones((3, 2), np.int64)), 4, model, random_parameters(rng, model, 2)),
        Layer("b", (*dense(np.ones((3, 2), np.int64), -2), *dense(np.ones((2, 2), np.int64))), 4, model,
              random_parameters(rng, model, 2)),
    )  # fmt: skip
    program = Program("strays", layers, STEPS)
    record = play(program, chip_config(program, 2), [(3, 0, 0), (1, 0, 0), (3, 0, 0), (0, 1, 1)])
    assert record.rejected == [2, 2] and sum(event[2] for event in record.sent) == 1


def test_more_events_than_the_sources_can_send_are_refused():
    """One source of 4 axons, and one of 2 axons heard twice: a step has 8 events at most."""
    rng = np.random.default_rng(2)
    model = random_model(rng)
    layers = tuple(
        Layer(name, connections, 4, model, random_parameters(rng, model, 2))
        for name, connections in (
            ("a", dense(np.ones((4, 2), np.int64))),
            ("b", dense(np.ones((2, 2), np.int64))),
            ("c", (*dense(np.ones((2, 2), np.int64), -1, -2), *dense(np.ones((4, 2), np.int64), -3))),
        )
    )
    assert chip_config(Program("most", layers, STEPS), 2).cores[2].most_events == 8
