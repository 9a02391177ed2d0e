"""The spikes of one step as words, to be read some at a time."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ..arith import quotient
from ..config import index_width
from .fetch import scaled


class SpikeWords(wiring.Component):
    """``words`` words of ``width`` spikes, one behind the other: ``set`` notes spike ``index``; ``clear`` empties the
    word at ``address``, which comes out in the next cycle as it was. Never both at once.

    Latency: ``word`` follows ``address`` by 1 cycle. Throughput: one spike or word a cycle.
    """

    def __init__(self, *, words: int, width: int) -> None:
        self.words, self.width = words, width
        super().__init__(
            {
                "set": In(1),
                "index": In(index_width(words * width)),
                "address": In(index_width(words)),
                "clear": In(1),
                "word": Out(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.storage = storage = memory.Memory(shape=unsigned(self.width), depth=self.words, init=[])
        read, write = storage.read_port(), storage.write_port(granularity=1)
        place = quotient(self.index, self.width, self.words * self.width - 1)
        bit = Signal(range(self.width))
        m.d.comb += [
            bit.eq(self.index - scaled(place, self.width)),
            read.addr.eq(self.address),
            self.word.eq(read.data),
            write.addr.eq(Mux(self.clear, self.address, place)),
            write.en.eq(self.clear.replicate(self.width) | (self.set << bit)),
            write.data.eq(~self.clear.replicate(self.width)),
        ]
        return m
