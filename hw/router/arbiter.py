"""Who may use an output: fair arbiters."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width


class RoundRobin(wiring.Component):
    """Chooses one of ``requests``: the first in a ring that begins after the last one that was taken.

    A request must stay until it is chosen and ``taken``. A choice that is not taken stays, whoever else comes.

    Latency: none, ``choice`` belongs to the ``requests`` of its cycle, and means nothing without one. Fairness: a
    request waits for at most ``inputs - 1`` others to be taken.
    """

    def __init__(self, inputs: int) -> None:
        if inputs < 1:
            raise ValueError(f"Arbiter must have at least 1 input, not {inputs}")
        self.inputs = inputs
        super().__init__({"requests": In(inputs), "taken": In(1), "choice": Out(index_width(inputs))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        inputs = self.inputs
        first = Signal(range(inputs))
        with m.Switch(first):
            for start in range(inputs):
                with m.Case(start):
                    choice = (start - 1) % inputs
                    for index in reversed([(start + offset) % inputs for offset in range(inputs - 1)]):
                        choice = Mux(self.requests[index], index, choice)
                    m.d.comb += self.choice.eq(choice)
        with m.If(self.requests.any()):
            after = Mux(self.choice == inputs - 1, 0, self.choice + 1)
            m.d.sync += first.eq(Mux(self.taken, after, self.choice))
        return m
