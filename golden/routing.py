"""Where a flit goes next: one definition for Python ints, NumPy arrays and Amaranth values."""

from typing import Any

Value = Any  # int, np.ndarray or amaranth.ValueLike

# The ports of a router in a two-dimensional mesh; x grows to the east, y to the south.
LOCAL, NORTH, EAST, SOUTH, WEST = MESH_PORTS = ("local", "north", "east", "south", "west")
OPPOSITE = {NORTH: SOUTH, SOUTH: NORTH, EAST: WEST, WEST: EAST}
OFFSETS = {LOCAL: (0, 0), NORTH: (0, -1), EAST: (1, 0), SOUTH: (0, 1), WEST: (-1, 0)}


def dimension_order(x: Value, y: Value, to_x: Value, to_y: Value) -> dict[str, Value]:
    """For each port whether a flit at router (``x``, ``y``) leaves there for (``to_x``, ``to_y``): first along x.

    Exactly one is true. Turns from y to x never happen, so the channels have an order and no cycle of flits waits
    for itself (Dally and Seitz, 1987).
    """
    in_column = to_x == x
    return {
        LOCAL: in_column & (to_y == y),
        NORTH: in_column & (to_y < y),
        EAST: to_x > x,
        SOUTH: in_column & (to_y > y),
        WEST: to_x < x,
    }


def turns(port: str) -> tuple[str, ...]:
    """The ports where a flit that came in at ``port`` may leave in dimension order."""
    straight = {NORTH: (LOCAL, SOUTH), SOUTH: (LOCAL, NORTH)}
    return straight.get(port, tuple(other for other in MESH_PORTS if other != port))
