"""What a trainer counts: cycles, work and saturations of each phase."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

WIDTH = 32
NAMES = (
    "samples",  # whose forward pass has ended
    "correct",  # of them, predicted as labelled
    "rejected",  # of them, not learned from although that was asked for
    "load_cycles",
    "forward_cycles",
    "assess_cycles",
    "backward_cycles",
    "gradient_cycles",
    "update_cycles",
    "busy_cycles",  # anything at work
    "forward_words",  # words of weights added: one group of neurons for one spike, recomputed ones too
    "backward_words",  # words of weights multiplied: one neuron of each lane for one gradient
    "gradient_pairs",  # gradients added to weights' gradients, one by one
    "update_words",  # words of weights moved
    "forward_saturations",
    "backward_saturations",
    "momentum_saturations",
)


class Counters(wiring.Component):
    """A counter of 32 bits for each of :data:`NAMES`, which wraps; ``value`` is the one at ``index``,
    ``clear`` sets it 0. Latency: 2 cycles from what is counted to ``value``. Throughput: all of them every cycle."""

    def __init__(self, *, step: int) -> None:
        super().__init__(
            {name: In(range(step + 1)) for name in NAMES}
            | {"index": In(range(len(NAMES))), "clear": In(1), "value": Out(WIDTH)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        registers = Array(Signal(WIDTH, name=f"{name}_count") for name in NAMES)
        for index, name in enumerate(NAMES):
            more = Signal.like(getattr(self, name), name=f"more_{name}")
            m.d.sync += [more.eq(getattr(self, name)), registers[index].eq(registers[index] + more)]
            with m.If(self.clear & (self.index == index)):
                m.d.sync += registers[index].eq(0)
        m.d.comb += self.value.eq(registers[self.index])
        return m
