"""The inbox alone: order of steps, cycles, and packets that should not come."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from ranvier.hw.manycore.inbox import Inbox
from ranvier.hw.manycore.packet import Kind, PacketFormat

FORMAT = PacketFormat(3, 3, 16, 10)


def spike(step, index):
    return Kind.SPIKE, step & 1, FORMAT.spike.const({"index": index}).as_value().value


def end(step, events, sample_end=0):
    return Kind.END, step & 1, FORMAT.end.const({"events": events, "sample_end": sample_end}).as_value().value


def play(packets, *, axons=12, senders=2, ready=lambda cycle: True, cycles=200):
    """Send ``packets`` (cycle: packet); events and consumed steps with their cycles, and the count of rejected."""
    inbox = Inbox(axons, FORMAT, senders=3)
    events, consumed, rejected = [], [], []

    async def testbench(ctx):
        ctx.set(inbox.senders, senders)
        ctx.set(inbox.may_consume, 1)
        ctx.set(inbox.consumed.ready, 1)
        for cycle in range(cycles):
            kind, step, body = packets.get(cycle, (Kind.SPIKE, 0, 0))
            ctx.set(inbox.packets.valid, cycle in packets)
            number = kind if isinstance(kind, int) else kind.value  # also of no kind
            ctx.set(inbox.packets.payload.as_value(), number | step << 2 | body << 3)
            takes = ready(cycle)
            ctx.set(inbox.events.ready, takes)
            payload = ctx.get(inbox.events.payload)
            if ctx.get(inbox.events.valid) and takes:
                events.append((cycle, "end" if payload.step_end else payload.index, int(payload.sample_end)))
            if ctx.get(inbox.consumed.valid):
                consumed.append((cycle, ctx.get(inbox.consumed.payload)))
            await ctx.tick()
        rejected.append(ctx.get(inbox.rejected))

    simulator = Simulator(inbox)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    return events, consumed, rejected[0]


def test_an_event_is_offered_three_cycles_after_it_came_and_one_a_cycle():
    packets = dict(enumerate([spike(0, 3), spike(0, 7), spike(0, 1), end(0, 1), end(0, 2)]))
    events, consumed, rejected = play(packets)
    assert events == [(3, 3, 0), (4, 7, 0), (5, 1, 0), (7, "end", 0)]
    assert consumed == [(5, 0)] and rejected == 0


def test_a_step_ends_when_all_senders_ended_and_all_events_came_in_any_order():
    packets = {0: end(0, 2, 1), 5: spike(0, 4), 9: end(0, 1, 1), 14: spike(0, 5), 20: spike(0, 6)}
    events, _, rejected = play(packets)
    assert [event for _, event, _ in events] == [4, 5, 6, "end"]
    assert events[-1][0] > 20 and events[-1][2] == 1 and rejected == 0


@pytest.mark.parametrize("seed", range(20))
def test_the_next_step_waits_for_this_one(seed):
    """A sender may be a step ahead of another one; events of a step never come with those of another."""
    rng = np.random.default_rng(seed)
    rasters = rng.random((4, 2, 6)) < 0.6  # steps, senders, axons of each
    queues = []
    for sender in range(2):
        queue = []
        for step in range(4):
            active = [int(axon) + 6 * sender for axon in np.flatnonzero(rasters[step, sender])]
            body = [spike(step, axon) for axon in active]
            body.insert(rng.integers(len(body) + 1), end(step, len(active), int(step == 3)))
            queue.append(body)
        queues.append(queue)
    packets, cycle = {}, 0
    for pair in range(0, 4, 2):  # two steps are free at a time
        waiting = [queue[pair] + queue[pair + 1] for queue in queues]
        while any(waiting):
            sender = int(rng.integers(2))
            if waiting[sender]:
                packets[cycle] = waiting[sender].pop(0)
            cycle += int(rng.integers(1, 3))
        cycle += 60
    events, consumed, rejected = play(packets, ready=lambda cycle: rng.random() < 0.7, cycles=400)
    assert rejected == 0 and [step for _, step in consumed] == [0, 1, 0, 1]
    found, steps = set(), []
    for _, event, _ in events:
        if event == "end":
            steps.append(found)
            found = set()
        else:
            found.add(event)
    assert steps == [set(np.flatnonzero(raster.reshape(-1)).tolist()) for raster in rasters]


@pytest.mark.parametrize(
    ("stray", "events"),
    [
        ([spike(0, 12), spike(0, 15)], ["end"]),  # axons that do not exist: counted as sent, not handed on
        ([spike(1, 2), end(1, 1), end(1, 0), spike(1, 3), end(1, 1)], ["end", 2, "end"]),  # for a step that is complete
    ],
)
def test_what_should_not_come_is_counted_and_dropped(stray, events):
    packets = dict(enumerate([*stray, end(0, 2), end(0, 0)] if stray[0][1] == 0 else [*stray, end(0, 0), end(0, 0)]))
    found, _, rejected = play(packets)
    assert [event for _, event, _ in found] == events
    assert rejected == 2


def test_more_events_than_axons_are_counted_and_dropped():
    packets = dict(enumerate([spike(0, 1)] * 14 + [end(0, 14), end(0, 0)]))
    found, _, rejected = play(packets)
    assert [event for _, event, _ in found] == [1] * 12 + ["end"] and rejected == 2


@pytest.mark.parametrize("counts", [(24, 8), (20, 12), (16, 4), (12, 12), (31, 31)])
def test_a_step_ends_however_many_events_come(counts):
    """Counts stick where their fields end, all at the same number."""
    packets = dict(enumerate([spike(0, 1)] * sum(counts) + [end(0, count) for count in counts]))
    packets |= {100 + place: packet for place, packet in enumerate([end(1, 0), end(1, 0)])}
    found, consumed, rejected = play(packets)
    assert [event for _, event, _ in found] == [1] * 12 + ["end", "end"] and rejected == sum(counts) - 12
    assert [step for _, step in consumed] == [0, 1]


def test_packets_of_no_kind_are_counted():
    packets = dict(enumerate([(3, 0, 0), (3, 1, 5), end(0, 0), end(0, 0)]))
    found, _, rejected = play(packets)
    assert [event for _, event, _ in found] == ["end"] and rejected == 2
