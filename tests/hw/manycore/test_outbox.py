"""The outbox alone: who gets what, and in which cycle."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from ranvier.hw.manycore.outbox import Outbox
from ranvier.hw.manycore.packet import Kind, PacketFormat

FORMAT = PacketFormat(4, 4, 40, None)
PLACES = [(0, 1), (3, 2), (2, 0)]


def play(lists, events, *, ready=lambda cycle: True, cycles=300):
    """Send ``events`` (index or "end") whose lists of (target, offset) are ``lists``; packets with their cycles,
    taken."""
    entries = sum(map(len, lists))
    outbox = Outbox(len(lists), FORMAT, entries=entries, targets=3)
    sent, taken, ended = [], [], []

    async def load(ctx, port, words):
        for address, word in enumerate(words):
            ctx.set(port.enable, 1)
            ctx.set(port.address, address)
            ctx.set(port.data, word)
            await ctx.tick()
        ctx.set(port.enable, 0)

    async def testbench(ctx):
        entry = FORMAT.entry(3)
        words, starts = [], []
        for each in lists:
            starts.append(len(words))
            for number, (target, offset) in enumerate(each):
                fields = {"target": target, "offset": offset % 64, "last": number == len(each) - 1}
                words.append(entry.const(fields).as_value().value)
        await load(ctx, outbox.load_starts, starts)
        await load(ctx, outbox.load_lists, words)
        await load(ctx, outbox.load_targets, [x | y << 2 for x, y in PLACES])
        ctx.set(outbox.targets, 3)
        ctx.set(outbox.may_send, 1)
        position = 0
        for cycle in range(cycles):
            offering = position < len(events)
            ctx.set(outbox.events.valid, offering)
            if offering:
                event = events[position]
                ctx.set(outbox.events.payload, {"index": 0 if event == "end" else event, "step_end": event == "end"})
            takes = ready(cycle)
            ctx.set(outbox.packets.ready, takes)
            if offering and ctx.get(outbox.events.ready):
                taken.append(cycle)
                position += 1
            if ctx.get(outbox.packets.valid) and takes:
                flit = ctx.get(outbox.packets.payload)
                body = flit.payload.body
                what = body & 63 if flit.payload.kind == Kind.SPIKE else ("end", body & 63)
                sent.append((cycle, PLACES.index((flit.x, flit.y)), flit.payload.step, what))
            if ctx.get(outbox.ended):
                ended.append(cycle)
            await ctx.tick()

    simulator = Simulator(outbox)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    return sent, taken, ended


def test_a_packet_a_cycle_from_three_cycles_after_the_event_on():
    lists = [[(0, 10), (1, 20), (2, 30)], [(1, 7), (0, 9)], [(2, 5)]]
    sent, taken, ended = play(lists, [0, 1, 2, "end"])
    spikes = [(0, 0, 10), (1, 0, 20), (2, 0, 30), (1, 0, 8), (0, 0, 10), (2, 0, 7)]
    ends = [(0, 0, ("end", 2)), (1, 0, ("end", 2)), (2, 0, ("end", 2))]
    assert [packet[1:] for packet in sent] == spikes + ends
    assert taken[0] + 3 == sent[0][0]
    assert np.diff([packet[0] for packet in sent]).tolist() == [1] * 8
    assert ended == [sent[-1][0]]


def test_lists_of_one_entry_go_every_other_cycle():
    sent, _, _ = play([[(0, 0)]] * 6, [0, 1, 2, 3, 4, 5, "end"])
    assert np.diff([packet[0] for packet in sent[:6]]).tolist() == [2] * 5


@pytest.mark.parametrize("seed", range(10))
def test_every_target_gets_its_events_and_their_number(seed):
    rng = np.random.default_rng(seed)
    lists = [
        [(int(target), int(rng.integers(-9, 30))) for target in rng.permutation(3)[: rng.integers(1, 4)]]
        for _ in range(9)
    ]
    steps = [rng.permutation(9)[: rng.integers(0, 10)].tolist() for _ in range(3)]
    events = [event for step in steps for event in [*step, "end"]]
    sent, _, _ = play(lists, events, ready=lambda cycle: rng.random() < 0.6)
    expected = []
    for number, step in enumerate(steps):
        packets = [(target, number & 1, (event + offset) % 64) for event in step for target, offset in lists[event]]
        counts = [sum(packet[0] == target for packet in packets) for target in range(3)]
        expected += packets + [(target, number & 1, ("end", counts[target])) for target in range(3)]
    assert [packet[1:] for packet in sent] == expected
    assert len(expected) >= 9
