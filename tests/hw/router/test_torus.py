"""Packets the shorter way round, and rings that do not lock up because they have two channels."""

import random
from functools import cache
from itertools import product

import networkx as nx
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring

from ranvier.gen.errors import RanvierError
from ranvier.golden.routing import EAST, LOCAL, NORTH, OFFSETS, SOUTH, WEST, torus_order
from ranvier.hw.router.channels import LinkReceiver, LinkSender
from ranvier.hw.router.torus import Torus, TorusOrder

from .bench import NUMBER_BITS, Fabric, Packet, simulate


class OneChannel(TorusOrder):
    """A control: all flits on channel 0."""

    def route(self, position, flit, port):
        leaves = super().route(position, flit, port)
        for direction in (NORTH, EAST, SOUTH, WEST):
            leaves[f"{direction}_0"] = leaves[f"{direction}_0"] | leaves[f"{direction}_1"]
            leaves[f"{direction}_1"] = 0
        return leaves

    def turns(self, port):
        return super().turns(port.replace("_1", "_0"))


@cache
def fabric(width, height, **options):
    torus = Torus(width, height, NUMBER_BITS, **options)
    return Fabric(torus, [f"{x}_{y}" for x, y in torus.places], torus.routing.flit)


def packet(start, end, due=0):
    (x, y), (to_x, to_y) = start, end
    return Packet(f"{x}_{y}", {"x": to_x, "y": to_y}, frozenset({f"{to_x}_{to_y}"}), due)


def around(start, end, size):
    return min((start - end) % size, (end - start) % size)


@pytest.mark.parametrize(("width", "height", "options"), [(4, 4, {"depth": 2}), (3, 2, {"registered": True})])
def test_latency_between_all_pairs(width, height, options):
    places = list(product(range(width), range(height)))
    pairs = [(start, end) for start in places for end in places if start != end]
    packets = [packet(start, end, 40 * number) for number, (start, end) in enumerate(pairs)]
    outcome = fabric(width, height, **options).play(packets)
    assert outcome.check() == len(places) * (len(places) - 1)
    for (number, _), latency in outcome.latencies().items():
        (x, y), (to_x, to_y) = pairs[number]
        assert latency == (around(x, to_x, width) + around(y, to_y, height) + 1) * (1 + bool(options.get("registered")))
    assert outcome.rejected == 0


@pytest.mark.parametrize("seed", range(3))
def test_random_traffic(seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    places = list(product(range(4), range(4)))
    packets = [packet(*chance.sample(places, 2), due=chance.randrange(600)) for _ in range(3000)]
    packets.sort(key=lambda packet: packet.due)
    outcome = fabric(4, 4, depth=2).play(packets, seed=seed, stalls=0.3 * seed)
    assert outcome.check() == 3000
    assert outcome.rejected == 0


def saturating(seed, count):
    """Everyone sends all the time, half round the torus and nearly so."""
    chance = random.Random(seed)
    return [
        packet((x, y), ((x + chance.choice([1, 2, 2])) % 4, (y + chance.choice([1, 2, 2])) % 4))
        for _ in range(count)
        for x, y in product(range(4), range(4))
    ]


@pytest.mark.parametrize("seed", range(4))
def test_saturation(seed):
    print(f"seed {seed}")
    outcome = fabric(4, 4, depth=2).play(saturating(seed, 200), seed=seed, stalls=0.2)
    assert outcome.check() == 3200


@pytest.mark.parametrize("seed", range(4))
def test_control_one_channel_locks_up(seed):
    print(f"seed {seed}")
    with pytest.raises(RanvierError, match="did not end within 50000 cycles"):
        fabric(4, 4, depth=2, routing=OneChannel).play(saturating(seed, 200), seed=seed, stalls=0.2, limit=50_000)


@pytest.mark.parametrize(("width", "height"), [(3, 3), (4, 4), (5, 2), (8, 8), (7, 1)])
def test_no_cycle_of_channels_waits_for_itself(width, height):
    """Walk every packet by the golden function: links taken are the fewest; what follows what has no cycle, but has one
    if the channels are not told apart."""
    channels, links = nx.DiGraph(), nx.DiGraph()
    grid = nx.grid_2d_graph(width, height, periodic=True)
    distances = dict(nx.all_pairs_shortest_path_length(grid))
    for start, end in product(product(range(width), range(height)), repeat=2):
        (x, y), before, hops = start, None, 0
        while True:
            leaves = [where for where, chosen in torus_order(x, y, *end, width, height).items() if chosen]
            assert len(leaves) == 1
            port, channel = leaves[0]
            if port == LOCAL:
                break
            here = (x, y, port, channel)
            if before is not None:
                channels.add_edge(before, here)
                links.add_edge(before[:3], here[:3])
            right, down = OFFSETS[port]
            x, y, before, hops = (x + right) % width, (y + down) % height, here, hops + 1
        assert (x, y) == end
        assert hops == distances[start][end]
    assert channels.number_of_edges() > 0
    assert nx.is_directed_acyclic_graph(channels)
    assert nx.is_directed_acyclic_graph(links) == (max(width, height) < 4)


def test_packets_to_nowhere_are_counted():
    packets = [
        Packet("0_0", {"x": 3, "y": 0}, frozenset()),
        Packet("1_1", {"x": 3, "y": 1}, frozenset()),
        Packet("2_1", {"x": 2, "y": 1}, frozenset()),
        packet((0, 0), (2, 1)),
    ]
    outcome = fabric(3, 2, registered=True).play(packets)
    assert outcome.check() == 1
    assert outcome.rejected == 3


def test_a_link_takes_turns_and_passes_by_a_channel_that_waits():
    sender, receiver = LinkSender(8), LinkReceiver(8)
    m = Module()
    m.submodules.sender, m.submodules.receiver = sender, receiver
    wiring.connect(m, sender.link, receiver.link)
    got = []

    async def senders(ctx):
        ctx.set(sender.channel_0.payload, 10)
        ctx.set(sender.channel_1.payload, 20)
        ctx.set(sender.channel_0.valid, 1)
        ctx.set(sender.channel_1.valid, 1)
        for ready in (0b11, 0b11, 0b11, 0b01, 0b01, 0b10, 0b00, 0b11, 0b11):
            ctx.set(receiver.channel_0.ready, ready & 1)
            ctx.set(receiver.channel_1.ready, ready >> 1)
            moved = [ctx.get(channel.valid) for channel in (receiver.channel_0, receiver.channel_1)]
            assert moved == [ctx.get(channel.ready) for channel in (sender.channel_0, sender.channel_1)]
            got.append((*moved, ctx.get(receiver.channel_0.payload) if any(moved) else None))
            await ctx.tick()

    simulate(m, senders)
    first, second, none = (1, 0, 10), (0, 1, 20), (0, 0, None)
    assert got in (
        [first, second, first, first, first, second, none, first, second],
        [first, second, first, first, first, second, none, second, first],
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Torus(0, 3, 8), "Torus must have at least 1 x 1 routers, not 0 x 3"),
        (lambda: Torus(2, -1, 8), "Torus must have at least 1 x 1 routers, not 2 x -1"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message
