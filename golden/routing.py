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


def bridged(x: Value, y: Value, to_x: Value, to_y: Value, first: Value, last: Value, row: Value) -> dict[str, Value]:
    """As :func:`dimension_order`, on a chip in a row of chips whose coordinates go on from one to the next.

    ``first``, ``last``: the chip's columns at whose routers of row ``row``, the gateways, the next chip is behind the
    port; 0, or the greatest number, where there is none. What is for a column beyond leaves the chip at a gateway,
    behind which it is again in dimension order: first along x, then in the last column along y, then over the bridge.
    """
    leaving = ((x == last) & (to_x > x)) | ((x == first) & (to_x < x))
    in_column, in_row = to_x == x, y == row
    return {
        LOCAL: in_column & (to_y == y),
        NORTH: (in_column & (to_y < y)) | (leaving & (y > row)),
        EAST: (to_x > x) & ((x != last) | in_row),
        SOUTH: (in_column & (to_y > y)) | (leaving & (y <= row) & (y != row)),  # no row lies below 0: lint-clean
        WEST: (to_x < x) & ((x != first) | in_row),
    }


def turns(port: str) -> tuple[str, ...]:
    """The ports where a flit that came in at ``port`` may leave in dimension order."""
    straight = {NORTH: (LOCAL, SOUTH), SOUTH: (LOCAL, NORTH)}
    return straight.get(port, tuple(other for other in MESH_PORTS if other != port))


def torus_order(x: Value, y: Value, to_x: Value, to_y: Value, width: int, height: int) -> dict[tuple[str, int], Value]:
    """For ``(LOCAL, 0)`` and each port and channel whether a flit at router (``x``, ``y``) of a torus leaves there for
    (``to_x``, ``to_y``): first along x, the shorter way round; of two equal ones, to the east and to the south.

    Exactly one is true. Channel 0 is for flits that have the link between the last and the first router of their ring
    still before them, channel 1 for the others. No flit takes channel 0 from the router behind that link, nor channel
    1 over it, so the channels of a ring have an order (Dally and Seitz, 1987: routing in k-ary n-cubes).
    """
    in_column = to_x == x
    along_x, along_y = ring_order(x, to_x, width), ring_order(y, to_y, height)
    leaves = {(LOCAL, 0): in_column & (to_y == y)}
    for port, backward in ((NORTH, 1), (EAST, 0), (SOUTH, 0), (WEST, 1)):
        for channel in (0, 1):
            turn = along_x[backward, channel] if port in (EAST, WEST) else in_column & along_y[backward, channel]
            leaves[port, channel] = turn
    return leaves


def ring_order(at: Value, to: Value, size: int) -> dict[tuple[int, int], Value]:
    """For each direction of a ring (0: forward, 1: backward) and channel whether a flit at ``at`` goes on there."""
    distance, half = to - at, size // 2
    return {
        (0, 0): distance <= half - size,
        (0, 1): (distance > 0) & (distance <= half),
        (1, 0): distance > half,
        (1, 1): (distance < 0) & (distance > half - size),
    }
