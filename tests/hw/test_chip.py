"""Chips in Amaranth's simulator against golden: every output event, in order, and every counter."""

import numpy as np
import pytest

from ranvier.golden.inference import run_program
from ranvier.hw.config import chip_config

from ..programs import random_program
from .bench import events_of, play


def expected_events(program, traces):
    """Output events of golden's last layer."""
    last, events = traces[-1], []
    samples, steps, _ = last.spikes.shape
    for sample in range(samples):
        for step in range(steps):
            if program.layers[-1].model.spiking:
                events += [(int(n), 0, 0, 0) for n in np.flatnonzero(last.spikes[sample, step])]
            else:
                events += [(n, 0, 0, int(v)) for n, v in enumerate(last.membrane[sample, step])]
            events.append((None, 1, int(step == steps - 1), None))
    return events


def check(program, config, spikes, rng, **options):
    """Play ``spikes`` and compare; the number of output events."""
    traces = run_program(program, spikes)
    record = play(program, config, events_of(spikes, rng), **options)
    sent = [
        (None if step_end else index, step_end, end, None if step_end else value)
        for _, index, step_end, end, value in record.sent
    ]
    assert sent == expected_events(program, traces)
    assert record.rejected == [0] * len(traces)
    return len(sent), record, traces


@pytest.mark.parametrize("seed", range(40))
def test_random_chips_equal_golden(seed):
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(1, 24, rng.integers(2, 4))]
    program = random_program(
        rng, sizes, steps=4, readout=bool(seed % 2), weight_width=int(rng.choice([1, 2, 4, 8, 16]))
    )
    config = chip_config(program, [int(rng.integers(1, min(n, 9) + 1)) for n in sizes[1:]])
    spikes = rng.random((3, 4, sizes[0])) < 0.4
    events, record, traces = check(program, config, spikes, rng, stalls=rng if seed % 3 else None)
    print(f"seed {seed}: sizes {sizes}, {events} output events")
    assert events >= 12
    assert record.saturations == [min(int(trace.saturations.sum()), 0xFFFF) for trace in traces]


@pytest.mark.parametrize("cycle", [0, 1, 40, 77, 150, 151, 152])
def test_a_reset_at_any_time_starts_a_fresh_sample(cycle):
    """Weights stay, states, buffers and events in flight are gone."""
    rng = np.random.default_rng(cycle)
    program = random_program(rng, [9, 20, 7], steps=4, readout=False, weight_width=4)
    spikes = rng.random((2, 4, 9)) < 0.5
    events, _, _ = check(program, chip_config(program, [3, 2]), spikes, rng, reset_at=cycle)
    assert events >= 8


def test_illegal_events_are_counted_and_change_nothing():
    """Indices out of range, and more events in a step than there are axons."""
    rng = np.random.default_rng(5)
    program = random_program(rng, [5, 6], steps=2, readout=False, weight_width=4)
    config = chip_config(program, 2)
    spikes = np.array([[[1, 1, 0, 1, 1], [1, 1, 1, 1, 1]]], bool)
    legal = events_of(spikes)
    events = [(7, 0, 0), *legal[:5], (5, 0, 0), *legal[5:10], (2, 0, 0), (6, 0, 0), *legal[10:]]
    record = play(program, config, events)
    assert record.rejected == [4]
    assert [(index, end) for _, index, end, _, _ in record.sent if not end] == [
        (index, 0) for index, end, _, _ in expected_events(program, run_program(program, spikes)) if not end
    ]
