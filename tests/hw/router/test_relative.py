"""Packets that count their hops: they arrive where the counts say, in the time that is said."""

import random
from functools import cache
from itertools import product

import pytest

from ranvier.hw.router.mesh import Mesh
from ranvier.hw.router.relative import Relative
from ranvier.hw.router.router import Router

from .bench import NUMBER_BITS, Fabric, Packet, simulate


@cache
def fabric(width, height, **options):
    mesh = Mesh(width, height, NUMBER_BITS, routing=Relative, **options)
    return Fabric(mesh, [f"{x}_{y}" for x, y in mesh.places], mesh.inner.flit)


def packet(start, end, due=0):
    (x, y), (to_x, to_y) = start, end
    return Packet(f"{x}_{y}", {"dx": to_x - x, "dy": to_y - y}, frozenset({f"{to_x}_{to_y}"}), due)


def test_latency_between_all_pairs():
    width, height = 4, 4
    places = list(product(range(width), range(height)))
    pairs = [(start, end) for start in places for end in places if start != end]
    packets = [packet(start, end, 40 * number) for number, (start, end) in enumerate(pairs)]
    outcome = fabric(width, height).play(packets)
    assert outcome.check() == 240
    for (number, _), latency in outcome.latencies().items():
        (x, y), (to_x, to_y) = pairs[number]
        assert latency == abs(to_x - x) + abs(to_y - y) + 1
    assert outcome.rejected == 0


@pytest.mark.parametrize("seed", range(3))
def test_random_traffic(seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    places = list(product(range(4), range(4)))
    packets = [packet(*chance.sample(places, 2), due=chance.randrange(600)) for _ in range(3000)]
    packets.sort(key=lambda packet: packet.due)
    outcome = fabric(4, 4).play(packets, seed=seed, stalls=0.3 * seed)
    assert outcome.check() == 3000
    assert outcome.rejected == 0


def test_gates_are_places_below_the_mesh():
    """And a registered mesh takes twice as long."""
    places = list(product(range(3), range(2)))
    gates = [(0, 2), (2, 2)]
    pairs = [*product(gates, places), *product(places, gates), (gates[0], gates[1])]
    packets = [packet(start, end, 40 * number) for number, (start, end) in enumerate(pairs)]
    outcome = fabric(3, 2, gates=(0, 2), registered=True).play(packets)
    assert outcome.check() == 25
    for (number, _), latency in outcome.latencies().items():
        (x, y), (to_x, to_y) = pairs[number]
        routers = abs(to_x - x) + abs(min(to_y, 1) - min(y, 1)) + 1  # a gate is none
        assert latency == 2 * routers


def test_packets_that_leave_the_mesh_are_counted():
    lost = [("0_0", -1, 0), ("0_0", 0, -2), ("3_1", 1, 1), ("1_2", 2, 3), ("2_1", -4, 0), ("1_1", 0, 0)]
    packets = [Packet(name, {"dx": dx, "dy": dy}, frozenset()) for name, dx, dy in lost]
    packets += [packet((0, 0), (3, 2)), packet((1, 1), (1, 0))]
    outcome = fabric(4, 4).play(packets)
    assert outcome.check() == 2
    assert outcome.rejected == len(lost)


def test_a_router_counts_what_comes_in():
    router = Router(Relative(4, 4, 8))

    async def testbench(ctx):
        ctx.set(router.west_in.payload, {"flit": {"dx": 3, "dy": -2, "payload": 77}, "route": 0b0100})
        ctx.set(router.west_in.valid, 1)
        await ctx.tick()
        ctx.set(router.west_in.valid, 0)
        assert ctx.get(router.east_out.valid)
        flit = ctx.get(router.east_out.payload.flit)
        assert (flit.dx, flit.dy, flit.payload) == (2, -2, 77)

    simulate(router, testbench)
