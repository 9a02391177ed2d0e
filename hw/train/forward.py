"""The forward engine: adds rows of weights to the neurons' states, and ends their steps."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.neuron import after_reset, fire, integrate, renew
from ranvier.golden.train.setup import TrainedLayer

from ..arith import naming, register
from ..config import index_width
from .config import TrainerConfig
from .memories import WordMemory
from .wiring import by_layer, delayed, filled_lanes, joined, rotated, split

UPDATE_STAGES = 2  # of NeuronLane


def kinds(config: TrainerConfig) -> tuple[list[TrainedLayer], list[int]]:
    """The different kinds of neurons, each by its first layer, and the kind of each layer."""
    first: list[TrainedLayer] = []
    chosen: list[int] = []
    for layer in config.setup.layers:
        same = [
            index
            for index, other in enumerate(first)
            if (other.model, other.parameters, other.surrogate) == (layer.model, layer.parameters, layer.surrogate)
        ]
        if not same:
            first.append(layer)
        chosen.append(same[0] if same else len(first) - 1)
    return first, chosen


class NeuronLane(wiring.Component):
    """Ends the step of one neuron: the arithmetic of :mod:`ranvier.golden.neuron` and the surrogate, by ``kind``.

    Latency: :data:`UPDATE_STAGES` cycles from ``total`` and ``kind`` to the outputs. Throughput: 1 a cycle.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        self.kinds, _ = kinds(config)
        super().__init__(
            {
                "kind": In(range(len(self.kinds))),
                "total": In(signed(config.accumulator_width)),
                "stored": Out(signed(config.state_width)),
                "spike": Out(1),
                "membrane": Out(signed(config.state_width)),
                "derivative": Out(config.derivative_width),
                "saturated": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        first, second = Signal.like(self.kind, name="kind_s1"), Signal.like(self.kind, name="kind_s2")
        m.d.sync += [first.eq(self.kind), second.eq(first)]
        for index, layer in enumerate(self.kinds):
            outputs = self._update(m, layer, f"kind{index}_")
            with m.If(second == index):
                m.d.comb += [getattr(self, name).eq(value) for name, value in outputs.items()]
        return m

    def _update(self, m: Module, layer: TrainedLayer, prefix: str) -> dict[str, Value]:
        model = layer.model
        parameters = {name: Const(value) for name, value in layer.parameters.items()}
        parameter = parameters.get
        with naming(m, prefix):
            v, overflow = integrate(self.total, model.state_width)
        stage = register(m, f"{prefix}s1_", {"v": v, "saturated": overflow})
        v, threshold = stage["v"], parameter("threshold", Const(0))
        with naming(m, prefix):
            spike = fire(model, v, threshold) if model.spiking else Const(0)
            derivative = (
                Const(0) if layer.surrogate is None else layer.surrogate.apply(v - layer.parameters["threshold"])
            )
        stage = register(
            m, f"{prefix}s2_", {"v": v, "saturated": stage["saturated"], "spike": spike, "derivative": derivative}
        )
        v, spike = stage["v"], stage["spike"]
        with naming(m, prefix):
            settled = after_reset(model, v, spike, threshold, parameter("reset_value", Const(0)))
            stored = renew(model, v, settled, spike, threshold, parameter("membrane_factor", Const(0)))
        return {
            "stored": stored,
            "spike": spike,
            "membrane": v,
            "derivative": stage["derivative"],
            "saturated": stage["saturated"],
        }


def forward_operation(config: TrainerConfig) -> data.StructLayout:
    """``update``: end the step of ``group`` (counted over all layers) of ``layer``, else add weights to it; ``last`` of
    its layer; ``clear``: it is the sample's last step, the state starts again from zero; ``rotation`` of the
    weights."""
    return data.StructLayout(
        {
            "update": 1,
            "clear": 1,
            "last": 1,
            "layer": index_width(len(config.layers)),
            "group": index_width(config.groups),
            "rotation": index_width(config.lanes),
        }
    )


class ForwardTrace(wiring.Signature):
    """What an update leaves: of every lane the spike, surrogate derivative and membrane potential before the reset."""

    def __init__(self, config: TrainerConfig) -> None:
        super().__init__(
            {
                "valid": Out(1),
                "layer": Out(index_width(len(config.layers))),
                "group": Out(index_width(config.groups)),
                "spikes": Out(config.lanes),
                "derivatives": Out(config.lanes * config.derivative_width),
                "membranes": Out(config.lanes * config.state_width),
                "saturated": Out(config.lanes),
            }
        )


class ForwardEngine(wiring.Component):
    """Accumulates weights and updates neurons, ``lanes`` at a time.

        operation, weights → rotate → state + weights → state
                                      state → NeuronLane → state, trace

    Stages: 0 the operation (the weights are read), 2 rotation, state read, 3 addition and write; an update goes on
    through the lanes and writes in stage 5. ``weights``: what all banks hold, 2 cycles after the operation. ``clear``
    makes a group's state zero.

    Latency: 5 cycles from an update to its trace; ``busy`` is low 6 cycles after any operation. Throughput: an
    operation a cycle, of the same group or another; but additions, and another update of the group, must be 3 cycles or
    more behind an update, whose result would else be lost or not seen.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        super().__init__(
            {
                "valid": In(1),
                "operation": In(forward_operation(config)),
                "weights": In(config.lanes * config.partial_width),
                "wipe": In(1),
                "wipe_group": In(index_width(config.groups)),
                "trace": Out(ForwardTrace(config)),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, lanes = self.config, self.config.lanes
        width = config.accumulator_width
        m.submodules.state = state = WordMemory(depth=config.groups, width=lanes * width, transparent=True)

        stages = delayed(m, self.valid, self.operation, 3 + UPDATE_STAGES)

        weights = split(self.weights, lanes, is_signed=True)
        aligned = rotated(m, weights, stages[2][1].rotation, "rotated")
        weights = [Signal(signed(config.partial_width), name=f"weight{lane}", reset_less=True) for lane in range(lanes)]
        m.d.sync += [weight.eq(value) for weight, value in zip(weights, aligned, strict=True)]
        m.d.comb += [state.read_enable.eq(1), state.read_address.eq(stages[2][1].group)]

        held = split(state.read_data, lanes, is_signed=True)
        sums = [Signal(signed(width), name=f"sum{lane}") for lane in range(lanes)]
        m.d.comb += [total.eq(value + weight) for total, value, weight in zip(sums, held, weights, strict=True)]

        _, chosen = kinds(config)
        neurons = [NeuronLane(config) for _ in range(lanes)]
        for lane, neuron in enumerate(neurons):
            m.submodules[f"lane{lane}"] = neuron
            m.d.comb += [neuron.total.eq(held[lane]), neuron.kind.eq(by_layer(stages[3][1].layer, chosen))]

        adding = stages[3][0] & ~stages[3][1].update
        ended, ending = stages[-1][0] & stages[-1][1].update, stages[-1][1]
        renewed = [Signal(signed(width), name=f"renewed{lane}") for lane in range(lanes)]
        m.d.comb += [
            value.eq(Mux(ending.clear, 0, neuron.stored)) for value, neuron in zip(renewed, neurons, strict=True)
        ]
        m.d.comb += [
            state.write_enable.eq(adding | ended | self.wipe),
            state.write_address.eq(Mux(adding, stages[3][1].group, ending.group)),
            state.write_data.eq(Mux(adding, joined(sums), joined(renewed))),
            self.busy.eq(Cat(valid for valid, _ in stages).any()),
        ]
        with m.If(self.wipe):
            m.d.comb += [state.write_address.eq(self.wipe_group), state.write_data.eq(0)]

        mask = filled_lanes(m, config, ending)
        derivatives = [Mux(mask[lane], neuron.derivative, 0) for lane, neuron in enumerate(neurons)]
        m.d.comb += [
            self.trace.valid.eq(ended),
            self.trace.layer.eq(ending.layer),
            self.trace.group.eq(ending.group),
            self.trace.spikes.eq(Cat(neuron.spike for neuron in neurons) & mask),
            self.trace.derivatives.eq(joined(derivatives)),
            self.trace.membranes.eq(joined([neuron.membrane for neuron in neurons])),
            self.trace.saturated.eq(Cat(neuron.saturated for neuron in neurons) & mask),
        ]
        return m
