"""Meshes in a row, joined by bridges, without cores: who waits for whom, and packets over noisy lines."""

import random
from itertools import product

import networkx
import pytest

import ranvier.hw.link.serial as serial
from ranvier.gen.errors import RanvierError
from ranvier.golden.routing import EAST, LOCAL, OPPOSITE, WEST, bridged
from ranvier.hw.manycore.bridge import BridgeConfig
from ranvier.hw.router.bridged import Bridged, Bridges
from ranvier.hw.router.mesh import Mesh

from ..link.broken import broken
from .bench import Fabric, Packet
from .row import Row, described, fabric, packet, walks

SIZES = [(chips, width, height) for chips in (2, 3) for width in (1, 2, 3, 4) for height in (1, 2, 3, 4)]


@pytest.mark.parametrize(("chips", "width", "height"), SIZES)
def test_bridged_waits_in_no_cycle(chips, width, height):
    """Every buffer, the lines' windows included, and every bridge: ways are the shortest over the gateways."""
    for row in range(height):
        graph, hops = walks(chips, width, height, row)
        assert networkx.is_directed_acyclic_graph(graph)
        assert len(hops) >= (chips * width * height) ** 2
        for ((x, y), (to_x, to_y)), count in hops.items():
            along_y = abs(to_y - y) if to_x // width == x // width else abs(row - y) + abs(to_y - row)
            assert count == abs(to_x - x) + along_y


def test_ways_along_y_first_are_found():
    """Broken on purpose: what is for this chip goes from some routers first along y."""

    def detour(x, y, to_x, to_y, first, last, row):
        along_y = (x + y) % 2 and y != to_y and x // 3 == to_x // 3 and to_y < 3
        return bridged(x, y, x if along_y else to_x, to_y, first, last, row)

    graph, _ = walks(2, 3, 3, 1, detour)
    assert not networkx.is_directed_acyclic_graph(graph)


@pytest.mark.parametrize(("chips", "width", "height"), [(2, 2, 2), (2, 4, 4), (3, 1, 3), (3, 3, 3), (3, 4, 4)])
def test_routers_have_the_turns_of_the_walks(chips, width, height):
    """Each input of each router, to each output that a walk goes on at; inner routers have no turn more."""
    row = height // 2
    of_chip = described(chips, width, height, row)
    graph, _ = walks(chips, width, height, row)
    seen = {}
    for (*_, port), (at_x, at_y, turn) in graph.edges:
        arrived = LOCAL if port == "in" else OPPOSITE[port]
        seen.setdefault((at_x, at_y), set()).add((arrived, turn))
    for (x, y), turns in seen.items():
        gate = ("south",) if y == height - 1 else ()
        routing = Bridged(of_chip[x // width], width, height, 1).at(x, y, gate)
        assert all(turn in routing.turns(port) for port, turn in turns if turn != port)
        if width > 2 and 0 < x % width < width - 1 and not gate:
            assert set(routing.turns("north")) == {LOCAL, "south"}


@pytest.mark.parametrize("size", [(2, 2, 2), (3, 1, 2)])
def test_latency_between_all_pairs(size):
    row, network = fabric(*size)
    network.model.write("rate", 0)
    _, hops = walks(*size, row.row)
    pairs = [(start, end) for start, end in product(row.places, repeat=2) if start != end]
    packets = [packet(*pair, 400 * number + 400) for number, pair in enumerate(pairs)]
    outcome = network.play(packets)
    assert outcome.check() == len(pairs)
    for (number, _), measured in outcome.latencies().items():
        start, end = pairs[number]
        bridges = abs(start[0] // row.width - end[0] // row.width)
        gates = sum(y == row.height for _, y in (start, end))  # the link to a gate is none between routers
        links = hops[start, end] - bridges - gates
        assert measured == links + 1 + bridges * (row.latency + 1)
    assert outcome.rejected == 0


@pytest.mark.parametrize(("rate", "stalls"), [(0, 0.0), (1e-5, 0.3), (1e-3, 0.3)])
def test_random_traffic_comes_once_and_in_order(rate, stalls):
    """None, one and a hundred in 10**4 frames spoiled; a frame has 10 symbols, each read in one cycle."""
    row, network = fabric(2, 2, 2)
    chance = random.Random(3)
    packets = [packet(*chance.sample(row.places, 2)) for _ in range(12_000)]
    over = sum(packet.source[0] in "01" != packet.fields["x"] < 2 for packet in packets)
    before = {name: network.model.read(name) for name in ("corrupted", "retransmissions")}
    network.model.write("rate", round(rate * 2**32))
    outcome = network.play(packets, seed=1, stalls=stalls, limit=2_000_000, after=2_000)
    told = {name: network.model.read(name) - value for name, value in before.items()}
    print(f"rate {rate}: {over} packets over the bridge, {outcome.cycles} cycles, {told}")
    assert outcome.check() == 12_000
    assert outcome.rejected == 0
    assert all((value > 0) == (rate > 0) for value in told.values())


def test_packets_to_nowhere_are_dropped_and_counted():
    """Beyond the last column, below a column without a gate, and from a core to itself; the others go on."""
    _, network = fabric(3, 1, 2)
    network.model.write("rate", 0)
    lost = [((0, 0), (3, 1)), ((1, 0), (1, 2)), ((2, 2), (1, 2)), ((0, 1), (0, 1))]
    nowhere = [Packet(f"{x}_{y}", {"x": to[0], "y": to[1]}, frozenset()) for (x, y), to in lost]
    outcome = network.play([*nowhere, packet((0, 0), (2, 1)), packet((2, 2), (0, 2))], after=1_000)
    assert outcome.check() == 2
    assert outcome.rejected == 4


@pytest.mark.parametrize("checked", [True, False])
def test_a_link_that_does_not_check_is_found(checked, monkeypatch):
    """The control: a frame with a wrong CRC is taken for a good one."""
    if not checked:
        trusting = broken(serial.LineReceiver, lambda outer, inner: {"valid": inner.valid | inner.corrupted})
        monkeypatch.setattr(serial, "LineReceiver", trusting)
    row = Row(2, 1, 1)
    network = Fabric(row, [f"{x}_{y}" for x, y in row.places], row.flit)
    network.model.write("rate", round(2e-3 * 2**32))
    packets = [packet((number % 2, 0), (1 - number % 2, 0)) for number in range(600)]
    if checked:
        assert network.play(packets).check() == 600
        assert network.model.read("corrupted") > 0
    else:
        with pytest.raises((AssertionError, RanvierError, IndexError)):
            network.play(packets, limit=100_000).check()


@pytest.mark.parametrize(
    ("bridges", "size", "text"),
    [
        (Bridges(4, 3, 3, (WEST,), 1), (2, 2), "Mesh of columns 3..4 and 2 rows must lie in 4 x 3 places"),
        (Bridges(4, 3, 0, (EAST,), 2), (2, 2), "Row of bridges must be 0..1, not 2"),
        (Bridges(4, 3, 0, (WEST,), 1), (2, 2), "Bridges of columns 0..1 of 4 must not lead nowhere"),
        (Bridges(4, 3, 2, (EAST,), 1), (2, 2), "Bridges of columns 2..3 of 4 must not lead nowhere"),
    ],
)
def test_what_does_not_lie_in_a_row_is_refused(bridges, size, text):
    with pytest.raises(ValueError, match=f"^{text}$".replace(".", r"\.")):
        Mesh(*size, 8, bridges=bridges)


def test_a_chip_beyond_the_row_is_refused():
    with pytest.raises(ValueError, match=r"^Chips that bridges join must be at least 2, not 1$"):
        BridgeConfig(1, 0, 1)
    with pytest.raises(ValueError, match=r"^Chip must be 0\.\.1, not 2$"):
        BridgeConfig(2, 2, 1)
