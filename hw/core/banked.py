"""State in a bank of its own for each lane, so that lanes may work on different groups."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width

_MEMORY = {"no_rw_check": 1}  # what is read while it is written is forwarded


class BankedState(wiring.Component):
    """State of ``groups`` neurons in each of ``lanes`` banks, ``width`` bits each; clearing it is the core's task.

    ``read_groups`` belong to stage 0, of each lane one; ``read_data``, ``accumulated`` and ``accumulate`` (an event's
    operation is there) to the lanes' first stage, 2; the others to their last. A weight is added within that one cycle,
    and what is still on its way to memory is forwarded: events may follow each other at once, to whichever neurons.
    What an update writes must not be read before it is there.
    """

    def __init__(self, *, groups: int, lanes: int, width: int) -> None:
        self.groups, self.lanes, self.width = groups, lanes, width
        super().__init__(
            {
                "read_groups": In(data.ArrayLayout(index_width(groups), lanes)),
                "read_data": Out(width * lanes),
                "accumulate": In(1),
                "accumulated": In(width * lanes),
                "write": In(1),
                "update": In(1),
                "result_group": In(index_width(groups)),
                "result": In(width * lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        before = Signal()  # the operation a stage ahead was an event's
        m.d.sync += before.eq(self.accumulate)
        for k in range(self.lanes):
            m.submodules[f"bank{k}"] = bank = memory.Memory(
                shape=unsigned(self.width), depth=self.groups, init=[], attrs=_MEMORY
            )
            read, write = bank.read_port(), bank.write_port()
            group = [self.read_groups[k]]  # of the operation in each stage
            for stage in range(1, 4):
                group.append(Signal.like(self.read_groups[k], name=f"group{k}_{stage}"))
                m.d.sync += group[stage].eq(group[stage - 1])
            captured = Signal(self.width, name=f"captured{k}", reset_less=True)
            recent = [Signal(self.width, name=f"recent{k}_{age}", reset_less=True) for age in range(2)]
            same = [Signal(name=f"same{k}_{age}") for age in range(2)]
            accumulated = self.accumulated.word_select(k, self.width)
            m.d.sync += [
                captured.eq(read.data),
                recent[0].eq(accumulated),
                recent[1].eq(recent[0]),
                same[0].eq(self.accumulate & (group[2] == group[1])),
                same[1].eq(before & (group[3] == group[1])),
            ]
            state = Mux(same[0], recent[0], Mux(same[1], recent[1], captured))
            m.d.comb += [
                read.addr.eq(group[0]),
                self.read_data.word_select(k, self.width).eq(state),
                write.en.eq(self.accumulate | (self.write & self.update)),
                write.addr.eq(Mux(self.accumulate, group[2], self.result_group)),
                write.data.eq(Mux(self.accumulate, accumulated, self.result.word_select(k, self.width))),
            ]
        return m
