"""One lane: accumulates weights and updates neurons, one neuron a cycle."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.fixed import let
from ranvier.golden.neuron import Current, Multiply, NeuronModel, after_reset, fire, integrate, observe, renew

from ..arith import naming, register
from ..config import CoreConfig

FIRST_STAGE = 2  # stage 0 addresses the memories, stage 1 is their output


def last_stage(model: NeuronModel) -> int:
    """Pipeline stage in which a lane's result is ready."""
    if model.current is not None:
        return FIRST_STAGE + 5 + (model.current.timing == "next_step")
    return FIRST_STAGE + 2 + isinstance(model.membrane_decay, Multiply)


def state_layout(config: CoreConfig) -> data.StructLayout:
    """State of one neuron between events: the integrator, which weights are added to, comes first."""
    fields = {"integrator": signed(config.accumulator_width)}
    if config.model.current is not None:
        fields["membrane"] = signed(config.model.state_width)
    return data.StructLayout(fields)


def parameter_layout(config: CoreConfig) -> data.StructLayout:
    """Stored parameters of one neuron."""
    shapes = config.model.parameter_shapes()
    return data.StructLayout(
        {name: (signed if shapes[name][1] else unsigned)(shapes[name][0]) for name in config.stored}
    )


def weight_value(weight: Value, width: int) -> Value:
    """What ``width`` bits of weight mean; one bit: +1 (0) or -1 (1)."""
    return Cat(1, weight).as_signed() if width == 1 else weight.as_signed()


class Lane(wiring.Component):
    """Adds weights to the state of a neuron, or ends its step; which, ``update`` says.

        stage 2   integrator + (weight or bias)
        stage 3   saturate, fire
        stage 4   reset; decay, unless it multiplies
        stage 5   decay by multiplication

    With a synaptic current: 2 and 3 sum and saturate the current, 4 and 5 the membrane and fire, 6 reset,
    7 decays, and 8 adds the current to the membrane where that integrates the one of the step before.

    Where there are partial sums, ``sum`` takes the place of the weight while ``adds``. Where all weights are added up
    elsewhere (``config.gathered``), ``sum`` is theirs, added to the bias, and there are updates only. Inputs belong to
    :data:`FIRST_STAGE`; outputs to :func:`last_stage`, but for ``accumulated``, the integrator with the weight
    added, which is there at once. ``spike`` and ``saturated`` are 0 unless updating. Arithmetic:
    :mod:`ranvier.golden.neuron`.

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
                "spike": Out(1),
                "membrane": Out(signed(config.model.state_width)),
                "saturated": Out(1),
            }
            | ({} if config.partial is None else {"adds": In(1), "sum": In(signed(config.partial.width))})
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        total = self._total(m)
        m.d.comb += self.accumulated.eq(total)
        if self.config.model.current is None:
            self._leaky_integrate_and_fire(m, total)
        else:
            self._with_synaptic_current(m, total, self.config.model.current)
        return m

    def _total(self, m: Module) -> Value:
        """Stage 2: the one adder for weights and bias."""
        bias = self._parameter(self._stored(), "bias")
        if self.config.gathered:
            with naming(m):
                return let(self.state.integrator + self.sum + bias, "total", self.config.total_width)
        weight = Signal(signed(max(self.config.weight_width, 2)))
        m.d.comb += weight.eq(weight_value(self.weight, self.config.weight_width))
        addend = weight if self.config.partial is None else Mux(self.adds, self.sum, weight)
        total = self.state.integrator + Mux(self.update, bias, addend)
        with naming(m):
            return let(total, "total", self.config.total_width)

    def _stored(self) -> dict[str, Value]:
        return {name: Value.cast(self.settings[name]) for name in self.config.stored}

    def _parameter(self, stage: dict[str, Value], name: str) -> Value:
        """A stored parameter as it stands in ``stage``, or the value that is built in."""
        return stage[name] if name in stage else Const(dict(self.config.fixed).get(name, 0))

    def _fire(self, v: Value, stage: dict[str, Value]) -> Value:
        model = self.config.model
        return fire(model, v, self._parameter(stage, "threshold")) if model.spiking else Const(0)

    def _settle(self, v: Value, stage: dict[str, Value]) -> Value:
        threshold, reset_value = self._parameter(stage, "threshold"), self._parameter(stage, "reset_value")
        return after_reset(self.config.model, v, stage["spike"], threshold, reset_value)

    def _renew(self, v: Value, settled: Value, stage: dict[str, Value]) -> Value:
        threshold, factor = self._parameter(stage, "threshold"), self._parameter(stage, "membrane_factor")
        return renew(self.config.model, v, settled, stage["spike"], threshold, factor)

    def _leaky_integrate_and_fire(self, m: Module, total: Value) -> None:
        model, width = self.config.model, self.config.model.state_width
        stage = register(m, "s3_", self._stored() | {"update": self.update, "total": total})
        base, overflow = self._saturate(m, stage, width)
        with naming(m):
            spike = self._fire(base[:width].as_signed(), stage) & stage["update"]
        fired = {"base": base, "spike": spike, "saturated": overflow}
        stage = register(m, "s4_", self._kept(stage) | fired)
        v = stage["base"][:width].as_signed()
        with naming(m):
            settled = self._settle(v, stage)
        membrane = observe(model, v, settled)
        if isinstance(model.membrane_decay, Multiply):
            stage = register(m, "s5_", stage | {"v": v, "settled": settled, "membrane": membrane})
            v, settled, membrane = stage["v"], stage["settled"], stage["membrane"]
        with naming(m):
            renewed = let(self._renew(v, settled, stage), "renewed", width)
        m.d.comb += [
            self.result.integrator.eq(Mux(stage["update"], renewed, stage["base"])),
            self.spike.eq(stage["spike"]),
            self.membrane.eq(membrane),
            self.saturated.eq(stage["saturated"]),
        ]

    def _with_synaptic_current(self, m: Module, total: Value, current: Current) -> None:
        model, width = self.config.model, self.config.model.state_width
        first = {"update": self.update, "total": total, "stored": self.state.membrane}
        stage = register(m, "s3_", self._stored() | first)
        base, overflow = self._saturate(m, stage, current.width, "current_")
        stage = register(m, "s4_", self._kept(stage) | {"base": base, "saturated": overflow})
        push = stage["base"][: current.width].as_signed() if current.timing == "same_step" else 0
        with naming(m):
            total = let(stage["stored"] + push + self._parameter(stage, "membrane_bias"), "membrane_total")
        stage = register(m, "s5_", stage | {"total": total})
        with naming(m):
            v, overflow = integrate(stage["total"], width)
            fired = {"v": v, "spike": self._fire(v, stage) & stage["update"]}
            fired["saturated"] = stage["saturated"] | (overflow & stage["update"])
        stage = register(m, "s6_", self._kept(stage) | fired)
        with naming(m):
            settled = self._settle(stage["v"], stage)
        stage = register(m, "s7_", stage | {"settled": settled, "membrane": observe(model, stage["v"], settled)})
        i = stage["base"][: current.width].as_signed()
        with naming(m, "current_"):
            decayed = let(current.decay.apply(i, self._parameter(stage, "current_factor")), "decayed", current.width)
        with naming(m):
            renewed = let(self._renew(stage["v"], stage["settled"], stage), "renewed", width)
        saturated = stage["saturated"]
        if current.timing == "next_step":
            stage = register(m, "s8_", stage | {"decayed": decayed, "renewed": renewed})
            decayed, i = stage["decayed"], stage["base"][: current.width].as_signed()
            with naming(m, "pushed_"):
                renewed, overflow = integrate(let(stage["renewed"] + i, "total"), width)
            saturated = stage["saturated"] | (overflow & stage["update"])
        m.d.comb += [
            self.result.integrator.eq(Mux(stage["update"], decayed, stage["base"])),
            self.result.membrane.eq(Mux(stage["update"], renewed, stage["stored"])),
            self.spike.eq(stage["spike"]),
            self.membrane.eq(stage["membrane"]),
            self.saturated.eq(saturated),
        ]

    def _saturate(self, m: Module, stage: dict[str, Value], width: int, prefix: str = "") -> tuple[Value, Value]:
        """The sum of ``stage``, saturated to ``width`` bits if updating; and whether that limited it."""
        update, total = stage["update"], stage["total"]
        with naming(m, prefix):
            value, overflow = integrate(total, width)
            return let(Mux(update, value, total), "base", self.config.accumulator_width), overflow & update

    @staticmethod
    def _kept(stage: dict[str, Value]) -> dict[str, Value]:
        """What later stages may need: all but the sum."""
        return {name: value for name, value in stage.items() if name != "total"}
