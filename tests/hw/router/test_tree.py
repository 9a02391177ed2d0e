"""Packets of a tree: to one leaf or to all below a node, by the way that networkx finds."""

import random
from functools import cache
from itertools import product

import networkx as nx
import pytest

from ranvier.hw.router.tag_filter import TagFilter
from ranvier.hw.router.tree import Tree, packet_layout

from .bench import NUMBER_BITS, Fabric, Packet, give, pack, simulate


@cache
def fabric(levels, children, **options):
    tree = Tree(levels, children, NUMBER_BITS, tag=5, **options)
    return Fabric(tree, map(str, range(tree.leaves)), tree.flit)


def target(leaf, levels, children):
    """The digits of a leaf side by side."""
    width = (children - 1).bit_length()
    return sum(leaf // children**level % children << width * level for level in range(levels))


def packet(levels, children, source, leaf, level, due=0):
    below = leaf // children**level * children**level
    receivers = frozenset(map(str, range(below, below + children**level)))
    fields = {"target": target(leaf, levels, children), "level": level, "source": source}
    return Packet(str(source), fields, receivers, due)


NARROW = {"depth": 2, "age_width": 2, "registered": True}


@pytest.mark.parametrize(("levels", "children", "options"), [(2, 4, {}), (3, 2, NARROW), (2, 3, {})])
def test_latency_from_everywhere_to_everything(levels, children, options):
    """Each receiver of each packet is as many nodes away as in the graph."""
    leaves = children**levels
    graph = nx.balanced_tree(children, levels)
    first = graph.number_of_nodes() - leaves  # leaves are the last nodes, in order
    distances = dict(nx.all_pairs_shortest_path_length(graph))
    ways = list(product(range(leaves), range(leaves), range(levels + 1)))
    packets = [packet(levels, children, *way, 40 * number) for number, way in enumerate(ways)]
    outcome = fabric(levels, children, **options).play(packets)
    assert outcome.check() == leaves**2 * sum(children**level for level in range(levels + 1))
    for (number, name), latency in outcome.latencies().items():
        source = ways[number][0]
        nodes = max(distances[first + source][first + int(name)] - 1, 1)  # to itself: the node above it
        assert latency == nodes * (1 + bool(options))
    assert outcome.rejected == 0


@pytest.mark.parametrize("seed", range(4))
def test_random_traffic(seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    packets = [
        packet(
            2, 4, chance.randrange(16), chance.randrange(16), chance.choice([0, 0, 0, 0, 1, 2]), chance.randrange(6000)
        )
        for _ in range(2000)
    ]
    packets.sort(key=lambda packet: packet.due)
    outcome = fabric(2, 4).play(packets, seed=seed, stalls=0.2 * seed)
    assert outcome.check() > 6000
    assert outcome.rejected == 0


@pytest.mark.parametrize("seed", range(2))
def test_saturation_does_not_lock_up(seed):
    """All leaves send to all levels as fast as they can, through the smallest buffers, the oldest first."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    packets = [
        packet(3, 2, source, chance.randrange(8), chance.randrange(4)) for _ in range(200) for source in range(8)
    ]
    outcome = fabric(3, 2, **NARROW).play(packets, seed=seed, stalls=0.3)
    assert outcome.check() > 4000


def test_no_cycle_of_links_waits_for_itself():
    """What waits for what, by the rule of up and down: no cycle. A control: a turn from down to up makes one."""
    graph = nx.balanced_tree(3, 3, create_using=nx.DiGraph)
    up, down = [(child, parent) for parent, child in graph.edges], list(graph.edges)
    waits = nx.DiGraph()
    for into, out in product(up + down, up + down):
        if into[1] == out[0] and not (into in down and out in up):
            waits.add_edge(into, out)
    assert waits.number_of_edges() > 0
    assert nx.is_directed_acyclic_graph(waits)
    waits.add_edge(down[0], up[0])
    assert not nx.is_directed_acyclic_graph(waits)


def test_packets_to_nowhere_are_counted():
    """A tree of three children has digits of two bits; those below the level do not matter."""
    lost = [("0", 0b0011, 0), ("4", 0b1100, 1), ("8", 0b1101, 0), ("8", 0b1011, 0)]
    packets = [Packet(name, {"target": digits, "level": level}, frozenset()) for name, digits, level in lost]
    packets += [Packet("0", {"target": 0b0111, "level": 1}, frozenset("345"))]
    packets += [Packet("8", {"target": 0b1111, "level": 3}, frozenset(map(str, range(9))))]
    outcome = fabric(2, 3).play(packets)
    assert outcome.check() == 12
    assert outcome.rejected == len(lost)


def test_a_filter_lets_pass_what_its_tags_say():
    layout = packet_layout(2, 4, 5, 8)
    part, got = TagFilter(layout, 3, outputs=2), []
    tags = {7: 1, 12: 2, 13: 2, 14: 2, 15: 2, 0: 3}

    async def testbench(ctx):
        for index, (key, mask, outputs) in enumerate([(7, 31, 1), (12, 28, 2), (0, 31, 3)]):
            await give(ctx, part.load, {"index": index, "entry": {"key": key, "mask": mask, "outputs": outputs}})
        chance = random.Random(1)
        for source in range(32):
            payload = {"target": [1, 2], "level": 1, "source": source, "payload": 100 + source}
            ctx.set(part.packets_in.payload, payload)
            ctx.set(part.packets_in.valid, 1)
            taken = False
            while not taken:
                ready = chance.random() < 0.5
                ctx.set(part.packets_out.ready, ready)
                taken = ctx.get(part.packets_in.ready)
                assert taken == (ready or source not in tags)
                assert ctx.get(part.packets_out.valid) == (source in tags)
                if taken and ctx.get(part.packets_out.valid):
                    heard = ctx.get(part.packets_out.payload)
                    got.append((heard.packet.source, heard.packet.payload, heard.outputs))
                await ctx.tick()

    simulate(part, testbench)
    assert got == [(tag, 100 + tag, outputs) for tag, outputs in sorted(tags.items())]


def test_layout_of_a_packet():
    """From the low bit: the digits of the target, the level, the tag, the payload."""
    layout = packet_layout(3, 3, 6, 8)
    fields = {"target": 0b10_01_00, "level": 2, "source": 0b100001, "payload": 0xA5}
    assert pack(layout, fields) == 0b10_01_00 | 2 << 6 | 0b100001 << 8 | 0xA5 << 14


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tree(0, 2, 8, tag=4), "Tree must have at least 1 level, not 0"),
        (lambda: Tree(2, 1, 8, tag=4), "Nodes of a tree must have at least 2 children, not 1"),
        (lambda: Tree(2, 2, 8, tag=0), "Tags must have at least 1 bit, not 0"),
        (lambda: TagFilter(packet_layout(2, 2, 4, 8), 0), "Table must have at least 1 entry, not 0"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message
