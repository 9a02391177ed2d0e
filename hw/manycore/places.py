"""Coordinates of the tiles that one sends to."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from ..memory import LoadSignature
from .packet import PacketFormat


class PlaceMemory(wiring.Component):
    """The coordinates of place ``number``, in the same cycle, of up to ``depth``; written over ``load``."""

    def __init__(self, format: PacketFormat, depth: int) -> None:
        self.format, self.depth = format, depth
        super().__init__(
            {
                "number": In(index_width(depth)),
                "place": Out(format.place),
                "load": In(LoadSignature(depth, format.place.size)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.storage = storage = memory.Memory(
            shape=unsigned(self.format.place.size), depth=self.depth, init=[]
        )
        read, write = storage.read_port(domain="comb"), storage.write_port()
        m.d.comb += [
            read.addr.eq(self.number),
            self.place.as_value().eq(read.data),
            write.addr.eq(self.load.address),
            write.en.eq(self.load.enable),
            write.data.eq(self.load.data),
        ]
        return m
