"""Neurons that keep the drives of several steps: chips against golden, and the cycle of every transfer."""

import numpy as np
import pytest

from ranvier.golden.inference import run_program
from ranvier.golden.neurons.masked_psn import MaskedPsn
from ranvier.golden.neurons.psn import Psn
from ranvier.golden.neurons.sliding_psn import SlidingPsn
from ranvier.golden.program import Layer, Program, dense
from ranvier.hw.config import chip_config
from ranvier.hw.timing import ChipTiming

from .bench import events_of, expected_events, play

MODELS = {
    "sliding": (SlidingPsn(9, 7, 3, 4, 2), 4),
    "masked": (MaskedPsn(9, 7, 3, 2, 4, 2), 4),
    "full": (Psn(9, 7, 2, 4, 2, 3), 4),
}


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_chips_equal_golden_in_every_cycle(name, shared):
    """A step more than masked and full ones have; parameters built in and in memory; a pass that is longer than the
    pipeline, and one that is not."""
    model, steps = MODELS[name]
    rng = np.random.default_rng(13)
    layers = []
    for place, (axons, neurons) in enumerate(((5, 19), (19, 6))):
        parameters = {}
        for parameter, (low, high) in model.ranges().items():
            part = 32 if parameter.startswith("threshold") else 2  # so that each layer spikes
            values = rng.integers(low // part, high // part + 1, () if shared else (neurons,))
            parameters[parameter] = np.asarray(values)
        layers.append(Layer(f"layer{place}", dense(rng.integers(-8, 8, (axons, neurons))), 4, model, parameters))
    program = Program("filters", tuple(layers), steps)
    config = chip_config(program, [1, 3])
    spikes = rng.random((2, steps, 5)) < 0.6
    events, saturations = expected_events(program, spikes)
    record = play(program, config, events_of(spikes))
    sent = [(None, *event[2:4], 0) if event[2] else tuple(event[1:]) for event in record.sent]
    traces = run_program(program, spikes)
    print(f"{name}: {[int(trace.spikes.sum()) for trace in traces]} spikes, {saturations} saturations")
    assert sent == events and record.saturations == saturations and all(trace.spikes.any() for trace in traces)
    rasters = [raster.reshape(2 * steps, -1) for raster in (spikes, *(trace.spikes for trace in traces))]
    timing = ChipTiming(config, rasters, steps)
    assert timing.taken == [event[0] for event in record.taken]
    assert timing.sent == [event[0] for event in record.sent]
