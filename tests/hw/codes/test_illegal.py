"""What a host sends wrong is counted and does no harm: the samples around it come out as golden says."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from ranvier.golden.codes.registry import CODES
from ranvier.hw.codes.framer import Framer

from ...golden.codes.samples import random_code, random_values
from .bench import events_of, play, sent_by_host

COUNTER_MAX = (1 << 16) - 1


def framed(code, frames: list[list[int]]) -> np.ndarray:
    """What is taken of ``frames`` of values of any length: as many as there are inputs, none above the maximum."""
    padded = [(frame + [0] * code.inputs)[: code.inputs] for frame in frames]
    return np.minimum(np.array(padded), code.maximum)


def wrong_values(code, frames: list[list[int]]) -> int:
    """Missing ones, those too many, and of the others those above the maximum."""
    return sum(
        abs(len(frame) - code.inputs) + sum(value > code.maximum for value in frame[: code.inputs]) for frame in frames
    )


def random_frame(code, rng: np.random.Generator) -> list[int]:
    top = 1 << code.maximum.bit_length()
    length = int(rng.choice([1, code.inputs, code.inputs, code.inputs + 1, code.inputs + 4]))
    return rng.integers(0, top, length).tolist()


@pytest.mark.parametrize("name", ["rate", "regular", "latency", "population", "direct"])
@pytest.mark.parametrize("seed", range(3))
def test_frames_of_static_codes(name, seed):
    rng = np.random.default_rng(seed)
    code = random_code(name, rng)
    frames = [random_frame(code, rng) for _ in range(6)]
    transfers = [
        {"value": value, "sample_end": int(place == len(frame) - 1)}
        for frame in frames
        for place, value in enumerate(frame)
    ]
    record = play(code, transfers, stalls=rng)
    assert record.sent == events_of(code.encode(framed(code, frames)))
    assert record.rejected == wrong_values(code, frames)
    print(f"seed {seed}, {code}: {record.rejected} wrong of {len(transfers)} values, {len(record.sent)} events")


@pytest.mark.parametrize("seed", range(6))
def test_frames_of_delta(seed):
    """Samples with too few, enough, and too many steps, of frames that are wrong themselves."""
    rng = np.random.default_rng(seed)
    code = random_code("delta", rng)
    expected, transfers, wrong = [], [], 0
    for steps in [1, code.steps, code.steps + 2, int(rng.integers(1, code.steps + 1))]:
        frames = [random_frame(code, rng) for _ in range(steps)]
        for step, frame in enumerate(frames):
            transfers += [{"value": value, "step_end": 0, "sample_end": 0} for value in frame]
            transfers[-1] |= {"step_end": 1, "sample_end": int(step == steps - 1)}
        kept = frames[: code.steps]
        expected += events_of(code.encode(framed(code, kept)[None]))
        wrong += wrong_values(code, kept) + sum(len(frame) for frame in frames[code.steps :])
    record = play(code, transfers, stalls=rng)
    assert record.sent == expected
    assert record.rejected == wrong
    print(f"seed {seed}, {code}: {wrong} wrong of {len(transfers)} values, {len(expected)} events")


@pytest.mark.parametrize("seed", range(6))
def test_events_out_of_range_and_order(seed):
    rng = np.random.default_rng(seed)
    rows, columns = (int(side) for side in rng.choice([1, 3, 5], 2))
    code = CODES["address"](rows=rows, columns=columns, steps=4, interval=25, levels=2)
    values = random_values(code, rng, 3)
    x_bits, y_bits = code.fields["x"], code.fields["y"]
    transfers, wrong, latest = [], 0, 0
    for sent in sent_by_host(code, values):
        if rng.random() < 0.5:
            bad = {"x": 0, "y": 0, "polarity": 1, "time": latest, "sample_end": 0}
            ways = [{"time": 100}, {"time": (1 << 32) - 1}]
            ways += [{"x": columns}] if columns < 1 << x_bits else []
            ways += [{"y": (1 << y_bits) - 1}] if rows < 1 << y_bits else []
            ways += [{"time": latest - 1}] if latest else []
            transfers.append(bad | ways[rng.integers(len(ways))])
            wrong += 1
        transfers.append(sent)
        latest = 0 if sent["sample_end"] else sent["time"]
    record = play(code, transfers, stalls=rng)
    assert sorted(event for event in record.sent if not event[1]) == sorted(
        event for event in events_of(code.encode(values)) if not event[1]
    )
    assert sum(event[2] for event in record.sent) == 3 and sum(event[1] for event in record.sent) == 12
    assert record.rejected == wrong and wrong
    print(f"seed {seed}, {code}: {wrong} illegal of {len(transfers)}, {record.merged} merged")


def test_counters_stick():
    """Of a framer that drops every value but the first."""
    dut = Framer(inputs=1, maximum=2, frames=1)
    counted = []

    async def testbench(ctx):
        ctx.set(dut.items.ready, 1)
        ctx.set(dut.valid, 1)
        for cycles in (2, COUNTER_MAX - 1, 1, 5):
            await ctx.tick().repeat(cycles)
            counted.append(ctx.get(dut.rejected))

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    assert counted == [0, COUNTER_MAX - 1, COUNTER_MAX, COUNTER_MAX]
