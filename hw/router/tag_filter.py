"""What a receiver wants to hear."""

from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .table import Lookup, Table


class TagFilter(wiring.Component):
    """Lets pass the packets of ``packets_in`` whose ``source`` is in a table of tags; takes the others and forgets
    them.

        load → table
                 ↓
        packets_in → match → packets_out

    ``packets_out`` carries the ``packet`` and ``outputs`` bits of the first entry that matches, for the receiver to use
    as it likes (synapses, dendrites): the content-addressable memories of DYNAPs (Moradi et al., IEEE TBioCAS 12,
    2018). ``load`` as in :class:`Table`, with the tag for a key.

    Latency: none. Throughput: a packet a cycle. Raises ValueError as :class:`Table` does.
    """

    def __init__(self, packet: data.StructLayout, entries: int, *, outputs: int = 1) -> None:
        self.tag = packet["source"].width
        self.table = Table(self.tag, outputs, entries)
        self.lookup = Lookup(self.tag, outputs, entries)
        heard = data.StructLayout({"packet": packet, "outputs": outputs})
        super().__init__(
            {
                "load": In(stream.Signature(self.table.load.payload.shape())),
                "packets_in": In(stream.Signature(packet)),
                "packets_out": Out(stream.Signature(heard)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.table, m.submodules.lookup = table, lookup = self.table, self.lookup
        wiring.connect(m, wiring.flipped(self.load), table.load)
        packets, heard = self.packets_in, self.packets_out
        m.d.comb += [
            lookup.entries.eq(table.entries),
            lookup.key.eq(packets.payload.source),
            heard.payload.packet.eq(packets.payload),
            heard.payload.outputs.eq(lookup.outputs),
            heard.valid.eq(packets.valid & lookup.found),
            packets.ready.eq(heard.ready | ~lookup.found),
        ]
        return m
