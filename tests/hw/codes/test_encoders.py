"""Every encoder against golden, event by event: random parameters, the ends of ranges, back-pressure, resets."""

import numpy as np
import pytest

from ranvier.golden.codes.registry import CODES
from ranvier.hw.codes.stages import last_stage

from ...golden.codes.samples import random_code, random_values
from .bench import Event, events_of, play, sent_by_host


def in_order(events: list[Event]) -> list[Event]:
    """With the events of each step sorted, as a camera sends them in the order of time."""
    result: list[Event] = []
    step: list[Event] = []
    for event in events:
        step.append(event)
        if event[1]:
            result += [*sorted(step[:-1]), event]
            step = []
    return result + step


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("seed", range(5))
def test_events_equal_golden(name, seed):
    rng = np.random.default_rng(seed)
    code = random_code(name, rng)
    values = random_values(code, rng, 3)
    expected = events_of(code.encode(values))
    record = play(code, sent_by_host(code, values), stalls=rng if seed % 2 else None)
    assert in_order(record.sent) == expected
    if name != "address":
        assert record.sent == expected
    merged = 0
    if name == "address":
        merged = int((values[..., 0] >= 0).sum()) - sum(not event[1] for event in expected)
    assert (record.rejected, record.merged) == (0, merged)
    print(f"seed {seed}, {code}: {len(expected)} events, {merged} merged")


@pytest.mark.parametrize("name", CODES)
def test_reset_in_a_sample(name):
    rng = np.random.default_rng(11)
    code = random_code(name, rng)
    values = random_values(code, rng, 2)
    expected = events_of(code.encode(values))
    resets = 0
    for reset_at in range(1, 40, 7):
        record = play(code, sent_by_host(code, values), reset_at=reset_at)
        assert in_order(record.sent) == expected
        resets += 1
    print(f"{code}: {resets} resets, {len(expected)} events each")


@pytest.mark.parametrize("name", [name for name in CODES if name not in ("delta", "address")])
@pytest.mark.parametrize("seed", range(4))
def test_cycles_of_static_codes(name, seed):
    """The formulas of the docstring: each event, and when the next sample is taken."""
    rng = np.random.default_rng(seed)
    code = random_code(name, rng)
    values = random_values(code, rng, 2)
    spikes = code.encode(values)
    record = play(code, sent_by_host(code, values))
    last, cycle, expected, beyond = last_stage(code), code.inputs - 1, [], 0
    cycle += 2 + last
    for row in spikes[0].astype(int).tolist():
        for count in row:
            expected += [cycle + number + 1 for number in range(count)]
            cycle += max(count, 1)
            beyond += max(count - 1, 0)
        expected.append(cycle + 1)
        cycle += 1 + last
    assert record.cycles[: len(expected)] == expected
    assert record.taken[: code.inputs] == list(range(code.inputs))
    assert record.taken[code.inputs] == code.inputs + 1 + code.steps * (code.axons + 1 + last) + beyond
    print(f"{code}: {len(expected)} events, {beyond} beyond the first of their slots")


@pytest.mark.parametrize("seed", range(4))
def test_cycles_of_delta(seed):
    rng = np.random.default_rng(seed)
    code = random_code("delta", rng)
    values = random_values(code, rng, 3)
    record = play(code, sent_by_host(code, values))
    last, places = last_stage(code), np.arange(3 * code.steps * code.inputs)
    taken = places + places // code.inputs * (1 + last)
    assert record.taken == taken.tolist()
    moved = code.encode(values).reshape(-1, code.inputs, 2).any(axis=2)
    offered = taken.reshape(moved.shape) + last + 1
    expected = sorted([*offered[moved].tolist(), *(offered[:, -1] + 1).tolist()])
    assert record.cycles == expected
    print(f"{code}: {len(expected)} events")


def test_cycles_of_address_events():
    code = CODES["address"](rows=2, columns=2, steps=4, interval=10, levels=1)
    times = [0, 3, 3, 12, 29]  # in steps 0, 0, 0, 1, 2; the third is as the second, and merged
    axons = [(0, 0, 0), (1, 0, 0), (1, 0, 0), (0, 1, 1), (1, 1, 0)]
    values = np.array([[(*axon, time) for axon, time in zip(axons, times, strict=True)]])
    transfers = sent_by_host(code, values)
    illegal = transfers[0] | {"time": 40}
    record = play(code, [illegal, *transfers, *transfers])
    # An illegal one, then five cycles each and two more where a step ends; two steps' ends; 8 cycles clear the memory.
    assert record.taken[:7] == [0, 3, 8, 13, 18, 25, 32]
    assert record.cycles[:8] == [8, 13, 21, 25, 28, 32, 35, 37]
    assert record.taken[7] == 32 + 1 + 2 * 2 + 8
    assert (record.rejected, record.merged) == (1, 2)
