"""Rate code without chance: as many spikes as the value says, spread evenly over the steps."""

from dataclasses import dataclass
from typing import ClassVar

from ..fixed import Value, cut, let, select
from .static import Slot, StaticCode


@dataclass(frozen=True, kw_only=True)
class Regular(StaticCode):
    """A spike in step ``t`` where ``floor((t + 1) * value / maximum) > floor(t * value / maximum)``: an accumulator of
    what is due, ``kept``, from which each spike takes ``maximum``. The digits are trained with it."""

    name: ClassVar[str] = "regular"

    @property
    def kept_width(self) -> int:
        return (self.maximum - 1).bit_length()

    def emit(self, slot: Slot) -> tuple[Value, Value]:
        due = cut(let(slot.kept + slot.value, "due"))
        spike = let(due >= self.maximum, "spike")
        left: Value = let(select(spike, due - self.maximum, due), "left")
        spike, left = cut(spike, left)
        return spike, left
