"""A line between two clocks: what is read, what is refused, and from when to when."""

import random

import pytest
from amaranth.hdl import ClockDomain, DomainRenamer, Elaboratable, Module, Signal
from amaranth.sim import Simulator

from ranvier.hw.link.frame import FrameFormat
from ranvier.hw.link.line_receiver import STAGES, LineReceiver
from ranvier.hw.link.line_transmitter import LineTransmitter


class Line(Elaboratable):
    """A transmitter in domain ``near``, a receiver in ``far``; ``flip`` inverts the line, wires come ``skew`` late."""

    def __init__(self, form, oversampling, skew=()):
        self.transmitter = LineTransmitter(form, oversampling=oversampling)
        self.receiver = LineReceiver(form, oversampling=oversampling)
        self.flip, self.skew = Signal(form.wires), skew or (0,) * form.wires

    def elaborate(self, platform):
        m = Module()
        m.domains += [ClockDomain("near"), ClockDomain("far")]
        m.submodules.transmitter = DomainRenamer("near")(self.transmitter)
        m.submodules.receiver = DomainRenamer("far")(self.receiver)
        line = self.transmitter.line ^ self.flip
        for wire, late in enumerate(self.skew):
            bit = line[wire]
            for stage in range(late):
                later = Signal(name=f"late_{wire}_{stage}", init=1)
                m.d.near += later.eq(bit)
                bit = later
            m.d.comb += self.receiver.line[wire].eq(bit)
        return m


def transmit(form, oversampling, bodies, *, periods=(10.0, 10.0), phase=0.0, skew=(), flips=(), gap=0):
    """Send ``bodies`` without a gap; cycles and bodies that were valid, cycles of start and of corrupted frames.

    ``flips``: (cycle after the first start, wire) in which the line is inverted. ``gap``: cycles between frames.
    """
    line = Line(form, oversampling, skew)
    starts, valid, corrupted = [], [], []
    flips, last = set(flips), len(bodies) * (oversampling * form.symbols + gap) * 1.2 + 60

    async def near(ctx):
        position, cycle, pause = 0, 0, 0
        while cycle < last:
            offering = position < len(bodies) and not pause
            pause = max(pause - 1, 0)
            ctx.set(line.transmitter.start, offering)
            if offering:
                ctx.set(line.transmitter.body.as_value(), bodies[position])
                if ctx.get(line.transmitter.ready):
                    starts.append(cycle)
                    position, pause = position + 1, gap and gap + oversampling * form.symbols - 1
            ctx.set(line.flip, sum(1 << wire for wire in range(form.wires) if (cycle - 2, wire) in flips))
            await ctx.tick("near")
            cycle += 1

    async def far(ctx):
        cycle = 0
        while cycle < last:
            if ctx.get(line.receiver.valid):
                valid.append((cycle, ctx.get(line.receiver.body.as_value())))
            if ctx.get(line.receiver.corrupted):
                corrupted.append(cycle)
            await ctx.tick("far")
            cycle += 1

    simulator = Simulator(line)
    simulator.add_clock(periods[0] * 1e-9, domain="near")
    simulator.add_clock(periods[1] * 1e-9, phase=phase * periods[1] * 1e-9, domain="far")
    simulator.add_testbench(near)
    simulator.add_testbench(far)
    simulator.run()
    return starts, valid, corrupted


def bodies_for(form, count, seed):
    chance = random.Random(seed)
    return [chance.getrandbits(form.body.size) for _ in range(count)]


@pytest.mark.parametrize("oversampling", [4, 5, 8])
@pytest.mark.parametrize("wires", [1, 3, 4, 8])
def test_latency_and_throughput(wires, oversampling):
    form = FrameFormat(9, wires, 4)
    bodies = bodies_for(form, 6, wires)
    starts, valid, corrupted = transmit(form, oversampling, bodies)
    assert [body for _, body in valid] == bodies
    assert not corrupted
    frame_cycles = oversampling * form.symbols
    assert starts == [n * frame_cycles for n in range(6)]
    latency = 2 + STAGES + oversampling * (form.symbols - 1) + oversampling // 2
    assert [cycle for cycle, _ in valid] == [start + latency for start in starts]


def within(form, oversampling):
    """The shares by which the other side's cycle may be longer, and shorter."""
    half = oversampling // 2
    return (half - 1) / (oversampling * (form.symbols - 1)), half / (oversampling * form.symbols)


@pytest.mark.parametrize(("oversampling", "wires"), [(4, 1), (4, 4), (8, 1), (16, 2)])
@pytest.mark.parametrize("slow", [False, True])
def test_clocks_may_differ_as_much_as_is_said(oversampling, wires, slow):
    """All frames are read at nine tenths of the bound, at any phase; at twice the bound hardly one is."""
    form = FrameFormat(8, wires, 4)
    longer, shorter = within(form, oversampling)
    bodies = bodies_for(form, 5, oversampling)
    ratio = 1 + 0.9 * longer if slow else 1 - 0.9 * shorter
    for phase in (0.03, 0.49, 0.97):
        _, valid, corrupted = transmit(form, oversampling, bodies, periods=(10 * ratio, 10), phase=phase)
        assert [body for _, body in valid] == bodies
        assert not corrupted
    ratio = 1 + 2.2 * longer if slow else 1 - 2.2 * shorter
    _, valid, _ = transmit(form, oversampling, bodies, periods=(10 * ratio, 10), phase=0.4, gap=oversampling * 30)
    print(f"{form.symbols} symbols, bounds +{longer:.4f} −{shorter:.4f}: beyond them {len(valid)} of 5 read")
    assert len(valid) < 3


@pytest.mark.parametrize("late", [[0, 1, 1, 0], [1, 0, 0, 2], [3, 0, 3, 6]])
def test_wires_may_arrive_apart(late):
    form = FrameFormat(8, 4, 4)
    bodies = bodies_for(form, 6, 3)
    _, valid, _ = transmit(form, 8 if max(late) > 2 else 4, bodies, skew=late)
    assert [body for _, body in valid] == bodies


def test_flipped_symbols_are_found_wherever_they_are():
    """Each symbol of a frame of its own, for its whole length; start and stop too. The frames between are read."""
    form, oversampling = FrameFormat(8, 2, 4), 4
    bodies = bodies_for(form, 2 * form.symbols, 5)
    gap = oversampling * form.symbols  # a missed beginning costs a frame at most
    turn = oversampling * form.symbols + gap
    flips = [(2 * n * turn + oversampling * n + k, n % 2) for n in range(form.symbols) for k in range(oversampling)]
    _, valid, corrupted = transmit(form, oversampling, bodies, flips=flips, gap=gap)
    assert [body for _, body in valid] == bodies[1::2]
    assert form.symbols - 2 <= len(corrupted) <= form.symbols + 1


def test_a_glitch_is_no_frame():
    form = FrameFormat(8, 1, 4)
    bodies = bodies_for(form, 2, 6)
    _, valid, corrupted = transmit(form, 8, bodies, gap=200, flips=[(form.symbols * 8 + 50 + k, 0) for k in range(3)])
    assert [body for _, body in valid] == bodies
    assert not corrupted


@pytest.mark.parametrize("level", [0, 1])
def test_a_dead_line_is_one_corrupted_frame_or_none(level):
    """Low for ever: one frame without a stop symbol, then nothing until an edge comes."""
    receiver = LineReceiver(FrameFormat(8, 1, 4), oversampling=4)
    seen = []

    async def testbench(ctx):
        ctx.set(receiver.line, level)
        for _ in range(2000):
            assert not ctx.get(receiver.valid)
            seen.append(ctx.get(receiver.corrupted))
            await ctx.tick()

    simulator = Simulator(receiver)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    assert sum(seen) == (not level)
