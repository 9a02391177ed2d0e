"""A decoder in Amaranth's simulator: events in, answers out, with the cycles of both."""

from dataclasses import dataclass, field

import numpy as np
from amaranth.sim import Simulator

from ranvier.golden.decoding.population import Population
from ranvier.hw.decoder.registry import decoder


@dataclass
class Record:
    """``taken``: the cycle of each event; ``answers``: fields of each answer; ``offered``: the cycle in which each was
    first there; ``rejected``: the counter at the end."""

    taken: list[int] = field(default_factory=list)
    answers: list[dict[str, int]] = field(default_factory=list)
    offered: list[int] = field(default_factory=list)
    rejected: int = 0


def play(model, events: list[dict[str, int]], stalls: np.random.Generator | None = None) -> Record:
    """Send ``events`` to the decoder of ``model``; ``stalls``: half of the cycles offer none, half take no answer."""
    dut, record = decoder(model), Record()

    async def testbench(ctx):
        position, cycle, offering, waiting = 0, 0, False, False
        while position < len(events) or not ctx.get(dut.idle):
            assert cycle < 50 * len(events) + 100, f"no end: {position} of {len(events)} events taken"
            offering = offering or (position < len(events) and (stalls is None or stalls.random() < 0.5))
            ctx.set(dut.events.valid, offering)
            if offering:
                ctx.set(dut.events.payload, events[position])
            ready = stalls is None or stalls.random() < 0.5
            ctx.set(dut.answers.ready, ready)
            if ctx.get(dut.answers.valid):
                if not waiting:
                    record.offered.append(cycle)
                waiting = not ready
                if ready:
                    payload = ctx.get(dut.answers.payload)
                    record.answers.append({name: int(payload[name]) for name in dict(payload.shape())})
            if offering and ctx.get(dut.events.ready):
                record.taken.append(cycle)
                position, offering = position + 1, False
            await ctx.tick()
            cycle += 1
            if position == len(events):
                ctx.set(dut.events.valid, 0)
        record.rejected = ctx.get(dut.rejected)

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    return record


def events_of(model, values: np.ndarray) -> list[dict[str, int]]:
    """What a last layer sends that has the potentials, or spikes, ``values`` ``[steps, neurons]`` of one sample."""
    events = []
    for step, row in enumerate(values.tolist()):
        for neuron, value in enumerate(row):
            if model.readout:
                events.append({"index": neuron, "value": value})
            else:
                events += [{"index": neuron}] * value
        events.append({"step_end": 1, "sample_end": int(step == len(values) - 1)})
    return events


def expected(model, values: np.ndarray) -> list[dict[str, int]]:
    """Golden's answers after every step of one such sample."""
    found = model.decode(values[None], values[None])
    rows = []
    for step in range(len(values)):
        if isinstance(model, Population):
            numerator, denominator = found.mean[:, 0, step].tolist()
            answer = {"numerator": numerator, "denominator": denominator}
        else:
            answer = {"class": int(found.predictions[0, step])}
        place = {"step": step, "exit": int(found.exits[0, step]), "sample_end": int(step == len(values) - 1)}
        rows.append(answer | place)
    return rows
