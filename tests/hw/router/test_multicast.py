"""Packets by key: every receiver of a tree gets its copy, and tables with loops do not stop the others."""

import random
from functools import cache
from itertools import product

import pytest
from amaranth.sim import Simulator

from ranvier.gen.errors import RanvierError
from ranvier.golden.multicast import Entry, check_tables, lookup
from ranvier.golden.routing import EAST, LOCAL, MESH_PORTS, NORTH, OPPOSITE, SOUTH, WEST
from ranvier.hw.router.multicast import Multicast, MulticastMesh
from ranvier.hw.router.router import Router
from ranvier.hw.router.table import Lookup, Table

from .bench import NUMBER_BITS, Fabric, Packet, pack, simulate

KEY, ENTRIES, SPARE = 8, 12, 3  # bits of a key, entries of a table, bits of a key that masks leave out


@cache
def fabric(width, height, **options):
    mesh = MulticastMesh(width, height, NUMBER_BITS, key=KEY, entries=ENTRIES, **options)
    made = Fabric(mesh, [f"{x}_{y}" for x, y in mesh.places], mesh.inner.flit, sources=["load"])
    made.width, made.layout = width, mesh.load.payload.shape()
    return made


def bits(outputs):
    return sum(1 << MESH_PORTS.index(port) for port in outputs)


def load(fabric, tables):
    """Reset and write ``tables``; returns the cycle of then."""
    fabric.reset()
    words = []
    for (x, y), table in tables.items():
        for index, entry in enumerate(table):
            fields = pack(
                fabric.layout["entry"].shape, {"key": entry.key, "mask": entry.mask, "outputs": bits(entry.outputs)}
            )
            words.append(pack(fabric.layout, {"router": y * fabric.width + x, "index": index, "entry": fields}))
    fabric.model.send("load", words)
    fabric.model.run(limit=10_000)
    return fabric.model.cycles


def steps(start, end):
    """The ports of the path from ``start`` to ``end`` in dimension order, by place, and where each came in."""
    (x, y), (to_x, to_y), port = start, end, LOCAL
    while (x, y) != end:
        if x != to_x:
            out, beside = (EAST, (x + 1, y)) if to_x > x else (WEST, (x - 1, y))
        else:
            out, beside = (SOUTH, (x, y + 1)) if to_y > y else (NORTH, (x, y - 1))
        yield (x, y), port, out
        (x, y), port = beside, OPPOSITE[out]
    yield (x, y), port, LOCAL


def random_trees(chance, width, height, count):
    """Tables, and a source and receivers for each key; half of what default routing does is left out."""
    places = list(product(range(width), range(height)))
    tables, trees = {place: [] for place in places}, []
    for number in range(count):
        source, receivers = (
            chance.choice(places),
            frozenset(chance.sample(places, chance.randint(1, min(6, len(places))))),
        )
        outputs = {}
        for receiver in receivers:
            for place, port, out in steps(source, receiver):
                outputs.setdefault((place, port), set()).add(out)
        for (place, port), outs in outputs.items():
            default = port != LOCAL and outs == {OPPOSITE[port]}
            if not default or chance.random() < 0.5:
                mask = (1 << KEY) - (1 << SPARE)
                tables[place].append(Entry(number << SPARE, mask, frozenset(outs)))
        trees.append((source, receivers))
    return tables, trees


def traffic(chance, trees, count, span):
    packets = []
    for _ in range(count):
        number = chance.randrange(len(trees))
        (x, y), receivers = trees[number]
        fields = {"key": number << SPARE | chance.getrandbits(SPARE), "phase": chance.getrandbits(2)}
        packets.append(Packet(f"{x}_{y}", fields, frozenset(f"{x}_{y}" for x, y in receivers), chance.randrange(span)))
    return sorted(packets, key=lambda packet: packet.due)


def distance(name, other):
    (x, y), (to_x, to_y) = (map(int, place.split("_")) for place in (name, other))
    return abs(to_x - x) + abs(to_y - y)


SMALL = {"phase_cycles": 64, "gates": (1,)}
ENDLESS = {"phase_cycles": None, "registered": False, "depth": 2}  # packets never grow old


@pytest.mark.parametrize(("size", "options"), [(4, {"phase_cycles": None}), (2, ENDLESS)])
def test_latency(size, options):
    chance = random.Random(5)
    tables, trees = random_trees(chance, size, size, ENTRIES)
    made = fabric(size, size, **options)
    packets = [
        Packet(packet.source, packet.fields, packet.receivers, 60 * number)
        for number, packet in enumerate(traffic(chance, trees, 100, 1))
    ]
    outcome = made.proceed(packets, load(made, tables))
    assert outcome.check() > 200
    for (number, name), latency in outcome.latencies().items():
        assert latency == (distance(packets[number].source, name) + 1) * (2 if size == 4 else 1)
    assert outcome.rejected == 0


@pytest.mark.parametrize("seed", range(4))
def test_random_traffic(seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    tables, trees = random_trees(chance, 4, 4, ENTRIES)
    sources = [(source, number << SPARE) for number, (source, _) in enumerate(trees)]
    assert list(check_tables(tables, sources, 4, 4).values()) == [receivers for _, receivers in trees]
    made = fabric(4, 4, phase_cycles=None)
    outcome = made.proceed(traffic(chance, trees, 1500, 1000), load(made, tables), seed=seed, stalls=0.2 * seed)
    assert outcome.check() > 3000
    assert outcome.rejected == 0


RING = [((0, 0), EAST), ((1, 0), SOUTH), ((1, 1), WEST), ((0, 1), NORTH)]
ROUND = 0x10, 0x18  # key and mask of packets that go round for ever


def looping():
    """Packets with one key go round the ring of a 2 x 2 mesh for ever; those from (0, 0) to (1, 1) share it."""
    tables = {place: [Entry(*ROUND, frozenset({out}))] for place, out in RING}
    tables[0, 0].append(Entry(0x08, 0x18, frozenset({EAST})))
    tables[1, 0].append(Entry(0x08, 0x18, frozenset({SOUTH})))
    tables[1, 1].append(Entry(0x08, 0x18, frozenset({LOCAL})))
    bad = [Packet(f"{x}_{y}", {"key": ROUND[0]}, frozenset()) for _ in range(40) for (x, y), _ in RING]
    good = [Packet("0_0", {"key": 0x08}, frozenset({"1_1"}), 3000) for _ in range(100)]
    return tables, bad, good


def test_a_loop_empties_itself():
    tables, bad, good = looping()
    with pytest.raises(ValueError, match="comes back to"):
        check_tables(tables, [((0, 0), ROUND[0])], 2, 2)
    made = fabric(2, 2, **SMALL)
    outcome = made.proceed(bad + good, load(made, tables))
    assert outcome.check() == 100
    assert outcome.rejected == len(bad)


def test_control_a_loop_stops_all_without_phases():
    tables, bad, good = looping()
    made = fabric(2, 2, **ENDLESS)
    with pytest.raises(RanvierError, match="did not end within 50000 cycles"):
        made.proceed(bad + good, load(made, tables), limit=50_000)


def circle():
    """Four flows around the ring, each over one corner: none comes back, but they can wait for each other."""
    tables, flows = {place: [] for place, _ in RING}, []
    for number in range(4):
        (start, out), (corner, turn), (end, _) = (RING[(number + step) % 4] for step in range(3))
        for place, port in ((start, out), (corner, turn), (end, LOCAL)):
            tables[place].append(Entry(number << SPARE, 0xF8, frozenset({port})))
        flows.append((start, frozenset({end})))
    return tables, flows


@pytest.mark.parametrize("seed", range(2))
def test_control_a_circle_of_waits_locks_up(seed):
    """As the check says; and with one flow less, which passes it, all arrive."""
    print(f"seed {seed}")
    tables, flows = circle()
    sources = [(start, number << SPARE) for number, (start, _) in enumerate(flows)]
    made, chance = fabric(2, 2, **ENDLESS), random.Random(seed)
    with pytest.raises(ValueError, match="Packets can wait for each other in a circle"):
        check_tables(tables, sources, 2, 2)
    with pytest.raises(RanvierError, match="did not end within 50000 cycles"):
        made.proceed(traffic(chance, flows, 8000, 1), load(made, tables), seed=seed, stalls=0.7, limit=50_000)
    assert check_tables(tables, sources[:3], 2, 2)
    outcome = made.proceed(traffic(chance, flows[:3], 4000, 1), load(made, tables), seed=seed, stalls=0.7)
    assert outcome.check() == 4000


def test_what_goes_nowhere_is_counted():
    made = fabric(2, 2, **SMALL)
    tables = {
        (0, 0): [
            Entry(0x20, 0xF0, frozenset()),
            Entry(0x30, 0xF0, frozenset({WEST})),
            Entry(0x40, 0xF0, {LOCAL, EAST}),
        ],
        (1, 0): [Entry(0x40, 0xF0, frozenset({WEST}))],
    }
    packets = [Packet("0_0", {"key": key}, frozenset()) for key in (0x2F, 0x33, 0x50)]  # empty, edge, not found
    packets += [Packet("0_0", {"key": 0x40}, frozenset({"0_0"}))]  # its other copy would turn back
    outcome = made.proceed(packets, load(made, tables))
    assert outcome.check() == 1
    assert outcome.rejected == 4


def test_gates_send_and_receive():
    """What a gate says of the phase means nothing, as with a core."""
    made = fabric(2, 2, **SMALL)
    tables = {
        (1, 1): [Entry(0x10, 0xF0, frozenset({WEST, NORTH}))],
        (0, 1): [Entry(0x10, 0xF0, frozenset({LOCAL}))],
        (1, 0): [Entry(0x10, 0xF0, frozenset({LOCAL})), Entry(0x20, 0xF0, frozenset({SOUTH}))],
    }
    ways = {("1_2", 0x10): {"0_1", "1_0"}, ("1_0", 0x20): {"1_2"}}
    packets = [
        Packet(source, {"key": key, "phase": phase}, frozenset(receivers), 100 * phase)
        for phase in range(4)
        for (source, key), receivers in ways.items()
    ]
    assert check_tables(tables, [((1, 2), 0x10), ((1, 0), 0x20)], 2, 2, gates=(1,)) == {
        ((1, 2), 0x10): {(0, 1), (1, 0)},
        ((1, 0), 0x20): {(1, 2)},
    }
    outcome = made.proceed(packets, load(made, tables))
    assert outcome.check() == 12
    assert outcome.rejected == 0


@pytest.mark.parametrize("seed", range(2))
def test_lookups_equal_golden(seed):
    """Few distinct bits, so that often several entries match."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    size = chance.randint(1, 9)
    part = Lookup(4, 5, size)
    hits = []

    async def testbench(ctx):
        for _ in range(300):
            masks = [chance.getrandbits(4) for _ in range(size)]
            table = [
                Entry(chance.getrandbits(4) & mask, mask, frozenset(chance.sample(MESH_PORTS, chance.randint(0, 4))))
                for mask in masks
            ]
            key = chance.getrandbits(4)
            for index, entry in enumerate(table):
                fields = {"key": entry.key, "mask": entry.mask, "outputs": bits(entry.outputs)}
                ctx.set(part.entries[index], fields)
            ctx.set(part.key, key)
            matching = [entry for entry in table if (key ^ entry.key) & entry.mask == 0]
            assert ctx.get(part.found) == bool(matching)
            assert ctx.get(part.outputs) == (bits(matching[0].outputs) if matching else 0)
            if matching:
                assert lookup(table, key, LOCAL) == matching[0].outputs
                assert lookup(table, key, EAST) == matching[0].outputs - {EAST}
            else:
                assert (lookup(table, key, LOCAL), lookup(table, key, EAST)) == (frozenset(), {WEST})
            hits.append(len(matching))
            await ctx.delay(1e-9)

    simulator = Simulator(part)
    simulator.add_testbench(testbench)
    simulator.run()
    assert min(hits) == 0
    assert max(hits) >= min(size, 2)


def test_a_table_is_written_entry_by_entry():
    table = Table(4, 2, 3)

    async def testbench(ctx):
        ctx.set(table.load.valid, 1)
        for index, key in ((2, 5), (0, 6), (3, 7), (2, 4)):
            ctx.set(table.load.payload, {"index": index, "entry": {"key": key, "mask": 15, "outputs": index}})
            await ctx.tick()
        kept = [ctx.get(table.entries[index]) for index in range(3)]
        assert [(entry.key, entry.mask, entry.outputs) for entry in kept] == [(6, 15, 0), (15, 0, 0), (4, 15, 2)]

    simulate(table, testbench)


def test_a_flit_stays_until_all_its_outputs_have_it():
    """East and south take it at once, local late; each gets it once, then the next one comes."""
    router = Router(Multicast(2, 2, 8, key=4, entries=1))
    got = {port: [] for port in MESH_PORTS}

    async def testbench(ctx):
        outputs = bits({LOCAL, EAST, SOUTH})
        ctx.set(router.position.table[0], {"key": 0, "mask": 0, "outputs": outputs})
        sent = 0
        for cycle in range(12):
            ctx.set(router.west_in.payload, {"key": 1, "payload": 50 + sent, "phase": 0})
            ctx.set(router.west_in.valid, sent < 2)
            ready = {EAST: 1, SOUTH: cycle != 1, LOCAL: cycle >= 5}
            for port, takes in ready.items():
                out = getattr(router, f"{port}_out")
                ctx.set(out.ready, takes)
            for port in MESH_PORTS:
                out = getattr(router, f"{port}_out")
                if ctx.get(out.valid) and ready.get(port):
                    got[port].append((cycle, ctx.get(out.payload).payload))
                if port == LOCAL and 1 <= cycle <= 5:
                    assert ctx.get(out.valid)
                    assert ctx.get(out.payload).payload == 50
            sent += sent < 2 and ctx.get(router.west_in.ready)
            await ctx.tick()

    simulate(router, testbench)
    assert got == {LOCAL: [(5, 50), (6, 51)], EAST: [(1, 50), (6, 51)], SOUTH: [(2, 50), (6, 51)], NORTH: [], WEST: []}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Table(4, 2, 0), "Table must have at least 1 entry, not 0"),
        (lambda: Table(0, 2, 3), "Keys must have at least 1 bit, not 0"),
        (
            lambda: MulticastMesh(2, 2, 8, key=4, entries=2, phase_cycles=1),
            "Phases must have at least 2 cycles, not 1",
        ),
        (lambda: MulticastMesh(2, 0, 8, key=4, entries=2), "Mesh must have at least 1 x 1 routers, not 2 x 0"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message
