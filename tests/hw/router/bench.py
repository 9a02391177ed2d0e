"""Packets through the RTL of a network: every copy is followed from its sender to its receiver."""

import contextlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from amaranth.hdl import Shape
from amaranth.sim import Simulator

from ranvier.gen.emit import emit_shared
from ranvier.gen.errors import RanvierError
from ranvier.sim.compiled import CompiledModel

NUMBER_BITS = 16  # the payload of each packet is its number


@dataclass(frozen=True)
class Packet:
    """From ``source``, not before cycle ``due``; ``fields`` of its flit besides the payload; each of ``receivers`` gets
    a copy."""

    source: str
    fields: dict[str, int]
    receivers: frozenset[str]
    due: int = 0


@dataclass
class Outcome:
    """``entered``: the cycle in which each packet was taken; ``arrived``: that of each copy, by packet and receiver;
    ``copies``: how many came. ``rejected``: how much the counter grew."""

    packets: list[Packet]
    entered: list[int] = field(default_factory=list)
    arrived: dict[tuple[int, str], int] = field(default_factory=dict)
    copies: Counter = field(default_factory=Counter)
    order: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    rejected: int = 0
    cycles: int = 0

    def check(self, *, ordered=True):
        """Each packet came once to each of its receivers and to nobody else; in order between any two ends."""
        expected = Counter((number, name) for number, packet in enumerate(self.packets) for name in packet.receivers)
        assert expected, "no packets"
        assert self.copies == expected
        if ordered:
            for ends, numbers in self.order.items():
                assert numbers == sorted(numbers), f"overtaken from {ends[0]} to {ends[1]}"
        return len(expected)

    def latencies(self):
        """Cycles from entering to leaving, by packet and receiver."""
        return {(number, name): cycle - self.entered[number] for (number, name), cycle in self.arrived.items()}


class Fabric:
    """``network``, compiled: packets of the layout ``flit`` go in at ``in_<name>`` and come out at ``out_<name>``."""

    def __init__(self, network, names, flit, sources=()):
        self.names, self.flit = list(names), flit
        self.model = CompiledModel(
            emit_shared(network, "network"),
            "network",
            sources=[*(f"in_{name}" for name in self.names), *sources],
            sinks=[f"out_{name}" for name in self.names],
            flat=False,
        )

    def word(self, **fields):
        """A flit as a number."""
        return pack(self.flit, fields)

    def reset(self):
        """Empty the network and forget what came out of it."""
        self.model.reset()
        for name in self.names:
            self.model.received(f"out_{name}")

    def play(self, packets, *, seed=None, stalls=0.0, limit=200_000, after=200):
        """Send ``packets``, wait for all copies and then ``after`` cycles for one that should not be there."""
        model = self.model
        self.reset()
        start, rejected = model.cycles, model.read("rejected")
        return self.proceed(packets, start, rejected, seed, stalls, limit, after)

    def proceed(self, packets, start, rejected=0, seed=None, stalls=0.0, limit=200_000, after=200):
        """As :meth:`play`, in a network that may be in use; cycles count from ``start``."""
        model, outcome = self.model, Outcome(packets)
        model.stall(seed, stalls)
        mine = {name: [n for n, packet in enumerate(packets) if packet.source == name] for name in self.names}
        for name, numbers in mine.items():
            words = [self.word(payload=number, **packets[number].fields) for number in numbers]
            model.send(f"in_{name}", words, [packets[number].due + start for number in numbers])
        wanted = Counter(f"out_{name}" for packet in packets for name in packet.receivers)
        model.run(receive=wanted, limit=limit)
        outcome.cycles = model.cycles - start
        with contextlib.suppress(RanvierError):
            model.run(receive={f"out_{self.names[0]}": 1 << 30}, limit=after)
        outcome.entered = [-1] * len(packets)
        at, mask = self.flit["payload"].offset, (1 << NUMBER_BITS) - 1
        for name, numbers in mine.items():
            if numbers:
                for number, cycle in zip(numbers, model.sent_cycles(f"in_{name}").tolist(), strict=True):
                    outcome.entered[number] = cycle - start
        for name in self.names:
            numbers = [int(low) >> at & mask for low in model.received(f"out_{name}")[:, 0]]
            for number, cycle in zip(numbers, model.received_cycles(f"out_{name}").tolist(), strict=True):
                outcome.copies[number, name] += 1
                outcome.arrived[number, name] = cycle - start
                outcome.order[packets[number].source, name].append(number)
        outcome.rejected = model.read("rejected") - rejected
        return outcome


def pack(layout, fields):
    """A word of ``layout``; fields that are not named are 0."""
    word = 0
    for name, value in fields.items():
        place = layout[name]
        word |= (value & ((1 << Shape.cast(place.shape).width) - 1)) << place.offset
    return word


def simulate(design, *testbenches):
    """Run ``testbenches`` on ``design`` in Amaranth's simulator until all return."""
    simulator = Simulator(design)
    simulator.add_clock(1e-8)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    simulator.run()


async def give(ctx, stream, payload):
    """Offer ``payload`` until it is taken."""
    ctx.set(stream.payload, payload)
    ctx.set(stream.valid, 1)
    for _ in range(1000):
        ready = ctx.get(stream.ready)
        await ctx.tick()
        if ready:
            ctx.set(stream.valid, 0)
            return
    raise AssertionError("not taken")
