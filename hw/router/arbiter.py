"""Who may use an output: fair arbiters."""

from amaranth.hdl import Cat, Module, Mux, Signal
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


class OldestFirst(wiring.Component):
    """Chooses of ``requests`` the one that has waited longest, of equals the next one in a ring.

    ``age_<n>``: cycles that input n has waited, which stick at their maximum; a request stays, as in
    :class:`RoundRobin`, and while it does its age grows as fast as all the others. So nobody overtakes a choice that is
    not taken: it stays.

    Latency: none. Fairness: who waits at the head of its buffer sees at most ``inputs - 1`` others go first, one of
    each input, since whoever comes to the head later is younger. Ages at their maximum, ``2**age_width - 1``, are all
    the same: from then on it is the ring, and at most ``inputs - 1`` more.
    """

    def __init__(self, inputs: int, age_width: int) -> None:
        if age_width < 1:
            raise ValueError(f"Width of an age must be at least 1 bit, not {age_width}")
        self.ring = RoundRobin(inputs)
        self.inputs = inputs
        members = {"requests": In(inputs), "taken": In(1), "choice": Out(index_width(inputs))}
        super().__init__(members | {f"age_{index}": In(age_width) for index in range(inputs)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.ring = ring = self.ring
        ages = [getattr(self, f"age_{index}") for index in range(self.inputs)]
        older = {}  # (i, j), i < j: whether i waits and j does not, or both and i longer
        for later, age in enumerate(ages):
            for index in range(later):
                older[index, later] = self.requests[index] & (~self.requests[later] | (ages[index] > age))
                older[later, index] = self.requests[later] & (~self.requests[index] | (age > ages[index]))
        oldest = [
            self.requests[index] & ~Cat(older[other, index] for other in range(self.inputs) if other != index).any()
            for index in range(self.inputs)
        ]
        m.d.comb += [ring.requests.eq(Cat(oldest)), ring.taken.eq(self.taken), self.choice.eq(ring.choice)]
        return m
