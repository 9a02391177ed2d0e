"""A ternary table in registers: first match wins."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width


def entry_layout(key: int, outputs: int) -> data.StructLayout:
    """An entry, from the low bit: ``key``, ``mask`` (of ``key`` bits) and ``outputs``."""
    return data.StructLayout({"key": key, "mask": key, "outputs": outputs})


class Lookup(wiring.Component):
    """``found``: whether one of ``entries`` matches ``key``; ``outputs``: those of the first that does, else 0.

    Latency: none.
    """

    def __init__(self, key: int, outputs: int, entries: int) -> None:
        table = data.ArrayLayout(entry_layout(key, outputs), entries)
        super().__init__({"entries": In(table), "key": In(key), "found": Out(1), "outputs": Out(outputs)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        matches = Signal(len(self.entries))
        first = Signal(len(self.entries))
        m.d.comb += [
            matches.eq(Cat((self.key & entry.mask) == entry.key for entry in self.entries)),
            first.eq(matches & -matches),
            self.found.eq(matches.any()),
            self.outputs.eq(
                reduce(or_, (Mux(chosen, entry.outputs, 0) for entry, chosen in zip(self.entries, first, strict=True)))
            ),
        ]
        return m


class Table(wiring.Component):
    """``entries`` of :func:`entry_layout`, written one by one over ``load``: ``index``, then the entry.

    An entry that was never written, or whose key has bits outside of its mask, matches no key. ``load`` is always
    ready; an ``index`` beyond the table changes nothing. Latency: an entry is there in the cycle after it was taken.

    Raises ValueError for a table of no entries, or keys of no bits.
    """

    def __init__(self, key: int, outputs: int, entries: int) -> None:
        if entries < 1:
            raise ValueError(f"Table must have at least 1 entry, not {entries}")
        if key < 1:
            raise ValueError(f"Keys must have at least 1 bit, not {key}")
        entry = entry_layout(key, outputs)
        word = data.StructLayout({"index": index_width(entries), "entry": entry})
        super().__init__({"load": In(stream.Signature(word)), "entries": Out(data.ArrayLayout(entry, entries))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.load.ready.eq(1)
        for index, entry in enumerate(self.entries):
            kept = Signal(entry.shape(), name=f"entry_{index}", init={"key": -1, "mask": 0, "outputs": 0})
            m.d.comb += entry.eq(kept)
            with m.If(self.load.valid & (self.load.payload.index == index)):
                m.d.sync += kept.eq(self.load.payload.entry)
        return m
