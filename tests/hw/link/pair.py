"""Two links in Amaranth's simulator, each with a clock of its own, and lines between them that err."""

import random
from dataclasses import dataclass, field
from functools import partial

from amaranth.hdl import ClockDomain, DomainRenamer, Elaboratable, Module, ResetSignal, Signal
from amaranth.sim import Simulator

from ranvier.hw.link import Link

SIDES = ("left", "right")
OTHER = {"left": "right", "right": "left"}


class Pair(Elaboratable):
    """``left`` and ``right``, each clocked by the domain of its name; ``flip`` inverts a side's ``line_in``, ``cut``
    holds it at ``level``. ``delay``: cycles of the sending side's clock on each line."""

    def __init__(self, *, link=Link, delay=0, **parameters):
        self.delay = delay
        self.links = {side: link(**parameters) for side in SIDES}
        wires = parameters.get("wires", 1)
        self.flip = {side: Signal(wires, name=f"flip_{side}") for side in SIDES}
        self.cut = {side: Signal(name=f"cut_{side}") for side in SIDES}
        self.level = {side: Signal(wires, name=f"level_{side}") for side in SIDES}
        self.reset = {side: Signal(name=f"reset_{side}") for side in SIDES}

    def elaborate(self, platform):
        m = Module()
        for side in SIDES:
            m.domains += ClockDomain(side)
            m.submodules[side] = DomainRenamer(side)(self.links[side])
            m.d.comb += ResetSignal(side).eq(self.reset[side])
            line = self.links[OTHER[side]].line_out
            for stage in range(self.delay):
                later = Signal.like(line, name=f"delay_{side}_{stage}", init=-1)
                m.d[OTHER[side]] += later.eq(line)
                line = later
            with m.If(self.cut[side]):
                m.d.comb += self.links[side].line_in.eq(self.level[side])
            with m.Else():
                m.d.comb += self.links[side].line_in.eq(line ^ self.flip[side])
        return m


@dataclass
class Outcome:
    """Of each side: flits with the cycle in which ``flits_in`` took them, those that ``flits_out`` sent, counters."""

    sent: dict = field(default_factory=lambda: {side: [] for side in SIDES})
    got: dict = field(default_factory=lambda: {side: [] for side in SIDES})
    flips: int = 0
    outages: dict = field(default_factory=dict)
    corrupted: dict = field(default_factory=dict)
    retransmissions: dict = field(default_factory=dict)
    link: Link | None = None  # one of the two

    def flits(self, record, side):
        return [flit for _, flit in getattr(self, record)[side]]


class Bench:
    """Random flits both ways through a :class:`Pair`.

    ``counts``: flits that left and right send. ``stalls``: share of the cycles in which streams pause. ``rate``: share
    of a line's cycles that are inverted, in bursts of ``burst`` cycles. ``periods`` in ns. ``story``: a testbench
    ``(ctx, bench)`` that does something to the lines meanwhile. ``resets``: for a side the cycles in which it is reset.
    ``distinct``: the flits are 0, 1, 2 …, not random. ``limit`` in cycles; ``whole``: all flits must come before it.
    """

    def __init__(
        self,
        seed,
        counts,
        *,
        stalls=(0.0, 0.0),
        rate=0.0,
        burst=1,
        periods=(10.0, 10.0),
        story=None,
        resets=None,
        distinct=False,
        whole=True,
        limit,
        **parameters,
    ):
        self.random = random.Random(seed)
        self.pair = Pair(**parameters)
        self.outcome = Outcome(link=self.pair.links["left"])
        self.limit, self.whole = limit, whole
        self.resets = resets or {}
        self.last = dict.fromkeys(SIDES, limit)  # the cycle in which a side stops looking for more
        self.rate, self.burst, self.stalls = rate, burst, stalls
        self.cycles = dict.fromkeys(SIDES, 0)
        self.chance = {side: random.Random(f"{seed} {side}") for side in SIDES}
        self.next_burst = dict.fromkeys(SIDES, 0)
        width = parameters["width"]
        self.flits = {
            side: list(range(count)) if distinct else [self.random.getrandbits(width) for _ in range(count)]
            for side, count in zip(SIDES, counts, strict=True)
        }
        self.simulator = Simulator(self.pair)
        for side, period in zip(SIDES, periods, strict=True):
            self.simulator.add_clock(period * 1e-9, domain=side)
            self.simulator.add_testbench(self._play(side))
        if story is not None:
            self.simulator.add_testbench(partial(story, bench=self))

    def run(self):
        self.simulator.run()
        return self.outcome

    @property
    def done(self):
        return all(len(self.outcome.got[OTHER[side]]) >= len(self.flits[side]) for side in SIDES)

    def _play(self, side):
        link, chance = self.pair.links[side], random.Random(self.random.random())
        outcome = self.outcome
        stall_in, stall_out = self.stalls

        async def testbench(ctx):
            position, offering, ready = 0, False, False
            while self.cycles[side] < self.last[side]:  # beyond the last flit, for one that came twice
                if self.whole and self.done and self.last[side] == self.limit:
                    self.last[side] = self.cycles[side] + 2 * link.timeout
                if not offering and position < len(self.flits[side]) and chance.random() >= stall_in:
                    offering = True
                    ctx.set(link.flits_in.payload, self.flits[side][position])
                    ctx.set(link.flits_in.valid, 1)
                if ready is not (wants := chance.random() >= stall_out):
                    ready = wants
                    ctx.set(link.flits_out.ready, ready)
                cycle = self.cycles[side]
                if side in self.resets:
                    ctx.set(self.pair.reset[side], cycle in self.resets[side])
                if offering and ctx.get(link.flits_in.ready):
                    outcome.sent[side].append((cycle, self.flits[side][position]))
                    position, offering = position + 1, False
                    await self._tick(ctx, side, ready)
                    ctx.set(link.flits_in.valid, 0)
                else:
                    await self._tick(ctx, side, ready)
            assert self.done or not self.whole, f"no end after {self.limit} cycles: " + ", ".join(
                f"{name} has {len(outcome.got[name])} of {len(self.flits[OTHER[name]])} flits" for name in SIDES
            )
            for name in ("outages", "corrupted", "retransmissions"):
                getattr(outcome, name)[side] = ctx.get(getattr(link, name))

        return testbench

    async def _tick(self, ctx, side, ready):
        out = self.pair.links[side].flits_out
        if ready and ctx.get(out.valid):
            self.outcome.got[side].append((self.cycles[side], ctx.get(out.payload)))
        if self.rate:
            self._disturb(ctx, side)
        await ctx.tick(side)
        self.cycles[side] += 1

    def _disturb(self, ctx, side):
        flip, chance = self.pair.flip[side], self.chance[side]
        cycle = self.cycles[side] - self.next_burst[side]
        if 0 <= cycle < self.burst:
            ctx.set(flip, 1 << chance.randrange(len(flip)))
            self.outcome.flips += 1
        elif cycle == self.burst:
            ctx.set(flip, 0)
            self.next_burst[side] += self.burst + 1 + int(chance.expovariate(self.rate / self.burst))


def exchange(seed, counts, **options):
    """Play, and assert that all flits arrived once and in order."""
    bench = Bench(seed, counts, **options)
    outcome = bench.run()
    for side in SIDES:
        assert outcome.flits("sent", side) == bench.flits[side], f"{side} has not taken its flits"
        got = outcome.flits("got", OTHER[side])
        assert got == bench.flits[side], f"flits from {side} came changed, lost or twice"
    print(
        f"seed {seed}: {counts[0]} + {counts[1]} flits, {outcome.flips} flips, corrupted {outcome.corrupted}, "
        f"retransmissions {outcome.retransmissions}, outages {outcome.outages}, cycles {bench.cycles}"
    )
    return outcome
