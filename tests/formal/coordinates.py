"""Where a flit leaves a router, said once more and in other words than ``golden.routing``."""

from amaranth.hdl import Mux

PORTS = ("local", "north", "east", "south", "west")
BESIDE = {"north": (0, -1), "east": (1, 0), "south": (0, 1), "west": (-1, 0)}
FACING = {"north": "south", "south": "north", "east": "west", "west": "east"}


def leaves_at(x, y, flit):
    """The number in ``PORTS`` of the port where ``flit`` leaves the router at (``x``, ``y``)."""
    row = Mux(flit.y == y, PORTS.index("local"), Mux(flit.y > y, PORTS.index("south"), PORTS.index("north")))
    return Mux(flit.x == x, row, Mux(flit.x > x, PORTS.index("east"), PORTS.index("west")))


def known_turns(port):
    """Bits of a route that comes with a flit into ``port``: straight on or to the core, from a row into any column."""
    if port in ("north", "south"):
        return ("local", FACING[port])
    return tuple(other for other in PORTS if other != port)


def route_of(port, leaves):
    """The bits that a flit brings into ``port`` of the router where it ``leaves``."""
    return [leaves == PORTS.index(turn) for turn in known_turns(port)]
