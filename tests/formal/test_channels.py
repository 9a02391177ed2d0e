"""No cycle of channels waits for itself: the dependencies of dimension order, from every source to every target."""

import networkx
import pytest

from ranvier.golden.routing import LOCAL, MESH_PORTS, OFFSETS, dimension_order, turns


def in_order(x, y, to_x, to_y):
    (port,) = [port for port, here in dimension_order(x, y, to_x, to_y).items() if here]
    return port


def either_way(x, y, to_x, to_y):
    """Broken on purpose: from some places first along x, from others first along y, so that all turns happen."""
    if (x + y) % 2 and y != to_y:
        return in_order(to_x, y, to_x, to_y)
    return in_order(x, y, to_x, to_y)


def channels(width, height, route):
    """Which channel waits for which, and the number of walks; a channel is a place and a port out of it."""
    graph, walks = networkx.DiGraph(), 0
    places = [(x, y) for x in range(width) for y in range(height)]
    for source in places:
        for target in places:
            (x, y), held, steps = source, (*source, "in"), 0
            while True:
                port = route(x, y, *target)
                channel = (x, y, port)
                graph.add_edge(held, channel)
                if port == LOCAL:
                    break
                x, y, held, steps = x + OFFSETS[port][0], y + OFFSETS[port][1], channel, steps + 1
                assert (x, y) in places, "left the mesh"
                assert steps <= width + height, "does not arrive"
            assert (x, y) == target
            walks += 1
    return graph, walks


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 16), (16, 1), (2, 2), (5, 3), (16, 16)])
def test_dimension_order_waits_in_no_cycle(width, height):
    graph, walks = channels(width, height, in_order)
    assert walks == (width * height) ** 2
    # Each place has a channel in and one out, and one for each neighbour.
    assert len(graph) == 2 * width * height + 2 * (width - 1) * height + 2 * width * (height - 1)
    assert networkx.is_directed_acyclic_graph(graph)


def test_the_turns_of_a_router_are_those_of_the_walks():
    """A buffer that a flit is in waits for no output but those of ``turns``."""
    graph, _ = channels(16, 16, in_order)
    opposite = {"north": "south", "south": "north", "east": "west", "west": "east"}
    seen = {(opposite[held[2]], channel[2]) for held, channel in graph.edges if held[2] != "in"}
    assert seen == {(port, turn) for port in MESH_PORTS if port != LOCAL for turn in turns(port)}


def test_a_routing_with_all_turns_is_found():
    graph, _ = channels(3, 3, either_way)
    assert not networkx.is_directed_acyclic_graph(graph)
