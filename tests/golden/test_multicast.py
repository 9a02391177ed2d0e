"""Tables of keys and masks: where packets go, and tables that lose or double them or lock up."""

import random
from itertools import pairwise, product

import networkx as nx
import pytest

from ranvier.golden.multicast import Entry, check_tables, lookup
from ranvier.golden.routing import EAST, LOCAL, NORTH, SOUTH, WEST

PORTS = {(1, 0): (EAST, WEST), (-1, 0): (WEST, EAST), (0, 1): (SOUTH, NORTH), (0, -1): (NORTH, SOUTH)}


def entry(key, *outputs, mask=0xFF):
    return Entry(key, mask, frozenset(outputs))


def test_the_first_match_wins():
    table = [entry(0x12, EAST), entry(0x10, SOUTH, LOCAL, mask=0xF0), entry(0, NORTH, mask=0)]
    assert lookup(table, 0x12, LOCAL) == {EAST}
    assert lookup(table, 0x13, LOCAL) == {SOUTH, LOCAL}
    assert lookup(table, 0x13, SOUTH) == {LOCAL}
    assert lookup(table, 0x23, LOCAL) == {NORTH}
    assert lookup(table[:2], 0x23, WEST) == {EAST}
    assert lookup(table[:2], 0x23, LOCAL) == frozenset()


def path_tables(paths):
    """Tables by which packet n goes along the nth path of places, one entry at each."""
    tables = {}
    for number, path in enumerate(paths):
        for (x, y), (to_x, to_y) in pairwise(path):
            tables.setdefault((x, y), []).append(entry(number, PORTS[to_x - x, to_y - y][0]))
        tables.setdefault(path[-1], []).append(entry(number, LOCAL))
    return tables


@pytest.mark.parametrize("count", [16, 24])
def test_circles_are_found(count):
    """Random shortest paths, against networkx on links in a row; both kinds occur."""
    found = set()
    grid = nx.grid_2d_graph(4, 4)
    for seed in range(40):
        chance = random.Random(seed)
        ends = [chance.sample(list(product(range(4), range(4))), 2) for _ in range(count)]
        paths = [chance.choice(list(nx.all_shortest_paths(grid, *pair))) for pair in ends]
        sources = [(path[0], number) for number, path in enumerate(paths)]
        waits = nx.DiGraph((a, b) for path in paths for a, b in pairwise(pairwise(path)))
        free = nx.is_directed_acyclic_graph(waits)
        if free:
            receivers = check_tables(path_tables(paths), sources, 4, 4)
            assert receivers == {(path[0], number): {path[-1]} for number, path in enumerate(paths)}
        else:
            with pytest.raises(ValueError, match="Packets can wait for each other in a circle"):
                check_tables(path_tables(paths), sources, 4, 4)
        found.add(free)
    assert found == {True, False}


def test_dimension_order_never_waits_in_a_circle():
    places = list(product(range(5), range(4)))
    paths = []
    for (x, y), (to_x, to_y) in product(places, places):
        if (x, y) != (to_x, to_y):
            along_x = [(at, y) for at in range(x, to_x, 1 if to_x > x else -1)]
            along_y = [(to_x, at) for at in range(y, to_y, 1 if to_y > y else -1)]
            paths.append([*along_x, *along_y, (to_x, to_y)])
    tables = {}
    for number, path in enumerate(paths):
        for place, table in path_tables([path]).items():
            tables.setdefault(place, []).append(Entry(number, 0xFFF, table[0].outputs))
    receivers = check_tables(tables, [(path[0], number) for number, path in enumerate(paths)], 5, 4)
    assert len(receivers) == 380
    assert all(receivers[path[0], number] == {path[-1]} for number, path in enumerate(paths))


SQUARE = {(0, 0): [entry(1, EAST)], (1, 0): [entry(1, SOUTH)], (1, 1): [entry(1, WEST)], (0, 1): [entry(1, NORTH)]}
CORNERS = path_tables(
    [
        [(0, 0), (1, 0), (1, 1)],
        [(1, 0), (1, 1), (0, 1)],
        [(1, 1), (0, 1), (0, 0)],
        [(0, 1), (0, 0), (1, 0)],
    ]
)


@pytest.mark.parametrize(
    ("tables", "sources", "message"),
    [
        ({}, [((0, 0), 7)], "Packet 0x7 from (0, 0) is lost in (0, 0) local: no output"),
        ({(0, 0): [entry(7)]}, [((0, 0), 7)], "Packet 0x7 from (0, 0) is lost in (0, 0) local: no output"),
        ({(0, 0): [entry(7, EAST)]}, [((0, 0), 7)], "Packet 0x7 from (0, 0) leaves the mesh at (1, 0) east"),
        ({(0, 0): [entry(7, NORTH)]}, [((0, 0), 7)], "Packet 0x7 from (0, 0) leaves the mesh at (0, 0) north"),
        (SQUARE, [((0, 0), 1)], "Packet 0x1 from (0, 0) comes back to (1, 0) west"),
        (
            {
                (0, 0): [entry(7, EAST, SOUTH)],
                (1, 0): [entry(7, SOUTH)],
                (0, 1): [entry(7, EAST)],
                (1, 1): [entry(7, LOCAL)],
            },
            [((0, 0), 7)],
            "Packet 0x7 from (0, 0) comes twice to (1, 1)",
        ),
        ({}, [((2, 0), 7)], "Sources must be places of the mesh or gates, not (2, 0)"),
    ],
)
def test_bad_tables_are_refused(tables, sources, message):
    with pytest.raises(ValueError) as error:
        check_tables(tables, sources, 2, 2)
    assert str(error.value) == message


def test_a_circle_is_named():
    sources = [((0, 0), 0), ((1, 0), 1), ((1, 1), 2), ((0, 1), 3)]
    for left_out in range(4):
        assert check_tables(CORNERS, sources[:left_out] + sources[left_out + 1 :], 2, 2)
    with pytest.raises(ValueError) as error:
        check_tables(CORNERS, sources, 2, 2)
    text = str(error.value).removeprefix("Packets can wait for each other in a circle: ")
    circle = text.split(" → ")
    ring = ["(1, 0) west", "(1, 1) north", "(0, 1) east", "(0, 0) south"]
    assert len(circle) == 5
    start = ring.index(circle[0])
    assert circle == [ring[(start + step) % 4] for step in range(5)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: entry(0x13, mask=0x11), "Entry can never match: key 0x13 has bits outside of mask 0x11"),
        (lambda: entry(1, "up", EAST), "Outputs must be ports of a mesh, not up"),
    ],
)
def test_bad_entries_are_refused(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message
