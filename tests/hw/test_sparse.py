"""Sparse synapses: chips against golden, the cycle of every transfer, and what the memories hold."""

from dataclasses import replace

import numpy as np
import pytest

from ranvier.gen.images import memory_words
from ranvier.golden.inference import run_program
from ranvier.golden.program import Program, dense
from ranvier.hw.config import chip_config, core_config
from ranvier.hw.core.timing import core_cycles
from ranvier.hw.timing import ChipTiming

from ..programs import random_program
from .bench import events_of, expected_events, play


def pruned(rng: np.random.Generator, program: Program, kept: float) -> Program:
    """``program`` with a random share of its weights."""
    layers = tuple(
        replace(layer, connections=dense(np.where(rng.random(layer.matrix.shape) < kept, layer.matrix, 0)))
        for layer in program.layers
    )
    return replace(program, layers=layers)


def case(seed: int) -> tuple[Program, object, np.ndarray, np.random.Generator]:
    """A program, a chip of which each layer is sparse or not, at least one is, and spikes."""
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.integers(1, 36, rng.integers(2, 5))]
    program = random_program(rng, sizes, steps=3, readout=bool(seed % 2), weight_width=int(rng.integers(2, 7)))
    program = pruned(rng, program, rng.choice([0.05, 0.3, 1]))
    sparse = (rng.random(len(sizes) - 1) < 0.7).tolist()
    sparse[int(rng.integers(len(sparse)))] = True
    config = chip_config(program, [int(rng.integers(1, min(n, 10) + 1)) for n in sizes[1:]], sparse)
    return program, config, rng.random((2, 3, sizes[0])) < rng.choice([0.1, 0.5, 0.9]), rng


@pytest.mark.parametrize("seed", range(24))
def test_chips_equal_golden(seed):
    program, config, spikes, rng = case(seed)
    record = play(program, config, events_of(spikes, rng), stalls=rng if seed % 3 else None)
    events, saturations = expected_events(program, spikes)
    sent = [(None, *event[2:4], 0) if event[2] else tuple(event[1:]) for event in record.sent]
    print(f"seed {seed}: {[core.rows and sum(core.rows) for core in config.cores]} words, {len(sent)} events")
    assert sent == events and len(events) >= 6
    assert record.saturations == saturations and not any(record.rejected)


@pytest.mark.parametrize("seed", range(100, 112))
def test_every_transfer_is_predicted(seed):
    program, config, spikes, _ = case(seed)
    record = play(program, config, events_of(spikes))
    traces = run_program(program, spikes)
    spiking = [trace.spikes for trace, core in zip(traces, config.cores, strict=True) if core.model.spiking]
    timing = ChipTiming(config, [raster.reshape(6, -1) for raster in (spikes, *spiking)])
    assert timing.taken == [event[0] for event in record.taken]
    assert timing.sent == [event[0] for event in record.sent]
    assert len(timing.sent) >= 6


def test_the_order_of_events_does_not_change_when_a_step_ends():
    program, config, spikes, rng = case(7)
    ends = []
    for order in (None, rng, rng):
        record = play(program, config, events_of(spikes, order))
        ends.append([cycle for cycle, _, step_end, *_ in record.taken if step_end])
    assert ends[0] == ends[1] == ends[2]


@pytest.mark.parametrize("seed", range(12))
def test_memories_hold_every_weight_once(seed):
    """Read as the hardware reads them: rows, words, lanes, groups."""
    rng = np.random.default_rng(seed)
    axons, neurons = int(rng.integers(1, 20)), int(rng.integers(1, 30))
    program = random_program(rng, [axons, neurons], steps=1, readout=False, weight_width=5)
    layer = pruned(rng, program, 0.3).layers[0]
    core = core_config(layer, int(rng.integers(1, min(neurons, 8) + 1)), sparse=True)
    words, rows = (memory_words(layer, core, name) for name in ("weights", "rows"))
    found = np.zeros_like(layer.matrix)
    beside = (core.groups - 1).bit_length()
    pointer = max((core.weight_words - 1).bit_length(), 1)
    for axon, row in enumerate(rows):
        for word in words[row % 2**pointer :][: row >> pointer]:
            for lane in range(core.lanes):
                entry = word >> lane * (5 + beside)
                weight, group = entry % 32, (entry >> 5) % 2**beside
                if weight:
                    assert not found[axon, group * core.lanes + lane]
                    found[axon, group * core.lanes + lane] = weight - 32 * (weight >> 4)
    np.testing.assert_array_equal(found, layer.matrix)
    assert core.weight_words == len(words)


def test_a_word_a_cycle():
    """Balanced rows cost their weights divided by lanes; an empty one costs a cycle, for a word of zeros."""
    rng = np.random.default_rng(1)
    program = random_program(rng, [4, 32], steps=1, readout=False, weight_width=4)
    weights = np.zeros((4, 32), np.int64)
    weights[0, :8], weights[1, 8:24], weights[3, :] = 1, 3, 2
    program = replace(program, layers=(replace(program.layers[0], connections=dense(weights)),))
    config = chip_config(program, 8, [True])
    assert config.cores[0].rows == (1, 2, 0, 4)
    record = play(program, config, [(axon, 0, 0) for axon in range(4)] + [(0, 1, 1)])
    # Each is taken when the one before goes on from the look-up, and that is when the row before it has ended.
    assert [event[0] - record.taken[0][0] for event in record.taken] == [0, 1, 2, 4, 5]
    assert core_cycles(config.cores[0])["event"] == 4


def test_illegal_events_are_counted():
    program, config, _, _ = case(3)
    core = config.cores[0]
    indices = 1 << max((core.axons - 1).bit_length(), 1)
    illegal = list(range(core.axons, indices))
    events = [(index, 0, 0) for index in illegal] + [(0, 0, 0)] * (core.axons + 2) + [(0, 1, 1)]
    record = play(program, config, events)
    assert record.rejected[0] == len(illegal) + 2


@pytest.mark.parametrize(
    ("weight_width", "message"), [(1, "must not be sparse with weights of 1 bit: they are -1 or 1, never 0")]
)
def test_what_cannot_be_sparse_is_refused(weight_width, message):
    program = random_program(np.random.default_rng(1), [4, 4], steps=1, readout=False, weight_width=weight_width)
    with pytest.raises(ValueError, match=message):
        chip_config(program, 2, [True])
