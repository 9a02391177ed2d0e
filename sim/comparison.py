"""What a comparison of values with the golden model found. Without cocotb, whose import would slow every command."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mismatch:
    """The first difference that was found; ``count`` values of that step differ. ``since``: the cycle in
    which the step before it had ended there, ``cycle``: the one in which the difference showed."""

    where: str
    sample: int
    step: int
    what: str
    expected: Any
    got: Any
    cycle: int
    since: int
    count: int = 1

    def __str__(self) -> str:
        more = f" ({self.count} values of this step differ)" if self.count > 1 else ""
        return (
            f"image {self.sample}, step {self.step}, {self.where}: {self.what} "
            f"expected {self.expected}, got {self.got}{more}"
        )


@dataclass
class Compared:
    """Values that were compared and found equal."""

    spikes: int = 0
    membranes: int = 0
    output_events: int = 0
    counters: int = 0
    answers: int = 0
