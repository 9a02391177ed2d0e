"""The neurons inside the surrogate's window: nothing needs to arrive at the others."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from .config import TrainerConfig
from .memories import WordMemory
from .wiring import largest


class MaskLists(wiring.Component):
    """Of every lane the list of its neurons that the mask names, by their groups; walked through in step.

        mask → list of each lane → groups, filled

    ``start`` reads ``words`` words of ``lanes`` bits from ``address`` on, through ``read_enable``, ``read_address`` and
    ``read_data``. When ``done``, ``rounds`` is the length of the longest list, and of each lane that is ``filled``
    ``groups`` has the first entry; ``advance`` goes on to the next.

    Latency: ``words + 4`` cycles from ``start`` to ``done``; 1 from ``advance`` to the next entries. Throughput: an
    entry of each lane in two cycles, so that ``advance`` must not come twice within them.
    """

    def __init__(self, config: TrainerConfig, *, depth: int) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "address": In(range(depth)),
                "words": In(range(config.most_groups + 1)),
                "read_enable": Out(1),
                "read_address": Out(range(depth)),
                "read_data": In(config.lanes),
                "rounds": Out(range(config.most_groups + 1)),
                "groups": Out(data.ArrayLayout(index_width(config.most_groups), config.lanes)),
                "filled": Out(config.lanes),
                "advance": In(1),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, width = self.config, index_width(self.config.most_groups)
        left, group = Signal.like(self.words), Signal(width)
        reading, read, filling, first = Signal(), Signal(), Signal(), Signal()
        position = Signal.like(self.rounds)  # of the entries that come next
        counts = [Signal.like(self.rounds, name=f"count{lane}") for lane in range(config.lanes)]
        m.d.comb += [
            reading.eq(left != 0),
            self.read_enable.eq(reading),
            self.done.eq(~(reading | read | filling | first)),
        ]
        m.d.sync += [read.eq(reading), filling.eq(read & ~reading), first.eq(filling)]
        with m.If(reading):
            m.d.sync += [left.eq(left - 1), self.read_address.eq(self.read_address + 1)]
        with m.If(read):
            m.d.sync += group.eq(group + 1)
        m.d.sync += self.rounds.eq(largest(m, counts, "longest"))
        with m.If(first | self.advance):
            m.d.sync += position.eq(position + 1)
        for lane, count in enumerate(counts):
            m.submodules[f"list{lane}"] = entries = WordMemory(depth=config.most_groups, width=width)
            found = Signal(name=f"found{lane}")
            m.d.comb += [
                found.eq(read & self.read_data[lane]),
                entries.write_enable.eq(found),
                entries.write_address.eq(count),
                entries.write_data.eq(group),
                entries.read_enable.eq(1),
                entries.read_address.eq(position),
            ]
            with m.If(found):
                m.d.sync += count.eq(count + 1)
            with m.If(first | self.advance):
                m.d.sync += [self.groups[lane].eq(entries.read_data), self.filled[lane].eq(position < count)]
        with m.If(self.start):
            m.d.sync += [self.read_address.eq(self.address), left.eq(self.words), group.eq(0), position.eq(0)]
            m.d.sync += [count.eq(0) for count in counts]
        return m
