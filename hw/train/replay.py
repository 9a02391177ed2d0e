"""A list that is sent while it comes in, and then again for every further group of neurons."""

from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from .memories import WordMemory


def entry_layout(item: Shape | data.Layout, rounds: int) -> data.StructLayout:
    """An ``item`` of the list in one of the ``rounds``; ``end``: none, but what follows the last of a round."""
    return data.StructLayout({"end": 1, "round": index_width(rounds), "item": item})


class Replay(wiring.Component):
    """Sends what comes in, and then the same list again, ``rounds`` times in all, each with an ``end`` behind it.

        items → list → entries
              ↘────────↗          in the first round

    ``start`` empties the list, while ``done`` or before ``complete``. ``complete``, held until ``done``, says that
    all items have come; ``count`` is their number. ``rounds`` is at least 1.

    Latency: 1 cycle from an item to its entry; ``done`` rises ``rounds * (count + 1)`` cycles after ``complete``, less
    the ``count`` that were sent as they came. Throughput: an entry a cycle, without a gap between rounds.
    """

    def __init__(self, item: Shape | data.Layout, *, depth: int, most_rounds: int) -> None:
        self.item, self.depth = item, depth
        super().__init__(
            {
                "start": In(1),
                "rounds": In(range(most_rounds + 1)),
                "items": In(stream.Signature(item, always_ready=True)),
                "complete": In(1),
                "count": Out(range(depth + 1)),
                "entries": Out(stream.Signature(entry_layout(item, most_rounds), always_ready=True)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.list = memory = WordMemory(depth=self.depth, width=Shape.cast(self.item).width)
        entry = self.entries.payload
        passed = Signal(Shape.cast(self.item).width, reset_less=True)  # the item that has just come
        recalled, running, again = Signal(), Signal(), Signal()  # the memory's word is sent; in a later round
        position, number = Signal(range(self.depth + 1)), Signal.like(self.rounds)
        ending = Signal()
        m.d.comb += [
            memory.write_enable.eq(self.items.valid),
            memory.write_address.eq(self.count),
            memory.write_data.eq(self.items.payload),
            memory.read_enable.eq(1),
            memory.read_address.eq(position),
            ending.eq(self.complete & running & Mux(again, position == self.count, 1)),
            entry.item.eq(Mux(recalled, memory.read_data, passed)),
            self.done.eq(~running),
        ]
        m.d.sync += [
            self.entries.valid.eq(self.items.valid | (running & self.complete)),
            entry.end.eq(ending),
            entry.round.eq(number),
            passed.eq(self.items.payload),
            recalled.eq(again),
        ]
        with m.If(self.items.valid):
            m.d.sync += self.count.eq(self.count + 1)
        with m.If(again):
            m.d.sync += position.eq(position + 1)
        with m.If(ending):
            m.d.sync += [again.eq(1), position.eq(0), number.eq(number + 1)]
            with m.If(number == self.rounds - 1):
                m.d.sync += [running.eq(0), again.eq(0)]
        with m.If(self.start):
            m.d.sync += [self.count.eq(0), number.eq(0), position.eq(0), running.eq(1)]
        return m
