"""Where the neurons' state lies: block RAM for many groups, registers for few."""

from amaranth.hdl import Array, Module, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ..config import CoreConfig, index_width
from ..memory import BLOCK_MEMORY
from .lane import FIRST_STAGE, last_stage


class _State(wiring.Component):
    """State of ``groups`` groups, ``width`` bits each; clearing it is the core's task.

    ``read_group`` belongs to stage 0; ``stage_group``, ``read_data``, ``accumulated`` and ``accumulate`` (an
    event's operation is there) to the lanes' first stage; the others to their last.
    """

    def __init__(self, *, groups: int, width: int) -> None:
        self.groups, self.width = groups, width
        super().__init__(
            {
                "read_group": In(index_width(groups)),
                "stage_group": In(index_width(groups)),
                "read_data": Out(width),
                "accumulate": In(1),
                "accumulated": In(width),
                "write": In(1),
                "update": In(1),
                "result_group": In(index_width(groups)),
                "result": In(width),
            }
        )


class BlockState(_State):
    """In memory; every operation writes in the last stage. A group must not be read again before."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.storage = storage = memory.Memory(
            shape=unsigned(self.width), depth=self.groups, init=[], attrs=BLOCK_MEMORY
        )
        read, write = storage.read_port(), storage.write_port()
        captured = Signal(self.width, reset_less=True)
        m.d.sync += captured.eq(read.data)
        m.d.comb += [
            read.addr.eq(self.read_group),
            self.read_data.eq(captured),
            write.addr.eq(self.result_group),
            write.en.eq(self.write),
            write.data.eq(self.result),
        ]
        return m


class RegisterState(_State):
    """In registers; a weight is added within one cycle, so that events may follow each other at once
    however few the groups. Updates write in the last stage."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        registers = Array(Signal(self.width, name=f"state{group}") for group in range(self.groups))
        m.d.comb += self.read_data.eq(registers[self.stage_group])
        with m.If(self.accumulate):
            m.d.sync += registers[self.stage_group].eq(self.accumulated)
        with m.If(self.write & self.update):
            m.d.sync += registers[self.result_group].eq(self.result)
        return m


def state_for(config: CoreConfig) -> type[BlockState] | type[RegisterState]:
    """Memory where a pass over the groups is longer than the pipeline, else registers."""
    return BlockState if config.groups > last_stage(config.model) else RegisterState


def in_flight(config: CoreConfig) -> int:
    """Cycles after an operation, of updates only where state lies in registers, in which its group must not be read."""
    final = last_stage(config.model)
    return final if state_for(config) is BlockState else final - FIRST_STAGE


def spacing(config: CoreConfig) -> int:
    """Least number of cycles between the starts of an update and of the pass after it."""
    if config.delays is not None:  # what the update has taken must have been cleared
        return config.groups + last_stage(config.model)
    return 0 if state_for(config) is BlockState else last_stage(config.model) - FIRST_STAGE + 1
