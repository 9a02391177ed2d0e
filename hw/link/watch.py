"""Patience with what is outside of the chip, and counters of its faults."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

COUNTER_WIDTH = 16


def check_patience(patience: int) -> None:
    """Raise ValueError for a ``patience`` below 1 cycle."""
    if patience < 1:
        raise ValueError(f"Patience must be at least 1 cycle, not {patience}")


def count(m: Module, counter: Signal, event: Value) -> None:
    """Count the cycles of ``event``; the counter sticks at its maximum."""
    with m.If(event & ~counter.all()):
        m.d.sync += counter.eq(counter + 1)


class Watch(wiring.Component):
    """Says that something has been ``waiting`` for longer than ``patience`` cycles.

    ``stuck`` is high from the cycle after the first ``patience + 1`` successive cycles of ``waiting`` until the cycle
    after the last one; ``errors`` counts how often it rose and sticks at its maximum.

    Raises ValueError for a ``patience`` below 1 cycle. Latency: 1 cycle.
    """

    waiting: In(1)
    stuck: Out(1)
    errors: Out(COUNTER_WIDTH)

    def __init__(self, patience: int) -> None:
        check_patience(patience)
        self.patience = patience
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        waited = Signal(range(self.patience + 1))
        exhausted = Signal()
        m.d.comb += exhausted.eq(self.waiting & (waited == self.patience))
        m.d.sync += self.stuck.eq(exhausted)
        with m.If(~self.waiting):
            m.d.sync += waited.eq(0)
        with m.Elif(~exhausted):
            m.d.sync += waited.eq(waited + 1)
        count(m, self.errors, exhausted & ~self.stuck)
        return m
