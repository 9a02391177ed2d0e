"""Random numbers for the lanes: one sequence, of which each lane draws its own number."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden import generator

from ..config import CoreConfig
from .fetch import operation_layout


class Noise(wiring.Component):
    """The numbers that the neurons of a core draw in a step, a group of them at a time.

        operation → [generator] → jump by 0, 1, … lanes → noise

    The states of one xorshift generator (:mod:`ranvier.golden.generator`), which begins at ``model.seed`` with every
    sample, go to the neurons one after the other, ``neurons`` of them a step, whatever the lanes: lane k has the low
    ``model.noise_width`` bits of the state k steps after the register's. A jump is a matrix over GF(2), so that each
    bit is a parity of some bits of the register.

    ``operation`` and ``noise`` belong to the lanes' first stage. Latency: none. Throughput: a group a cycle.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        super().__init__(
            {
                "operation": In(operation_layout(config)),
                "noise": Out(data.ArrayLayout(config.model.noise_width, config.lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, operation = self.config, self.operation
        rest = config.neurons - (config.groups - 1) * config.lanes  # neurons of the last group
        state = Signal(generator.WIDTH, init=config.model.seed)
        following = jumped(state, config.lanes)
        if rest != config.lanes:
            following = Mux(operation.last, jumped(state, rest), following)
        with m.If(operation.valid & operation.emit):
            m.d.sync += state.eq(following)
        with m.If(operation.valid & operation.clear & operation.last):
            m.d.sync += state.eq(config.model.seed)
        m.d.comb += [self.noise[k].eq(jumped(state, k)) for k in range(config.lanes)]
        return m


def jumped(state: Value, steps: int) -> Value:
    """The generator's state ``steps`` steps after ``state``."""
    images = [1 << bit for bit in range(generator.WIDTH)]  # of the single bits
    for _ in range(steps):
        images = [generator.advance(image) for image in images]
    heard = [sum((image >> bit & 1) << k for k, image in enumerate(images)) for bit in range(generator.WIDTH)]
    return Cat((state & mask).xor() for mask in heard)
