"""Routing in a two-dimensional mesh by hop counts."""

from amaranth.hdl import Cat, Value, signed
from amaranth.lib import data

from ranvier.golden.routing import LOCAL, OFFSETS, OPPOSITE, dimension_order

from .dimension_order import DimensionOrder


class Relative(DimensionOrder):
    """Packets of ``payload`` bits that say how far they still have to go: first along x, then along y.

    A flit, from the low bit: ``dx``, ``dy`` (signed: east and south are positive), ``payload``. A sender writes the
    difference between the coordinates of the receiver and its own; each router takes one hop off as a flit comes in
    from its neighbour, so at its receiver both are 0 (behind a gate, which counts nothing, ``dy`` is 1). No router
    needs to know where it is: they are all the same, and so are the packets of equal neighbourhoods, as in TrueNorth
    (Merolla et al., Science 345, 2014) and Tianjic (Pei et al., Nature 572, 2019). Deadlock-free as
    :class:`DimensionOrder`.
    """

    def __init__(self, width: int, height: int, payload: int, plain: tuple[str, ...] = ()) -> None:
        self.plain = (LOCAL, *plain)
        self.position = data.StructLayout({})
        hops = {"dx": signed((width - 1).bit_length() + 1), "dy": signed((height - 1).bit_length() + 1)}
        self.flit = data.StructLayout({**hops, "payload": payload})

    def route(self, position: data.View, flit: data.View, port: str) -> dict[str, Value]:
        return dimension_order(0, 0, flit.dx, flit.dy)

    def ahead(self, position: data.View, port: str, flit: data.View) -> dict[str, Value]:
        return dimension_order(*OFFSETS[port], flit.dx, flit.dy)

    def enter(self, position: data.View, flit: data.View, port: str) -> Value | data.View:
        if port == LOCAL:
            return flit
        x, y = OFFSETS[OPPOSITE[port]]
        counts = [(count - hop)[: len(count)] if hop else count for count, hop in ((flit.dx, x), (flit.dy, y))]
        return Cat(*counts, flit.payload)

    def place(self, x: int, y: int) -> dict[str, int]:
        return {}
