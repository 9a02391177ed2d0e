"""A core or chip in Amaranth's own simulator: loads memories, plays events, records what comes out."""

from dataclasses import dataclass, field

import numpy as np
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from ranvier.gen.images import memory_words
from ranvier.golden.inference import run_program
from ranvier.golden.program import Program
from ranvier.hw.config import ChipConfig
from ranvier.hw.top import Chip


@dataclass
class Record:
    """Events taken and sent with their cycles (``(cycle, index, step_end, sample_end, value)``; the value of a negative
    spike's is 1), and counters."""

    taken: list[tuple] = field(default_factory=list)
    sent: list[tuple] = field(default_factory=list)
    saturations: list[int] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)


def events_of(spikes: np.ndarray, rng: np.random.Generator | None = None) -> list[tuple[int, int, int]]:
    """Events ``(index, step_end, sample_end)`` of ``[samples, steps, inputs]``, bool or graded, shuffled in a step by
    ``rng``."""
    events = []
    for sample in spikes:
        for step, row in enumerate(sample):
            indices = np.repeat(np.arange(row.size), row.astype(int))
            if rng is not None:
                rng.shuffle(indices)
            events += [(int(index), 0, 0) for index in indices]
            events.append((0, 1, int(step == len(sample) - 1)))
    return events


def expected_events(program: Program, spikes: np.ndarray) -> tuple[list[tuple], list[int]]:
    """What the last layer sends, and how many states each layer has limited."""
    traces = run_program(program, spikes)
    events, last = [], program.layers[-1].model
    for fired, membrane in zip(traces[-1].spikes, traces[-1].membrane, strict=True):
        for step, (row, values) in enumerate(zip(fired, membrane, strict=True)):
            sent = np.repeat(np.arange(row.size), np.abs(row.astype(int))) if last.spiking else range(len(row))
            below = [int(last.signed and row[index] < 0) if last.spiking else int(values[index]) for index in sent]
            events += [(int(index), 0, 0, value) for index, value in zip(sent, below, strict=True)]
            events.append((None, 1, int(step == len(fired) - 1), 0))
    return events, [int(trace.saturations.sum()) for trace in traces]


def play(
    program: Program,
    config: ChipConfig,
    events: list[tuple[int, ...]],
    *,
    stalls: np.random.Generator | None = None,
    reset_at: int | None = None,
    limit: int = 200_000,
) -> Record:
    """Load ``program`` through the load port, play ``events`` (or what an encoder takes: fields in their order), return
    when the chip is idle again.

    ``stalls``: a random half of the cycles offers no input, and another random half takes no output.
    ``reset_at``: in this cycle the chip is reset, and the events begin anew; what was recorded is forgotten.
    """
    chip, record, reset = Chip(config), Record(), Signal()
    entry = chip.events_in if config.encoder is None else chip.values_in
    names = [name for name, _ in entry.payload.shape()]

    async def testbench(ctx):
        layers = dict(
            zip((core.name for core in config.cores), zip(program.layers, config.cores, strict=True), strict=True)
        )
        ctx.set(chip.load.valid, 1)
        for region in config.memory_map:
            for address, word in enumerate(memory_words(*layers[region.core], region.memory)):
                ctx.set(chip.load.payload, {"address": region.base + address, "data": word})
                await ctx.tick()
        ctx.set(chip.load.valid, 0)
        while not ctx.get(chip.idle):
            await ctx.tick()

        position, cycle, quiet, offering = 0, 0, 0, False
        while quiet < 8:
            ctx.set(reset, cycle == reset_at)
            if cycle == reset_at:
                ctx.set(entry.valid, 0)
                await ctx.tick()
                ctx.set(reset, 0)
                position, cycle, offering, record.taken, record.sent = 0, cycle + 1, False, [], []
            assert cycle < limit, f"no end after {limit} cycles: {position} of {len(events)} events taken"
            offering = offering or (position < len(events) and (stalls is None or stalls.random() < 0.5))
            ctx.set(entry.valid, offering)
            if offering:
                ctx.set(entry.payload, dict(zip(names, events[position], strict=True)))
            ctx.set(chip.events_out.ready, stalls is None or stalls.random() < 0.5)
            if offering and ctx.get(entry.ready):
                record.taken.append((cycle, *events[position]))
                position, offering = position + 1, False
            if ctx.get(chip.events_out.valid) and ctx.get(chip.events_out.ready):
                payload = ctx.get(chip.events_out.payload)
                fields = dict(payload.shape())
                value = payload.value if "value" in fields else payload.negative if "negative" in fields else 0
                record.sent.append((cycle, payload.index, payload.step_end, payload.sample_end, value))
            quiet = quiet + 1 if ctx.get(chip.idle) and position == len(events) else 0
            await ctx.tick()
            cycle += 1
        for core in config.cores:
            record.saturations.append(ctx.get(getattr(chip, f"{core.name}_saturations")))
            record.rejected.append(ctx.get(getattr(chip, f"{core.name}_rejected")))

    simulator = Simulator(ResetInserter(reset)(chip))
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    return record
