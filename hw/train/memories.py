"""The trainer's memories: banks side by side, words of all lanes."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width


class Banks(wiring.Component):
    """``lanes`` memories of ``depth`` words of ``width`` bits, each with its own read and write address.

    ``copies`` read ports, each a copy of the memory beyond the first. A word that is read while it is written
    comes out undefined. ``registered``: with a register behind each read port, for large banks.

    Latency: ``data`` follows ``address`` by 1 cycle, by 2 if ``registered``; the memory keeps what it gave last while
    ``enable`` is low. Throughput: a read at each port and a write for each bank and cycle.
    """

    def __init__(self, *, lanes: int, depth: int, width: int, copies: int = 1, registered: bool = False) -> None:
        self.lanes, self.depth, self.width, self.copies = lanes, depth, width, copies
        self.registered = registered
        address = data.ArrayLayout(index_width(depth), lanes)
        word = data.ArrayLayout(width, lanes)
        read = wiring.Signature({"enable": Out(1), "address": Out(address), "data": In(word)})
        write = wiring.Signature({"enable": Out(lanes), "address": Out(address), "data": Out(word)})
        super().__init__({f"read{copy}": In(read) for copy in range(copies)} | {"write": In(write)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for lane in range(self.lanes):
            for copy in range(self.copies):
                bank = WordMemory(depth=self.depth, width=self.width)
                m.submodules[f"bank{lane + self.lanes * copy}"] = bank
                read = getattr(self, f"read{copy}")
                m.d.comb += [
                    bank.read_enable.eq(read.enable),
                    bank.read_address.eq(read.address[lane]),
                    bank.write_enable.eq(self.write.enable[lane]),
                    bank.write_address.eq(self.write.address[lane]),
                    bank.write_data.eq(self.write.data[lane]),
                ]
                domain = m.d.sync if self.registered else m.d.comb
                domain += read.data[lane].eq(bank.read_data)
        return m


class WordMemory(wiring.Component):
    """``depth`` words of ``width`` bits, one read and one write port; latency as in :class:`Banks`, not ``registered``.

    A word that is read while it is written comes out undefined.
    """

    def __init__(self, *, depth: int, width: int) -> None:
        self.depth, self.width = depth, width
        super().__init__(
            {
                "read_enable": In(1),
                "read_address": In(index_width(depth)),
                "read_data": Out(width),
                "write_enable": In(1),
                "write_address": In(index_width(depth)),
                "write_data": In(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.storage = storage = memory.Memory(
            shape=unsigned(self.width), depth=self.depth, init=[], attrs={"no_rw_check": 1}
        )
        write = storage.write_port()
        read = storage.read_port()
        m.d.comb += [
            read.en.eq(self.read_enable),
            read.addr.eq(self.read_address),
            self.read_data.eq(read.data),
            write.en.eq(self.write_enable),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
        ]
        return m
