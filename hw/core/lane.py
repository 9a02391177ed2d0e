"""One lane: accumulates weights and updates neurons, one neuron a cycle."""

from functools import lru_cache

from amaranth.hdl import Cat, Const, Fragment, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.fixed import let, narrow
from ranvier.golden.neurons.neuron import Format, Inputs, Neuron, Outputs

from ..arith import naming
from ..config import CoreConfig
from ..staged import Staged, latest, staged

FIRST_STAGE = 2  # stage 0 addresses the memories, stage 1 is their output


@lru_cache
def last_stage(model: Neuron) -> int:
    """Pipeline stage in which a lane's result is ready, as the model's own step has it."""
    m = Module()
    formats = {"integrated": (model.integrator_width, True), "noise": (model.noise_width, False)}
    given = {name: _operand(m, name, each, FIRST_STAGE + (name == "integrated")) for name, each in formats.items()}
    groups = (model.states(), model.parameter_shapes())
    state, parameters = ({name: _operand(m, name, each, FIRST_STAGE) for name, each in g.items()} for g in groups)
    final = _final(model.step(Inputs(given["integrated"], state, parameters, given["noise"])))
    Fragment.get(m, None)  # or Amaranth misses that it was used
    return final


def _operand(m: Module, name: str, form: Format, stage: int) -> Staged:
    return staged(m, Signal(_shape(form), name=name), stage, name)


def _final(left: Outputs) -> int:
    return latest(left.integrator, left.spike, left.membrane, left.saturated, *left.state.values())


def state_layout(config: CoreConfig) -> data.StructLayout:
    """State of one neuron between events: the integrator, which weights are added to, comes first."""
    others = _shapes(config.model.states())
    return data.StructLayout({"integrator": signed(config.accumulator_width), **others})


def initial_state(config: CoreConfig) -> int:
    """The bits of a group's state before a sample, all lanes alike."""
    layout = state_layout(config)
    bits = layout.const(config.model.initial()).as_bits()
    return sum(bits << (layout.size * k) for k in range(config.lanes))


def _shapes(formats: dict[str, Format]) -> dict[str, Shape]:
    return {name: _shape(form) for name, form in formats.items()}


def _shape(form: Format) -> Shape:
    width, is_signed = form
    return signed(width) if is_signed else unsigned(width)


def parameter_layout(config: CoreConfig) -> data.StructLayout:
    """Stored parameters of one neuron."""
    shapes = _shapes(config.model.parameter_shapes())
    return data.StructLayout({name: shapes[name] for name in config.stored})


def weight_value(weight: Value, width: int) -> Value:
    """What ``width`` bits of weight mean; one bit: +1 (0) or -1 (1)."""
    return Cat(1, weight).as_signed() if width == 1 else weight.as_signed()


class Lane(wiring.Component):
    """Adds weights to the state of a neuron, or ends its step; which, ``update`` says.

        stage 2     integrator + (weight or bias)
        stage 3     saturate
        stage 3 …   the step of the model (:mod:`ranvier.golden.neurons`), whose ``cut`` puts the registers

    Where spikes may be ``negative``, the weight of such a one is taken away.
    Where there are partial sums, ``sum`` takes the place of the weight while ``adds``. Where all weights are added up
    elsewhere (``config.gathered``), ``sum`` is theirs, added to the bias, and there are updates only. Inputs belong to
    :data:`FIRST_STAGE`; outputs to :func:`last_stage`, but for ``accumulated``, the integrator with the weight
    added, which is there at once. ``spike``, ``membrane`` and ``saturated`` mean something while updating.

    Latency: ``last_stage(model) - FIRST_STAGE`` cycles. Throughput: one neuron a cycle.
    """

    def __init__(self, config: CoreConfig) -> None:
        self.config = config
        state = state_layout(config)
        super().__init__(
            {
                "update": In(1),
                "state": In(state),
            }
            | ({"sum": In(signed(config.drive_width))} if config.gathered else {"weight": In(config.weight_width)})
            | {
                "settings": In(parameter_layout(config)),
                "accumulated": Out(signed(config.accumulator_width)),
                "result": Out(state),
                "spike": Out(_shape((config.model.spike_width, config.model.signed))),
                "membrane": Out(signed(config.model.state_width)),
                "saturated": Out(1),
            }
            | ({} if config.partial is None else {"adds": In(1), "sum": In(signed(config.partial.width))})
            | ({"negative": In(1)} if config.negative else {})
            | ({"noise": In(config.model.noise_width)} if config.model.noise_width else {})
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        total = self._total(m)
        m.d.comb += self.accumulated.eq(total)
        update = staged(m, self.update, FIRST_STAGE, "update")
        base, limited = self._saturated(m, staged(m, total, FIRST_STAGE, "total"), update)
        before = {name: staged(m, self.state[name], FIRST_STAGE, name) for name in self.config.model.states()}
        left = self._step(m, base, before)
        final = last_stage(self.config.model)

        def at_last(value: object) -> Value:
            return value.at(final) if isinstance(value, Staged) else Const(int(value))

        m.d.comb += [
            self.result.integrator.eq(Mux(update.at(final), at_last(left.integrator), base.at(final))),
            self.spike.eq(at_last(left.spike)),
            self.membrane.eq(at_last(left.membrane)),
            self.saturated.eq(at_last(limited | left.saturated)),
        ]
        for name, value in left.state.items():
            m.d.comb += self.result[name].eq(Mux(update.at(final), at_last(value), before[name].at(final)))
        return m

    def _total(self, m: Module) -> Value:
        """Stage 2: the one adder for weights and bias."""
        bias = self._parameter("bias")
        if self.config.gathered:
            with naming(m):
                return let(self.state.integrator + self.sum + bias, "total", self.config.total_width)
        weight = Signal(signed(max(self.config.weight_width, 2)))
        m.d.comb += weight.eq(weight_value(self.weight, self.config.weight_width))
        if self.config.negative:
            with naming(m):
                weight = let(Mux(self.negative, -weight, weight), "signed_weight")
        addend = weight if self.config.partial is None else Mux(self.adds, self.sum, weight)
        total = self.state.integrator + Mux(self.update, bias, addend)
        with naming(m):
            return let(total, "total", self.config.total_width)

    def _saturated(self, m: Module, total: Staged, update: Staged) -> tuple[Staged, Staged]:
        """In the next stage the sum, saturated if updating; and whether it had to be."""
        stage = FIRST_STAGE + 1
        with naming(m):
            value, overflow = narrow(total.at(stage), self.config.model.integrator_width, "integrated")
            base = let(Mux(update.at(stage), value, total.at(stage)), "base", self.config.accumulator_width)
        return staged(m, base, stage, "base"), staged(m, overflow, stage, "overflow")

    def _step(self, m: Module, base: Staged, state: dict[str, Staged]) -> Outputs:
        """The model's own."""
        model = self.config.model
        stored = {name: staged(m, self.settings[name], FIRST_STAGE, name) for name in self.config.stored}
        noise = staged(m, self.noise, FIRST_STAGE, "noise") if model.noise_width else 0
        return model.step(Inputs(base.low(model.integrator_width), state, stored | dict(self.config.fixed), noise))

    def _parameter(self, name: str) -> Value:
        """A stored parameter, or the value that is built in."""
        return Value.cast(self.settings[name]) if name in self.config.stored else Const(dict(self.config.fixed)[name])
