"""Routing in a two-dimensional mesh, first along x, then along y."""

from types import SimpleNamespace

from amaranth.hdl import Value
from amaranth.lib import data

from ranvier.golden.routing import LOCAL, MESH_PORTS, OFFSETS, OPPOSITE, dimension_order, turns

from ..config import index_width
from .routing import Routing


class DimensionOrder(Routing):
    """Packets of ``payload`` bits to routers of a mesh of ``width`` columns and ``height`` rows, by their coordinates.

    A flit, from the low bit: ``x``, ``y``, ``payload``. ``plain``: ports besides ``local`` whose neighbour is no router
    of the mesh; packets that come in there may turn in any direction.
    """

    ports = MESH_PORTS

    def __init__(self, width: int, height: int, payload: int, plain: tuple[str, ...] = ()) -> None:
        self.plain = (LOCAL, *plain)
        self.position = data.StructLayout({"x": index_width(width), "y": index_width(height)})
        self.flit = data.StructLayout({"x": index_width(width), "y": index_width(height), "payload": payload})

    def turns(self, port: str) -> tuple[str, ...]:
        if port in self.plain:
            return tuple(other for other in MESH_PORTS if other != port)
        return turns(port)

    def route(self, position: data.View, flit: data.View, port: str) -> dict[str, Value]:
        return dimension_order(position.x, position.y, flit.x, flit.y)

    def onward(self, port: str) -> tuple[str, ...]:
        return () if port == LOCAL else turns(OPPOSITE[port])

    def ahead(self, position: data.View, port: str, flit: data.View) -> dict[str, Value]:
        x, y = OFFSETS[port]
        return self.route(SimpleNamespace(x=position.x + x, y=position.y + y), flit, OPPOSITE[port])
