"""Direct current injection: the value itself is the input of every step (Rueckauer et al. 2017)."""

from dataclasses import dataclass
from typing import ClassVar

from ..fixed import Value
from .static import Slot, StaticCode

MAX_LEVELS = 255


@dataclass(frozen=True, kw_only=True)
class Direct(StaticCode):
    """Axon ``n`` sends ``value`` events in every step: a graded input, which adds its weights so many times."""

    name: ClassVar[str] = "direct"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.maximum > MAX_LEVELS:
            raise ValueError(f"Maximum of code direct must be 1..{MAX_LEVELS}, not {self.maximum}")

    @property
    def levels(self) -> int:
        return self.maximum

    def emit(self, slot: Slot) -> tuple[Value, Value]:
        return slot.value, slot.kept
