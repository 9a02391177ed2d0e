"""The cycle formulas against Amaranth's simulator: the cycle of every transfer in and out."""

import numpy as np
import pytest

from ranvier.golden.inference import run_program
from ranvier.golden.neurons.leak import Multiply, Shift
from ranvier.golden.neurons.lif import Current, Lif
from ranvier.golden.program import Layer, Program, dense
from ranvier.hw.config import chip_config
from ranvier.hw.core.timing import core_cycles
from ranvier.hw.timing import ChipTiming

from ..programs import random_program
from .bench import events_of, play


@pytest.mark.parametrize("seed", range(100, 124))
def test_every_transfer_is_predicted(seed):
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(1, 40, rng.integers(2, 5))]
    program = random_program(rng, sizes, steps=3, readout=bool(seed % 2), weight_width=4)
    config = chip_config(program, [int(rng.integers(1, min(n, 12) + 1)) for n in sizes[1:]])
    spikes = rng.random((2, 3, sizes[0])) < rng.choice([0.05, 0.3, 0.9])
    record = play(program, config, events_of(spikes))
    traces = run_program(program, spikes)
    rasters = [
        spikes,
        *(trace.spikes for trace, layer in zip(traces, program.layers, strict=True) if layer.model.spiking),
    ]
    timing = ChipTiming(config, [raster.reshape(6, -1) for raster in rasters])
    print(f"seed {seed}: sizes {sizes}, groups {[core.groups for core in config.cores]}, {len(record.sent)} sent")
    assert len(record.taken) >= 6 and len(record.sent) >= 6
    assert timing.taken == [event[0] for event in record.taken]
    assert timing.sent == [event[0] for event in record.sent]


@pytest.mark.parametrize("lanes", [1, 2, 5, 10])
def test_events_follow_each_other_without_a_gap(lanes):
    """Ten neurons on ``lanes`` lanes: an event takes ceil(10 / lanes) cycles, whatever the state lies in."""
    rng = np.random.default_rng(lanes)
    program = random_program(rng, [32, 10], steps=1, readout=False, weight_width=4)
    config = chip_config(program, lanes)
    record = play(program, config, events_of(np.ones((1, 1, 32), bool)))
    cycles = np.diff([event[0] for event in record.taken][1:])
    assert len(cycles) == 31 and set(cycles) == {-(-10 // lanes)}


@pytest.mark.parametrize("decay", [Shift(4), Multiply(8)])
@pytest.mark.parametrize("current", [None, Current(8, Shift(1), "same_step"), Current(8, Shift(1), "next_step")])
@pytest.mark.parametrize("lanes", [2, 20])
def test_latency_of_a_core(decay, current, lanes):
    """From the taking of a step_end to the offer of the first spike, where neuron 0 spikes."""
    model = Lif(state_width=8, membrane_decay=decay, current=current, reset="none")
    parameters = {name: np.array(0) for name in model.parameter_shapes()}  # threshold 0: everybody spikes
    program = Program("one", (Layer("core", dense(np.ones((3, 20), np.int64)), 4, model, parameters),), 1)
    config = chip_config(program, lanes)
    record = play(program, config, events_of(np.zeros((1, 1, 3), bool)))
    assert [event[1] for event in record.sent[:20]] == list(range(20))
    assert record.sent[0][0] - record.taken[0][0] == core_cycles(config.cores[0])["latency"]


@pytest.mark.parametrize("steps", [1, 2])
def test_the_last_step_may_be_empty_and_end_before_all_have_taken_it(steps):
    """Events that a join copies: the output may end before the input's last event is taken."""
    model = Lif(state_width=8, membrane_decay=Shift(1))
    parameters = {"bias": np.array(0), "threshold": np.array(100), "reset_value": np.array(0)}
    layer = Layer("core", dense(np.ones((4, 4), np.int64), -1, -1), 4, model, parameters)
    program = Program("twice", (layer,), steps)
    config, spikes = chip_config(program, 4), np.zeros((1, steps, 4), bool)
    record = play(program, config, events_of(spikes))
    timing = ChipTiming(config, [spikes[0], np.zeros((steps, 4), bool)])
    assert timing.taken == [event[0] for event in record.taken] and len(timing.taken) == steps
    assert timing.sent == [event[0] for event in record.sent]
