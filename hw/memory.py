"""The memory that weights and parameters live in: one read port, one load port."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .config import index_width

# Vendors' and Yosys' attributes: use block RAM, and do not emulate a word read while it is written.
BLOCK_MEMORY = {"ram_style": "block", "no_rw_check": 1}


class LoadSignature(wiring.Signature):
    """The bus that writes a word of a memory of ``depth`` words of ``width`` bits: ``address`` and
    ``data`` in the cycle of ``enable``."""

    def __init__(self, depth: int, width: int) -> None:
        self.depth, self.width = depth, width
        super().__init__({"enable": Out(1), "address": Out(index_width(depth)), "data": Out(width)})


class LoadableMemory(wiring.Component):
    """``depth`` words of ``width`` bits; infers block RAM.

    Contents are undefined until loaded: over ``load``, or by the ``$readmemh`` of the emitted Verilog.

    Latency: ``read_data`` follows ``read_address`` by 1 cycle. Throughput: 1 read and 1 write per cycle.
    A word that is read in the cycle in which it is loaded is undefined.
    """

    def __init__(self, *, depth: int, width: int) -> None:
        self.depth, self.width = depth, width
        super().__init__(
            {
                "read_address": In(index_width(depth)),
                "read_data": Out(width),
                "load": In(LoadSignature(depth, width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.storage = storage = memory.Memory(
            shape=unsigned(self.width), depth=self.depth, init=[], attrs=BLOCK_MEMORY
        )
        read, write = storage.read_port(), storage.write_port()
        m.d.comb += [
            read.addr.eq(self.read_address),
            self.read_data.eq(read.data),
            write.en.eq(self.load.enable),
            write.addr.eq(self.load.address),
            write.data.eq(self.load.data),
        ]
        return m
