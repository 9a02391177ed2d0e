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


@pytest.mark.parametrize("seed", range(60))
def test_random_chips_equal_golden(seed):
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(1, 24, rng.integers(2, 4))]
    program = random_program(rng, sizes, steps=4, readout=bool(seed % 2), weight_width=int(rng.choice([1, 2, 4, 8, 16])))
    config = chip_config(program, [int(rng.integers(1, min(n, 9) + 1)) for n in sizes[1:]])
    spikes = rng.random((3, 4, sizes[0])) < 0.4
    traces = run_program(program, spikes)
    record = play(program, config, events_of(spikes, rng), stalls=rng if seed % 3 else None)
    sent = [(None if step_end else index, step_end, end, None if step_end else value)
            for _, index, step_end, end, value in record.sent]
    print(f"seed {seed}: sizes {sizes}, {len(sent)} output events")
    assert len(sent) >= 12
    assert sent == expected_events(program, traces)
    assert record.saturations == [min(int(trace.saturations.sum()), 0xFFFF) for trace in traces]
    assert record.rejected == [0] * len(traces)
