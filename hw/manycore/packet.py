"""What travels between tiles: spikes, the ends of steps, and credits."""

from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import signed
from amaranth.lib import data, enum

from ..config import index_width


class Kind(enum.Enum, shape=2):
    """SPIKE: an axon's event of a step. END: a sender has sent so many events in a step. CREDIT: a receiver has
    consumed a step."""

    SPIKE = 0
    END = 1
    CREDIT = 2


@dataclass(frozen=True)
class PacketFormat:
    """Layouts of a chip's packets: ``columns`` and ``rows`` of places, at most ``axons`` (indices of events)
    at any of them, ``value_width`` bits of the values of a readout and of partial sums, or None.

    A flit, from the low bit: ``x``, ``y``, and the payload: ``kind``, ``step`` (the low bit of the step's number),
    ``body``.
    """

    columns: int
    rows: int
    axons: int
    value_width: int | None

    @cached_property
    def place(self) -> data.StructLayout:
        return data.StructLayout({"x": index_width(self.columns), "y": index_width(self.rows)})

    @cached_property
    def spike(self) -> data.StructLayout:
        """Body of a SPIKE: ``index`` of the axon, and the ``value`` of a readout or a partial sum."""
        value = {} if self.value_width is None else {"value": signed(self.value_width)}
        return data.StructLayout({"index": index_width(self.axons)} | value)

    @cached_property
    def end(self) -> data.StructLayout:
        """Body of an END: how many ``events`` were sent in the step, and ``sample_end``."""
        return data.StructLayout({"events": range(self.axons + 1), "sample_end": 1})

    @cached_property
    def payload(self) -> data.StructLayout:
        return data.StructLayout({"kind": Kind, "step": 1, "body": max(self.spike.size, self.end.size)})

    @cached_property
    def flit(self) -> data.StructLayout:
        return data.StructLayout({"x": self.place["x"].shape, "y": self.place["y"].shape, "payload": self.payload})

    def entry(self, targets: int) -> data.StructLayout:
        """An entry of a fan-out list: the number of a ``target``; ``offset``, what is added to an event's index to make
        the target's axon, modulo the power of two that the index's width allows; ``last`` of its list."""
        return data.StructLayout({"target": index_width(targets), "offset": self.spike["index"].width, "last": 1})
