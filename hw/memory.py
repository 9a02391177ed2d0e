"""The memory that weights and parameters live in: one read port, one load port."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out


def load_signature(address_width: int, data_width: int) -> wiring.Signature:
    """The bus that writes one word of a memory: ``address`` and ``data`` in the cycle of ``enable``."""
    return wiring.Signature({"enable": Out(1), "address": Out(address_width), "data": Out(data_width)})


class LoadableMemory(wiring.Component):
    """``depth`` words of ``width`` bits; infers block RAM.

    Contents are undefined until loaded: over ``load``, or by the ``$readmemh`` of the emitted Verilog.

    Latency: ``read_data`` follows ``read_address`` by 1 cycle. Throughput: 1 read and 1 write per cycle.
    A word that is read in the cycle in which it is loaded is undefined.
    """

    def __init__(self, *, depth: int, width: int) -> None:
        self.depth, self.width = depth, width
        address_width = max((depth - 1).bit_length(), 1)
        super().__init__(
            {
                "read_address": In(address_width),
                "read_data": Out(width),
                "load": In(load_signature(address_width, width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.storage = storage = memory.Memory(shape=unsigned(self.width), depth=self.depth, init=[])
        read, write = storage.read_port(), storage.write_port()
        m.d.comb += [
            read.addr.eq(self.read_address),
            self.read_data.eq(read.data),
            write.en.eq(self.load.enable),
            write.addr.eq(self.load.address),
            write.data.eq(self.load.data),
        ]
        return m
