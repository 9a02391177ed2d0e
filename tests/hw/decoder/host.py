"""A host in front of a chip with a decoder, which ends a sample as soon as an answer says that it may."""

from dataclasses import dataclass, field

import numpy as np
from amaranth.sim import Simulator

from ranvier.gen.images import memory_words
from ranvier.golden.program import Program
from ranvier.hw.config import ChipConfig
from ranvier.hw.top import Chip


@dataclass
class Session:
    """What the host has sent, of each sample bool ``[steps, inputs]``; the events ``(index, step_end, sample_end,
    value)`` and the answers that came out; the step of each sample's first answer with ``exit``."""

    sent: list[np.ndarray] = field(default_factory=list)
    events: list[tuple[int | None, int, int, int]] = field(default_factory=list)
    answers: list[dict[str, int]] = field(default_factory=list)
    exits: dict[int, int] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        """Samples whose last answer has come."""
        return sum(answer["sample_end"] for answer in self.answers)


def run(
    program: Program,
    config: ChipConfig,
    spikes: np.ndarray,
    *,
    patient: bool,
    stalls: np.random.Generator | None = None,
) -> Session:
    """Send ``spikes`` ``[samples, steps, inputs]``. A ``patient`` host waits for the answer of each step before the
    next one; another sends on and ends the sample in whatever step it is then. ``stalls``: outputs are taken in half
    of the cycles."""
    chip, session = Chip(config), Session()

    async def send(ctx, payload):
        ctx.set(chip.events_in.payload, payload)
        ctx.set(chip.events_in.valid, 1)
        await ctx.tick().until(chip.events_in.ready)
        ctx.set(chip.events_in.valid, 0)

    async def host(ctx):
        await load(ctx)
        for number, sample in enumerate(spikes):
            sent = []
            for step, row in enumerate(sample):
                sent.append(np.zeros(row.size, bool))
                for index in np.flatnonzero(row).tolist():
                    if number in session.exits:
                        break
                    await send(ctx, {"index": index})
                    sent[-1][index] = True
                last = step == len(sample) - 1 or number in session.exits
                await send(ctx, {"step_end": 1, "sample_end": int(last)})
                if last:
                    break
                if patient:
                    while len(session.answers) < sum(map(len, session.sent)) + len(sent):
                        await ctx.tick()
            session.sent.append(np.array(sent))
        while session.ended < len(spikes) or not ctx.get(chip.idle):
            await ctx.tick()

    async def load(ctx):
        layers = {core.name: (layer, core) for layer, core in zip(program.layers, config.cores, strict=True)}
        for region in config.memory_map:
            for address, word in enumerate(memory_words(*layers[region.core], region.memory)):
                ctx.set(chip.load.payload, {"address": region.base + address, "data": word})
                ctx.set(chip.load.valid, 1)
                await ctx.tick()
        ctx.set(chip.load.valid, 0)
        await ctx.tick().until(chip.idle)

    async def listen(ctx):
        while True:
            for stream in (chip.events_out, chip.answers):
                ctx.set(stream.ready, stalls is None or stalls.random() < 0.5)
            moves = [ctx.get(stream.valid) & ctx.get(stream.ready) for stream in (chip.events_out, chip.answers)]
            if moves[0]:
                event = ctx.get(chip.events_out.payload)
                value = event.value if not (program.layers[-1].model.spiking or event.step_end) else 0
                index = None if event.step_end else event.index
                session.events.append((index, event.step_end, event.sample_end, value))
            if moves[1]:
                payload = ctx.get(chip.answers.payload)
                answer = {name: int(payload[name]) for name in dict(payload.shape())}
                if answer["exit"]:
                    session.exits.setdefault(session.ended, answer["step"])
                session.answers.append(answer)
            await ctx.tick()

    simulator = Simulator(chip)
    simulator.add_clock(1e-8)
    simulator.add_testbench(host)
    simulator.add_testbench(listen, background=True)
    simulator.run()
    return session
