"""Chips with an encoder: values in, and out comes what golden makes of its own encoding, in the cycles predicted."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.golden.codes.registry import CODES
from ranvier.golden.inference import run_program
from ranvier.golden.program import Connection
from ranvier.hw.config import chip_config
from ranvier.hw.timing import ChipTiming

from ...golden.codes.samples import random_code, random_values
from ...programs import random_program
from ..bench import expected_events, play


@pytest.mark.parametrize(("seed", "name"), list(enumerate(CODES)))
def test_values_in_spikes_out(seed, name):
    """The last layer spikes, or by turns is a readout."""
    rng = np.random.default_rng(seed)
    code = random_code(name, rng)
    values = random_values(code, rng, 2)
    spikes = code.encode(values)
    neurons = int(rng.integers(2, 12))
    program = random_program(rng, [code.axons, neurons, 3], steps=code.steps, readout=seed % 2 == 1, weight_width=4)
    program = graded(program, code.levels)
    config = replace(chip_config(program, [int(rng.integers(1, neurons + 1)), 2]), encoder=code)
    rows = code.transfers(values)
    sent = [[tuple(row) for row in sample[sample[:, 0] >= 0].tolist()] for sample in rows]
    expected, saturations = expected_events(program, spikes)
    together = play(program, config, [*sent[0], *sent[1]], stalls=rng)
    assert [
        (None, end, last, 0) if end else (index, end, last, value) for _, index, end, last, value in together.sent
    ] == expected
    assert together.saturations == saturations and not any(together.rejected)

    alone = play(program, config, sent[0])
    spiking = [trace.spikes[0] for trace, core in zip(run_program(program, spikes), config.cores, strict=True)]
    if not program.layers[-1].model.spiking:
        spiking.pop()
    timing = ChipTiming(config, [spikes[0], *spiking], transfers=rows[0])
    assert timing.sent == [event[0] for event in alone.sent]
    assert timing.taken == [0] == [alone.taken[0][0]]
    assert timing.cycles == alone.sent[-1][0] + 1
    print(f"seed {seed}, {code}: {len(expected)} events, {timing.cycles} cycles")


def graded(program, levels: int):
    """``program`` with inputs of so many levels."""
    first = program.layers[0]
    heard = tuple(Connection(each.synapses, each.sources, levels=levels) for each in first.connections)
    return replace(program, layers=(replace(first, connections=heard), *program.layers[1:]))


def test_an_encoder_of_another_size_is_refused():
    program = random_program(np.random.default_rng(1), [6, 3], steps=2, readout=False, weight_width=4)
    code = CODES["latency"](inputs=5, steps=2, maximum=3)
    with pytest.raises(ValueError) as refusal:
        replace(chip_config(program, 1), encoder=code)
    text = f"Encoder of chip {program.name} must have the 6 axons of its input, not 5"
    assert str(refusal.value) == text
