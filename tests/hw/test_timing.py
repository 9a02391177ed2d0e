"""The cycle formulas against Amaranth's simulator: the cycle of every transfer in and out."""

import numpy as np
import pytest

from ranvier.golden.inference import run_program
from ranvier.hw.config import chip_config
from ranvier.hw.core.timing import ChainTiming

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
    timing = ChainTiming(config, [raster.reshape(6, -1) for raster in rasters])
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
