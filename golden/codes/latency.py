"""Time to first spike: one spike, the earlier the greater the value (Park et al. 2020; Guo et al. 2021)."""

from dataclasses import dataclass
from typing import ClassVar

from ..fixed import Value, let
from .static import Slot, StaticCode


@dataclass(frozen=True, kw_only=True)
class Latency(StaticCode):
    """A spike in step ``(maximum - value) / maximum * (steps - 1)``, rounded to the nearest step, halves to the later:
    equation 11 of the review. ``maximum`` spikes in the first step, 0 in the last.

    No division: step ``t`` is the nearest where ``2 * maximum * t <= 2 * (maximum - value) * (steps - 1) + maximum
    < 2 * maximum * (t + 1)``.
    """

    name: ClassVar[str] = "latency"

    def emit(self, slot: Slot) -> tuple[Value, Value]:
        due = let((self.maximum - slot.value) * (2 * self.steps - 2) + self.maximum, "due")
        begin = let(slot.step * (2 * self.maximum), "begin")
        return (begin <= due) & (due < begin + 2 * self.maximum), slot.kept
