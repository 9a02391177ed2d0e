"""Time to first spike: one spike, the earlier the greater the value (Park et al. 2020; Guo et al. 2021)."""

from dataclasses import dataclass
from typing import ClassVar

from ..fixed import Value, cut, let
from .static import Slot, StaticCode


@dataclass(frozen=True, kw_only=True)
class Latency(StaticCode):
    """A spike in step ``(maximum - value) / maximum * (steps - 1)``, rounded to the nearest step, halves to the later:
    equation 11 of the review. ``maximum`` spikes in the first step, 0 in the last.

    No division: step ``t`` is the nearest where ``0 <= 2 * (maximum - value) * (steps - 1) - 2 * maximum * t + maximum
    < 2 * maximum``.
    """

    name: ClassVar[str] = "latency"

    def emit(self, slot: Slot) -> tuple[Value, Value]:
        late = cut(let(self.maximum - slot.value, "late"))
        due, begin = cut(let(late * (2 * self.steps - 2), "due"), let(slot.step * (2 * self.maximum), "begin"))
        since = cut(let(due - begin + self.maximum, "since"))
        return cut((since >= 0) & (since < 2 * self.maximum)), slot.kept
