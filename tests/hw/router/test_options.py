"""What all members share: registers at outputs, arbitration by age, forks."""

import random
from collections import Counter
from functools import cache
from itertools import product

import pytest

from ranvier.hw.router.arbiter import OldestFirst, RoundRobin
from ranvier.hw.router.buffer import Buffer
from ranvier.hw.router.dimension_order import DimensionOrder
from ranvier.hw.router.fork import Fork
from ranvier.hw.router.mesh import Mesh
from ranvier.hw.router.register import Register
from ranvier.hw.router.router import Router

from .bench import NUMBER_BITS, Fabric, Packet, simulate


@cache
def fabric(width, height, **options):
    mesh = Mesh(width, height, NUMBER_BITS, **options)
    return Fabric(mesh, [f"{x}_{y}" for x, y in mesh.places], mesh.inner.flit)


def packet(start, end, due=0):
    (x, y), (to_x, to_y) = start, end
    return Packet(f"{x}_{y}", {"x": to_x, "y": to_y}, frozenset({f"{to_x}_{to_y}"}), due)


@pytest.mark.parametrize("options", [{"registered": True}, {"age_width": 3}])
def test_latency_between_all_pairs(options):
    places = list(product(range(4), range(4)))
    pairs = [(start, end) for start in places for end in places if start != end]
    packets = [packet(*pair, 40 * number) for number, pair in enumerate(pairs)]
    outcome = fabric(4, 4, **options).play(packets)
    assert outcome.check() == 240
    for (number, _), latency in outcome.latencies().items():
        (x, y), (to_x, to_y) = pairs[number]
        assert latency == (abs(to_x - x) + abs(to_y - y) + 1) * (1 + ("registered" in options))


@pytest.mark.parametrize("options", [{"registered": True}, {"age_width": 3}])
@pytest.mark.parametrize("seed", range(3))
def test_random_traffic(options, seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    places = list(product(range(4), range(4)))
    packets = [packet(*chance.sample(places, 2)) for _ in range(4000)]
    outcome = fabric(4, 4, **options).play(packets, seed=seed, stalls=0.25 * seed)
    assert outcome.check() == 4000
    assert outcome.rejected == 0


@pytest.mark.parametrize("options", [{"registered": True}, {"age_width": 3}])
def test_throughput_is_a_packet_a_cycle(options):
    packets = [packet((0, 1), (3, 2)) for _ in range(300)]
    outcome = fabric(4, 4, **options).play(packets)
    assert outcome.check() == 300
    assert [outcome.arrived[number, "3_2"] - outcome.arrived[0, "3_2"] for number in range(300)] == list(range(300))


@pytest.mark.parametrize("seed", range(2))
def test_a_register_holds_and_passes_on(seed):
    """Words in order, each a cycle later at the earliest, a cycle each where nobody waits; an offer stays as it is."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    part, taken, got, share = Register(8), [], [], 0.5 * seed

    async def testbench(ctx):
        offering, held = False, None
        for cycle in range(400):
            offering = offering or chance.random() >= share
            ctx.set(part.before.valid, offering)
            ctx.set(part.before.payload, len(taken) & 0xFF)
            ctx.set(part.after.ready, chance.random() >= share)
            if held is not None:
                assert ctx.get(part.after.valid)
                assert ctx.get(part.after.payload) == held
            moves = ctx.get(part.after.valid) and ctx.get(part.after.ready)
            held = ctx.get(part.after.payload) if ctx.get(part.after.valid) and not moves else None
            if moves:
                got.append((cycle, ctx.get(part.after.payload)))
            if offering and ctx.get(part.before.ready):
                taken.append(cycle)
                offering = False
            await ctx.tick()

    simulate(part, testbench)
    assert [word for _, word in got] == [number & 0xFF for number in range(len(got))]
    assert len(taken) - len(got) in (0, 1)
    assert all(cycle > start for (cycle, _), start in zip(got, taken, strict=False))
    assert len(got) == 399 if seed == 0 else len(got) > 100


@pytest.mark.parametrize(("inputs", "age_width"), [(4, 3), (3, 6), (2, 1), (5, 2), (1, 2)])
def test_the_oldest_goes_first(inputs, age_width):
    """Random requests and stalls. The choice is one of the oldest and stays; nobody sees more others go first than
    said."""
    chance, limit = random.Random(inputs), (1 << age_width) - 1
    part = OldestFirst(inputs, age_width)
    waits, passed, served, worst = {}, Counter(), Counter(), Counter()

    async def testbench(ctx):
        held = None
        for _ in range(1500):
            for index in range(inputs):
                if index not in waits and chance.random() < 0.4:
                    waits[index], passed[index] = 0, 0
            ages = [min(waits.get(index, 0), limit) for index in range(inputs)]
            ctx.set(part.requests, sum(1 << index for index in waits))
            for index, age in enumerate(ages):
                ctx.set(getattr(part, f"age_{index}"), age)
            taken = chance.random() < 0.6
            ctx.set(part.taken, taken)
            if waits:
                choice = ctx.get(part.choice)
                assert choice in waits
                assert ages[choice] == max(ages[index] for index in waits)
                assert held in (None, choice)
                held = None if taken else choice
                if taken:
                    kind = waits[choice] < limit
                    worst[kind] = max(worst[kind], passed[choice])
                    served[choice] += 1
                    del waits[choice]
                    for index in waits:
                        passed[index] += 1
            for index in waits:
                waits[index] += 1
            await ctx.tick()

    simulate(part, testbench)
    assert min(served[index] for index in range(inputs)) > 100
    assert worst[True] <= inputs - 1
    assert worst[False] <= 2 * (inputs - 1)


def test_a_fork_gives_each_output_its_flit_once():
    part, chance, moved = Fork(4), random.Random(3), Counter()

    async def testbench(ctx):
        for _ in range(200):
            route = chance.randint(1, 15)
            left = route
            ctx.set(part.requests, route)
            while left:
                assert ctx.get(part.pending) == left
                moves = left & chance.getrandbits(4)
                ctx.set(part.moved, moves)
                assert ctx.get(part.take) == (moves == left)
                moved.update(index for index in range(4) if moves >> index & 1)
                left &= ~moves
                await ctx.tick()
            if chance.random() < 0.3:
                ctx.set(part.requests, 0)
                ctx.set(part.moved, 0)
                assert not ctx.get(part.take)
                await ctx.tick()

    simulate(part, testbench)
    assert min(moved[index] for index in range(4)) > 50


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Router(DimensionOrder(2, 2, 8), age_width=-1), "Width of ages must be at least 0 bits, not -1"),
        (lambda: OldestFirst(3, 0), "Width of an age must be at least 1 bit, not 0"),
        (lambda: OldestFirst(0, 3), "Arbiter must have at least 1 input, not 0"),
        (lambda: RoundRobin(0), "Arbiter must have at least 1 input, not 0"),
        (lambda: Buffer(8, 2, depth=1), "Depth of a buffer must be at least 2 flits, not 1"),
        (lambda: Mesh(0, 2, 8), "Mesh must have at least 1 x 1 routers, not 0 x 2"),
        (lambda: Mesh(2, 2, 8, gates=(2,)), "Gates must lie in columns 0..1, not in 2"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message
