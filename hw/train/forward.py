"""The forward engine: adds rows of weights to the neurons' states, and ends their steps."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.neurons.lif import after_reset, fire, integrate, renew
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
    """Ends the step of one neuron: the arithmetic of :mod:`ranvier.golden.neurons.lif` and the surrogate, by ``kind``.

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
    """Add weights to the sums, or with ``update`` add those to the state of ``group`` (counted over all layers) of
    ``layer`` and end its step; ``last`` of its layer; ``fresh``: it is the sample's first step, and the state is zero.
    ``rotation``: of the weights."""
    return data.StructLayout(
        {
            "update": 1,
            "fresh": 1,
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

        weights → rotate → + → sums
        operation → state → + ↗ → NeuronLane → state, trace

    Stages: 0 the operation (the weights are read), 2 rotation, state read, 3 addition to the sums; an update adds the
    state, clears the sums and goes on through the lanes, which write it in stage 6. ``weights``: what all banks hold,
    2 cycles after the operation.

    Latency: 6 cycles from an update to its trace; ``busy`` is low 7 cycles after any operation. Throughput: an
    operation a cycle; but another update of a group must be 5 cycles or more behind the one before.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        super().__init__(
            {
                "valid": In(1),
                "operation": In(forward_operation(config)),
                "weights": In(config.lanes * config.partial_width),
                "trace": Out(ForwardTrace(config)),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, lanes = self.config, self.config.lanes
        m.submodules.state = state = WordMemory(depth=config.groups, width=lanes * config.state_width)

        stages = delayed(m, self.valid, self.operation, 4 + UPDATE_STAGES)
        (valid, operation), (ended, ending) = stages[3], stages[-1]

        weights = split(self.weights, lanes, is_signed=True)
        aligned = rotated(m, weights, stages[2][1].rotation, "rotated")
        held = split(state.read_data, lanes, is_signed=True)
        _, chosen = kinds(config)
        neurons = [NeuronLane(config) for _ in range(lanes)]
        for lane, neuron in enumerate(neurons):
            m.submodules[f"lane{lane}"] = neuron
            weight = Signal(signed(config.partial_width), name=f"weight{lane}", reset_less=True)
            total, summed = (Signal(signed(config.accumulator_width), name=f"{name}{lane}") for name in ("sum", "all"))
            m.d.sync += weight.eq(aligned[lane])
            with m.If(valid):
                m.d.sync += total.eq(Mux(operation.update, 0, total + weight))
            m.d.sync += summed.eq(total + Mux(operation.fresh, 0, held[lane]))
            m.d.comb += [neuron.total.eq(summed), neuron.kind.eq(by_layer(stages[4][1].layer, chosen))]

        m.d.comb += [
            state.read_enable.eq(1),
            state.read_address.eq(stages[2][1].group),
            state.write_enable.eq(ended & ending.update),
            state.write_address.eq(ending.group),
            state.write_data.eq(joined([neuron.stored for neuron in neurons])),
            self.busy.eq(Cat(valid for valid, _ in stages).any()),
        ]

        mask = filled_lanes(m, config, ending)
        derivatives = [Mux(mask[lane], neuron.derivative, 0) for lane, neuron in enumerate(neurons)]
        m.d.comb += [
            self.trace.valid.eq(state.write_enable),
            self.trace.layer.eq(ending.layer),
            self.trace.group.eq(ending.group),
            self.trace.spikes.eq(Cat(neuron.spike for neuron in neurons) & mask),
            self.trace.derivatives.eq(joined(derivatives)),
            self.trace.membranes.eq(joined([neuron.membrane for neuron in neurons])),
            self.trace.saturated.eq(Cat(neuron.saturated for neuron in neurons) & mask),
        ]
        return m
