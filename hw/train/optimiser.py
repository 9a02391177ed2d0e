"""The optimiser: one pass over all weights, a word of all banks a cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden import generator
from ranvier.golden.train.optimiser import accumulate, move, stride

from ..arith import naming, register
from ..config import index_width
from .config import TrainerConfig
from .wiring import joined, split

STAGES = 3  # of OptimiserLane


class OptimiserLane(wiring.Component):
    """Updates one weight: the arithmetic of :mod:`ranvier.golden.train.optimiser`, and the lane's generator.

    The generator advances with every ``valid``. Latency: :data:`STAGES` cycles. Throughput: 1 a cycle.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        setup = config.setup
        super().__init__(
            {
                "valid": In(1),
                "rate": In(setup.optimiser.rate_width),
                "weight": In(signed(setup.weight_width)),
                "momentum": In(signed(setup.optimiser.momentum_width)),
                "gradient": In(signed(setup.sum_width)),
                "new_weight": Out(signed(setup.weight_width)),
                "new_momentum": Out(signed(setup.optimiser.momentum_width)),
                "saturated": Out(1),
                "clipped": Out(1),
                "seed": In(generator.WIDTH),
                "load": In(1),
                "state": Out(generator.WIDTH, init=1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        optimiser = self.config.setup.optimiser
        with naming(m):
            momentum, saturated = accumulate(optimiser, self.momentum, self.gradient)
        noise = self.state[: optimiser.rate_shift]
        first = {"momentum": momentum, "saturated": saturated, "weight": self.weight, "noise": noise}
        stage = register(m, "s1_", first)
        kept = {name: stage[name] for name in ("momentum", "saturated", "weight", "noise")}
        lost = stride(optimiser, stage["momentum"], Cat(self.rate, 0).as_signed())
        stage = register(m, "s2_", kept | {"lost": lost})
        with naming(m):
            moved, clipped = move(optimiser, stage["weight"], stage["lost"], Cat(stage["noise"], 0).as_signed())
        last = {"weight": moved, "clipped": clipped, "momentum": stage["momentum"], "saturated": stage["saturated"]}
        stage = register(m, "s3_", last)
        m.d.comb += [
            self.new_weight.eq(stage["weight"]),
            self.new_momentum.eq(stage["momentum"]),
            self.saturated.eq(stage["saturated"]),
            self.clipped.eq(stage["clipped"]),
        ]
        if optimiser.stochastic:
            with naming(m, "generator_"):
                following = generator.advance(self.state)
            with m.If(self.load):
                m.d.sync += self.state.eq(self.seed)
            with m.Elif(self.valid):
                m.d.sync += self.state.eq(following)
        return m


class Optimiser(wiring.Component):
    """Moves all weights after a batch.

        address → weights, momenta, sums of gradients → OptimiserLane → weights, momenta; sums are cleared

    ``start`` begins a pass while ``busy`` is low; the memories answer ``address`` 2 cycles later, and take what is
    written to ``write_address`` with ``write``.

    Latency: ``words + 6`` cycles from ``start`` until ``busy`` is low. Throughput: ``lanes`` weights a cycle.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        setup, lanes = config.setup, config.lanes
        address = index_width(config.weight_words)
        super().__init__(
            {
                "start": In(1),
                "rate": In(setup.optimiser.rate_width),
                "busy": Out(1),
                "address": Out(address),
                "weights": In(lanes * setup.weight_width),
                "momenta": In(lanes * setup.optimiser.momentum_width),
                "sums": In(lanes * setup.sum_width),
                "write": Out(1),
                "write_address": Out(address),
                "new_weights": Out(lanes * setup.weight_width),
                "new_momenta": Out(lanes * setup.optimiser.momentum_width),
                "saturations": Out(range(lanes + 1)),
                "load": In(lanes),
                "seed": In(generator.WIDTH),
                "states": Out(lanes * generator.WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes = self.config.lanes
        running = Signal()
        valid = [running] + [Signal(name=f"valid_s{index}") for index in range(1, STAGES + 3)]
        addresses = [self.address] + [
            Signal.like(self.address, name=f"address_s{index}") for index in range(1, STAGES + 3)
        ]
        for index in range(1, STAGES + 3):
            m.d.sync += [valid[index].eq(valid[index - 1]), addresses[index].eq(addresses[index - 1])]
        with m.If(self.start):  # busy is a register of its own: it selects the addresses of many banks
            m.d.sync += [running.eq(1), self.busy.eq(1), self.address.eq(0)]
        with m.Elif(running):
            m.d.sync += self.address.eq(self.address + 1)
            with m.If(self.address == self.config.weight_words - 1):
                m.d.sync += running.eq(0)
        with m.If(valid[-1] & ~valid[-2]):
            m.d.sync += self.busy.eq(0)
        m.d.comb += [
            self.write.eq(valid[-1]),
            self.write_address.eq(addresses[-1]),
        ]
        units = [OptimiserLane(self.config) for _ in range(lanes)]
        weights = split(self.weights, lanes, is_signed=True)
        momenta = split(self.momenta, lanes, is_signed=True)
        sums = split(self.sums, lanes, is_signed=True)
        saturations = 0
        for lane, unit in enumerate(units):
            m.submodules[f"lane{lane}"] = unit
            m.d.comb += [
                unit.valid.eq(valid[2]),
                unit.rate.eq(self.rate),
                unit.weight.eq(weights[lane]),
                unit.momentum.eq(momenta[lane]),
                unit.gradient.eq(sums[lane]),
                unit.load.eq(self.load[lane]),
                unit.seed.eq(self.seed),
            ]
            saturations = saturations + unit.saturated
        m.d.comb += [
            self.new_weights.eq(joined([unit.new_weight for unit in units])),
            self.new_momenta.eq(joined([unit.new_momentum for unit in units])),
            self.states.eq(joined([unit.state for unit in units])),
            self.saturations.eq(Mux(self.write, saturations, 0)),
        ]
        return m
