"""An encoder in Amaranth's own simulator: plays what a host sends, records what comes out."""

from dataclasses import dataclass, field

import numpy as np
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from ranvier.golden.codes.registry import Code
from ranvier.hw.codes.registry import encoder_of

Event = tuple[int | None, int, int]  # index (None for the end of a step), step_end, sample_end


@dataclass
class Record:
    """Cycles in which transfers were taken, events with the cycles in which they were taken, and the counters."""

    taken: list[int] = field(default_factory=list)
    sent: list[Event] = field(default_factory=list)
    cycles: list[int] = field(default_factory=list)
    rejected: int = 0
    merged: int = 0


def events_of(spikes: np.ndarray) -> list[Event]:
    """Of ``[samples, steps, axons]``, in the order of the axons."""
    events: list[Event] = []
    for sample in spikes:
        for step, row in enumerate(sample):
            events += [(int(axon), 0, 0) for axon in np.repeat(np.arange(row.size), row.astype(int))]
            events.append((None, 1, int(step == len(sample) - 1)))
    return events


def sent_by_host(code: Code, values: np.ndarray) -> list[dict[str, int]]:
    """The transfers of all samples, one behind the other."""
    rows = code.transfers(values).reshape(-1, len(code.fields))
    return [dict(zip(code.fields, row, strict=True)) for row in rows[rows[:, 0] >= 0].tolist()]


def play(
    code: Code,
    transfers: list[dict[str, int]],
    *,
    stalls: np.random.Generator | None = None,
    reset_at: int | None = None,
    limit: int = 100_000,
) -> Record:
    """Play ``transfers`` and return when the encoder is idle again.

    ``stalls``: a random half of the cycles offers nothing, and another random half takes nothing. ``reset_at``: in this
    cycle the encoder is reset, and the transfers begin anew; what was recorded is forgotten.
    """
    dut, record, reset = encoder_of(code), Record(), Signal()

    async def testbench(ctx):
        while not ctx.get(dut.idle):
            await ctx.tick()
        position, cycle, quiet, offering = 0, 0, 0, False
        while quiet < 4:
            assert cycle < limit, f"no end after {limit} cycles: {position} of {len(transfers)} transfers taken"
            ctx.set(reset, cycle == reset_at)
            if cycle == reset_at:
                ctx.set(dut.values.valid, 0)
                await ctx.tick()
                ctx.set(reset, 0)
                position, cycle, offering = 0, cycle + 1, False
                record.taken, record.sent, record.cycles = [], [], []
            offering = offering or (position < len(transfers) and (stalls is None or stalls.random() < 0.5))
            ctx.set(dut.values.valid, offering)
            if offering:
                ctx.set(dut.values.payload, transfers[position])
            ctx.set(dut.events.ready, stalls is None or stalls.random() < 0.5)
            if offering and ctx.get(dut.values.ready):
                record.taken.append(cycle)
                position, offering = position + 1, False
            if ctx.get(dut.events.valid) and ctx.get(dut.events.ready):
                event = ctx.get(dut.events.payload)
                record.sent.append((None if event.step_end else event.index, event.step_end, event.sample_end))
                record.cycles.append(cycle)
            quiet = quiet + 1 if ctx.get(dut.idle) and position == len(transfers) else 0
            await ctx.tick()
            cycle += 1
        record.rejected = ctx.get(dut.rejected)
        record.merged = ctx.get(dut.merged) if code.name == "address" else 0

    simulator = Simulator(ResetInserter(reset)(dut))
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    return record
