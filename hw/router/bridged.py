"""Routing over several meshes in a row, each a chip of its own, joined by bridges."""

from dataclasses import dataclass
from types import SimpleNamespace

from amaranth.hdl import Value
from amaranth.lib import data

from ranvier.golden.routing import EAST, LOCAL, MESH_PORTS, OFFSETS, OPPOSITE, WEST, bridged, turns

from ..config import index_width
from .dimension_order import DimensionOrder


@dataclass(frozen=True)
class Bridges:
    """Where a mesh lies in a row of meshes: ``columns`` and ``rows`` of all places, its ``first`` column, the ``sides``
    where another one is (``east``, ``west``), and the ``row`` of the gateways, the routers at both ends of a bridge."""

    columns: int
    rows: int
    first: int
    sides: tuple[str, ...]
    row: int

    def check(self, width: int, height: int) -> None:
        """Raise ValueError where a mesh of ``width`` columns and ``height`` rows does not lie in it."""
        last = self.first + width - 1
        if self.first < 0 or last >= self.columns or height > self.rows:
            within = f"{self.columns} x {self.rows} places"
            raise ValueError(f"Mesh of columns {self.first}..{last} and {height} rows must lie in {within}")
        if not 0 <= self.row < height:
            raise ValueError(f"Row of bridges must be 0..{height - 1}, not {self.row}")
        if (WEST in self.sides and self.first == 0) or (EAST in self.sides and last == self.columns - 1):
            raise ValueError(f"Bridges of columns {self.first}..{last} of {self.columns} must not lead nowhere")

    def edge(self, side: str, width: int) -> int:
        """The column beside the bridge of ``side``; where there is none, what no column lies beyond."""
        if side == EAST:
            return self.first + width - 1 if EAST in self.sides else (1 << index_width(self.columns)) - 1
        return self.first if WEST in self.sides else 0

    def beyond(self, width: int) -> list[tuple[int, int]]:
        """The routers behind the bridges."""
        return [(self.edge(side, width) + OFFSETS[side][0], self.row) for side in self.sides]


class Bridged(DimensionOrder):
    """Packets of ``payload`` bits to routers of a row of meshes, this one of ``width`` x ``height`` routers.

        ┌─┬─┬─┐        ┌─┬─┬─┐
        ├─┼─┼─┤ bridge ├─┼─┼─┤     row: to and from all other chips
        ├─┼─┼─G════════G─┼─┼─┤
        └─┴─┴─┘        └─┴─┴─┘

    In dimension order, but for what lies beyond the mesh: see :func:`.golden.routing.bridged`. A flit, from the low
    bit: ``x``, ``y``, ``payload``. ``place``: column and row of the router; ``plain``: as in :class:`DimensionOrder`.

    Deadlock-free, a bridge being one channel each way. In a column, what goes away from the row of the gateways turns
    nowhere any more; what goes towards it goes on along the column, or over a bridge. What came over a bridge to the
    east goes east along the row, and then over the next bridge, or away from the row. So the channels have an order:
    along x outside of the row; towards the row; along the row and over bridges, all to the east from west to east, all
    to the west from east to west; away from the row. No flit takes a channel before one that it holds.
    """

    def __init__(
        self,
        bridges: Bridges,
        width: int,
        height: int,
        payload: int,
        plain: tuple[str, ...] = (),
        place: tuple[int, int] | None = None,
    ) -> None:
        bridges.check(width, height)
        super().__init__(bridges.columns, bridges.rows, payload, plain)
        self.bridges, self.width, self.height, self.payload = bridges, width, height, payload
        column = index_width(bridges.columns)
        self.position = data.StructLayout({"x": column, "y": self.position["y"].shape, "first": column, "last": column})
        self.sides = tuple(side for side in bridges.sides if place and place[0] == bridges.edge(side, width))

    def at(self, x: int, y: int, plain: tuple[str, ...] = ()) -> "Bridged":
        """The routing of the router at (``x``, ``y``); ``plain``: ports besides those of bridges."""
        bridges = self.bridges
        over = tuple(side for side in bridges.sides if y == bridges.row and x == bridges.edge(side, self.width))
        return Bridged(bridges, self.width, self.height, self.payload, plain + over, (x, y))

    def turns(self, port: str) -> tuple[str, ...]:
        return super().turns(port) if port in self.plain else self._turns(port)

    def _turns(self, port: str) -> tuple[str, ...]:
        """Of a router of this column: what comes along it may be on its way to a bridge."""
        if port in (EAST, WEST):
            return turns(port)
        return tuple(other for other in MESH_PORTS if other in (*turns(port), *self.sides))

    def route(self, position: data.View, flit: data.View, port: str) -> dict[str, Value]:
        return bridged(position.x, position.y, flit.x, flit.y, position.first, position.last, self.bridges.row)

    def onward(self, port: str) -> tuple[str, ...]:
        return () if port == LOCAL else self._turns(OPPOSITE[port])

    def ahead(self, position: data.View, port: str, flit: data.View) -> dict[str, Value]:
        x, y = OFFSETS[port]
        at = SimpleNamespace(x=position.x + x, y=position.y + y, first=position.first, last=position.last)
        return self.route(at, flit, OPPOSITE[port])

    def place(self, x: int, y: int) -> dict[str, int]:
        ends = {name: self.bridges.edge(side, self.width) for name, side in (("first", WEST), ("last", EAST))}
        return {"x": x, "y": y, **ends}
