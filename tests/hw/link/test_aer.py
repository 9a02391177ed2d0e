"""Four-phase handshakes: a sender and a receiver, and partners that follow no clock."""

import random
from itertools import pairwise

import pytest
from amaranth.hdl import Elaboratable, Module
from amaranth.sim import Simulator

from ranvier.hw.link import AerReceiver, AerSender

PERIOD = 1e-8


class Joined(Elaboratable):
    def __init__(self, stages, patience=100):
        self.sender = AerSender(8, patience, stages=stages)
        self.receiver = AerReceiver(8, patience, stages=stages)

    def elaborate(self, platform):
        m = Module()
        m.submodules.sender, m.submodules.receiver = sender, receiver = self.sender, self.receiver
        m.d.comb += [
            receiver.request.eq(sender.request),
            receiver.data.eq(sender.data),
            sender.acknowledge.eq(receiver.acknowledge),
        ]
        return m


def simulate(design, *testbenches):
    simulator = Simulator(design)
    simulator.add_clock(PERIOD)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    simulator.run()


def feed(stream, words, taken, chance=None):
    """Offer ``words``, with pauses drawn from ``chance``; note the cycle in which each was taken."""

    async def testbench(ctx):
        cycle, position, offering = 0, 0, False
        while position < len(words):
            offering = offering or chance is None or chance.random() < 0.3
            ctx.set(stream.valid, offering)
            ctx.set(stream.payload, words[position])
            if offering and ctx.get(stream.ready):
                taken.append(cycle)
                position, offering = position + 1, False
            await ctx.tick()
            cycle += 1
        ctx.set(stream.valid, 0)

    return testbench


def drain(stream, count, got, chance=None):
    """Take ``count`` words into ``got`` as ``(cycle, word)``, with stalls drawn from ``chance``."""

    async def testbench(ctx):
        cycle = 0
        while len(got) < count:
            assert cycle < 100_000, f"no end, {len(got)} of {count} came"
            ready = chance is None or chance.random() < 0.3
            ctx.set(stream.ready, ready)
            if ready and ctx.get(stream.valid):
                got.append((cycle, ctx.get(stream.payload)))
            await ctx.tick()
            cycle += 1
        for _ in range(40):  # one that came twice would come now
            ctx.set(stream.ready, 1)
            assert not ctx.get(stream.valid)
            await ctx.tick()

    return testbench


@pytest.mark.parametrize("stages", [2, 3, 4])
def test_back_to_back_latency_and_throughput(stages):
    """The formulas of the docstrings: a request 2 cycles after, its event ``stages + 1`` later."""
    joined, words, taken, got = Joined(stages), list(range(40, 60)), [], []
    simulate(joined, feed(joined.sender.events, words, taken), drain(joined.receiver.events, len(words), got))
    assert [word for _, word in got] == words
    assert {cycle - start for (cycle, _), start in zip(got, taken, strict=True)} == {2 + stages + 1}
    assert {later - cycle for cycle, later in pairwise(taken)} == {4 * stages + 6}


@pytest.mark.parametrize("stages", [2, 3])
def test_throughput_with_a_partner_that_answers_at_once(stages):
    sender, receiver, taken, got = AerSender(8, 100, stages=stages), AerReceiver(8, 100, stages=stages), [], []

    class Mirrors(Elaboratable):
        def elaborate(self, platform):
            m = Module()
            m.submodules.sender, m.submodules.receiver = sender, receiver
            m.d.comb += [sender.acknowledge.eq(sender.request), receiver.request.eq(~receiver.acknowledge)]
            return m

    simulate(Mirrors(), feed(sender.events, list(range(10)), taken), drain_first(receiver.events, 10, got))
    for cycles in (taken, got):
        assert {later - cycle for cycle, later in pairwise(cycles)} == {2 * stages + 3}


def drain_first(stream, count, cycles):
    async def testbench(ctx):
        ctx.set(stream.ready, 1)
        for cycle in range(1000):
            if len(cycles) == count:
                return
            if ctx.get(stream.valid):
                cycles.append(cycle)
            await ctx.tick()
        raise AssertionError(f"{len(cycles)} of {count} came")

    return testbench


@pytest.mark.parametrize("seed", range(3))
def test_random_stalls_change_nothing(seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    joined, words, got = Joined(2), [chance.getrandbits(8) for _ in range(80)], []
    source, sink = joined.sender.events, joined.receiver.events
    simulate(joined, feed(source, words, [], chance), drain(sink, len(words), got, chance))
    assert [word for _, word in got] == words


async def until(ctx, signal, value, chance):
    """Look at a pin at times that have nothing to do with the clock; answer after a random delay."""
    while ctx.get(signal) != value:
        await ctx.delay(chance.uniform(0.1, 0.7) * PERIOD)
    await ctx.delay(chance.choice([0.03, 0.4, 3, 11]) * chance.random() * PERIOD)


@pytest.mark.parametrize("seed", range(3))
def test_a_receiver_hears_a_partner_without_a_clock(seed):
    """Data change to garbage between the events: only their time of validity is read."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    receiver, words, got = AerReceiver(8, 100), [chance.getrandbits(8) for _ in range(60)], []

    async def partner(ctx):
        for word in words:
            ctx.set(receiver.data, word)
            await ctx.delay(0.05 * PERIOD)
            ctx.set(receiver.request, 1)
            await until(ctx, receiver.acknowledge, 1, chance)
            ctx.set(receiver.data, chance.getrandbits(8))
            ctx.set(receiver.request, 0)
            await until(ctx, receiver.acknowledge, 0, chance)

    simulate(receiver, partner, drain(receiver.events, len(words), got, chance))
    assert [word for _, word in got] == words


@pytest.mark.parametrize("seed", range(3))
def test_a_sender_holds_data_for_a_partner_without_a_clock(seed):
    """Data are read as soon as the request rises, and are the same until the acknowledge has fallen."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    sender, words, got = AerSender(8, 100), [chance.getrandbits(8) for _ in range(60)], []

    async def partner(ctx):
        while len(got) < len(words):
            while not ctx.get(sender.request):
                await ctx.delay(0.3 * PERIOD)
            got.append(ctx.get(sender.data))
            await ctx.delay(chance.random() * 5 * PERIOD)
            assert ctx.get(sender.request)
            ctx.set(sender.acknowledge, 1)
            await until(ctx, sender.request, 0, chance)
            assert ctx.get(sender.data) == got[-1]
            ctx.set(sender.acknowledge, 0)

    simulate(sender, partner, feed(sender.events, words, [], chance))
    assert got == words


def test_data_are_set_up_a_cycle_before_the_request():
    sender = AerSender(8, 100)

    async def testbench(ctx):
        ctx.set(sender.events.payload, 0xA5)
        ctx.set(sender.events.valid, 1)
        await ctx.tick()
        ctx.set(sender.events.valid, 0)
        assert (ctx.get(sender.data), ctx.get(sender.request)) == (0xA5, 0)
        await ctx.tick()
        assert (ctx.get(sender.data), ctx.get(sender.request)) == (0xA5, 1)

    simulate(sender, testbench)


async def ticks(ctx, count):
    for _ in range(count):
        await ctx.tick()


def test_a_request_that_stays_is_reported_and_overcome():
    """No second event, one error for each incident, and the next event passes."""
    receiver, seen = AerReceiver(8, 20), []

    async def partner(ctx):
        ctx.set(receiver.events.ready, 1)
        for word, pause in ((1, 15), (2, 100), (3, 15), (4, 300), (5, 15)):
            ctx.set(receiver.data, word)
            ctx.set(receiver.request, 1)
            while not ctx.get(receiver.acknowledge):
                if ctx.get(receiver.events.valid):
                    seen.append(ctx.get(receiver.events.payload))
                await ctx.tick()
            for _ in range(pause):
                assert not ctx.get(receiver.events.valid)
                await ctx.tick()
            assert ctx.get(receiver.stuck) == (pause > 20)
            ctx.set(receiver.request, 0)
            await ticks(ctx, 4)
            assert not ctx.get(receiver.acknowledge)
            assert not ctx.get(receiver.stuck)
        assert seen == [1, 2, 3, 4, 5]
        assert ctx.get(receiver.errors) == 2

    simulate(receiver, partner)


@pytest.mark.parametrize("phase", ["rise", "fall"])
def test_an_acknowledge_that_does_not_come_is_reported_and_overcome(phase):
    sender = AerSender(8, 20)

    async def testbench(ctx):
        ctx.set(sender.events.valid, 1)
        for pause, errors in ((15, 0), (100, 1), (15, 1), (60, 2)):
            while not ctx.get(sender.request):
                await ctx.tick()
            await ticks(ctx, pause if phase == "rise" else 3)
            if phase == "rise":
                assert ctx.get(sender.stuck) == (pause > 20)
                assert ctx.get(sender.request)
            ctx.set(sender.acknowledge, 1)
            await ticks(ctx, 4)
            assert not ctx.get(sender.request)
            assert not ctx.get(sender.stuck)
            await ticks(ctx, pause if phase == "fall" else 3)
            if phase == "fall":
                assert ctx.get(sender.stuck) == (pause > 20)
                assert not ctx.get(sender.events.ready)
            assert ctx.get(sender.errors) == errors
            ctx.set(sender.acknowledge, 0)
            await ticks(ctx, 4)
            assert not ctx.get(sender.stuck)

    simulate(sender, testbench)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AerReceiver(0, 5), "Width of an AER receiver must be at least 1 bit, not 0"),
        (lambda: AerSender(-1, 5), "Width of an AER sender must be at least 1 bit, not -1"),
        (lambda: AerReceiver(4, 0), "Patience must be at least 1 cycle, not 0"),
        (lambda: AerSender(4, 0), "Patience must be at least 1 cycle, not 0"),
        (lambda: AerReceiver(4, 5, stages=1), "Synchroniser of an AER receiver must have at least 2 stages, not 1"),
        (lambda: AerSender(4, 5, stages=0), "Synchroniser of an AER sender must have at least 2 stages, not 0"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message
