"""The backward engine: what arrives at neurons from the gradients behind them, and their own, a step back in time."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.fixed import round_shift
from ranvier.golden.train.gradient import (
    membrane_gradient,
    readout_gradient,
    reset_path,
    spike_gradient,
    through_leak,
    traced_gradient,
)
from ranvier.golden.train.setup import TrainedLayer

from ..arith import naming, register
from ..config import index_width
from .config import TrainerConfig
from .dense import column_layout, neuron_layout
from .forward import kinds
from .memories import Banks, WordMemory
from .wiring import by_layer, delayed, filled_lanes, joined, rotated, split


class GradientLane(wiring.Component):
    """One neuron's gradients in one step, by ``kind``: the arithmetic of :mod:`ranvier.golden.train.gradient`.

    ``arrival``: sum of weights times gradients; ``error``: what the loss adds, in the format of gradients; ``later``:
    the potential's gradient in the step after. Latency: :attr:`stages` cycles. Throughput: 1 a cycle.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        self.kinds, _ = kinds(config)
        width = config.setup.gradient_width
        super().__init__(
            {
                "kind": In(range(len(self.kinds))),
                "arrival": In(signed(config.arrival_width)),
                "error": In(signed(config.error_width)),
                "later": In(signed(width)),
                "spike": In(1),
                "derivative": In(config.derivative_width),
                "membrane": In(signed(config.state_width)),
                "spike_gradient": Out(signed(width)),
                "membrane_gradient": Out(signed(width)),
                "weight_gradient": Out(signed(width)),
                "saturations": Out(2),
            }
        )

    @property
    def stages(self) -> int:
        setup = self.config.setup
        return 3 + (setup.reset_path == "exact") + setup.traces

    def elaborate(self, platform: object) -> Module:
        m = Module()
        fraction = self.config.setup.weight_fraction
        with naming(m):
            arrived = round_shift(self.arrival, fraction) + self.error
        shared = {
            "arrived": arrived,
            "later": self.later,
            "spike": self.spike,
            "derivative": self.derivative,
            "membrane": self.membrane,
        }
        selected = self.kind
        delayed = []
        for stage in range(self.stages):
            delayed.append(Signal.like(self.kind, name=f"kind_s{stage + 1}", reset_less=True))
            m.d.sync += delayed[-1].eq(selected)
            selected = delayed[-1]
        stage1 = register(m, "s1_", shared)
        for index, layer in enumerate(self.kinds):
            with naming(m, f"kind{index}_"):
                factor = Const(layer.parameters.get("membrane_factor", 0))
                leaked = through_leak(layer.model.membrane_decay, self.later, factor)
            leaked = register(m, f"kind{index}_s1_", {"leaked": leaked})["leaked"]
            prefix = f"kind{index}_"
            outputs = self._gradients(m, layer, prefix, stage1, leaked)
            if self.config.setup.traces:
                outputs = self._traced(m, prefix, outputs, leaked)
            else:
                outputs["weight_gradient"] = outputs["membrane_gradient"]
            with m.If(selected == index):
                m.d.comb += [getattr(self, name).eq(value) for name, value in outputs.items()]
        return m

    def _gradients(
        self, m: Module, layer: TrainedLayer, prefix: str, stage: dict[str, Value], leaked: Value
    ) -> dict[str, Value]:
        setup, model = self.config.setup, layer.model
        width, parameter = setup.gradient_width, layer.parameters.get
        lost: Value = Const(0)
        stage = dict(stage) | {"leaked": leaked}
        if not setup.temporal:  # what comes of later steps is for the weights' gradients alone
            stage |= {"leaked": Const(0), "later": Const(0)}
            leaked = stage["leaked"]
        if setup.reset_path == "exact":
            with naming(m, prefix):
                threshold, reset_value = Const(parameter("threshold", 0)), Const(parameter("reset_value", 0))
                v, later = stage["membrane"], stage["later"]
                lost = reset_path(model, v, later, leaked, threshold, reset_value, setup.weight_fraction)
            stage = register(m, f"{prefix}s2_", stage | {"lost": Const(0) if isinstance(lost, int) else lost})
            lost = stage["lost"]
        if layer.surrogate is None:
            with naming(m, prefix):
                gv, overflow = readout_gradient(stage["arrived"], stage["leaked"], width)
            early = register(m, f"{prefix}s3_", {"gv": gv, "overflow": overflow})
            late = register(m, f"{prefix}s4_", early)
            return {"spike_gradient": Const(0), "membrane_gradient": late["gv"], "saturations": late["overflow"]}
        with naming(m, prefix):
            gs, overflow = spike_gradient(stage["arrived"], lost, stage["derivative"], width)
        kept = {name: stage[name] for name in ("derivative", "leaked", "spike")}
        stage = register(m, f"{prefix}s3_", kept | {"gs": gs, "overflow": overflow})
        with naming(m, prefix):
            gv, limited = membrane_gradient(
                model,
                layer.surrogate,
                stage["gs"],
                stage["derivative"],
                stage["leaked"],
                stage["spike"],
                width,
            )
        late = register(m, f"{prefix}s4_", {"gs": stage["gs"], "gv": gv, "both": stage["overflow"] + limited})
        return {"spike_gradient": late["gs"], "membrane_gradient": late["gv"], "saturations": late["both"]}

    def _traced(self, m: Module, prefix: str, outputs: dict[str, Value], leaked: Value) -> dict[str, Value]:
        """The outputs a cycle later, with the weights' gradient."""
        for stage in range(2, self.stages):
            leaked = register(m, f"{prefix}s{stage}_", {"leaked_traced": leaked})["leaked_traced"]
        width = self.config.setup.gradient_width
        with naming(m, prefix):
            traced, limited = traced_gradient(outputs["membrane_gradient"], leaked, width)
        late = register(m, f"{prefix}s5_", outputs | {"weight_gradient": traced, "limited": limited})
        late["saturations"] = late["saturations"] + late.pop("limited")
        return late


def backward_operation(config: TrainerConfig) -> data.StructLayout:
    """The gradients of ``group`` of ``layer``. ``last``: the layer's last group; ``newest``: the sample's last step;
    ``arrived``: something has arrived at the layer."""
    return data.StructLayout(
        {
            "last": 1,
            "newest": 1,
            "arrived": 1,
            "layer": index_width(len(config.layers)),
            "local": index_width(config.most_groups),
            "group": index_width(config.groups),
        }
    )


class GradientTrace(wiring.Signature):
    """What a group's pass gives: gradients of every lane, 0 where there is no neuron. ``local``: group in its layer.
    ``nonzero``: lanes with a gradient of their potential, ``learning``: with one for their weights."""

    def __init__(self, config: TrainerConfig) -> None:
        width = config.lanes * config.setup.gradient_width
        super().__init__(
            {
                "valid": Out(1),
                "group": Out(index_width(config.groups)),
                "local": Out(index_width(config.most_groups)),
                "nonzero": Out(config.lanes),
                "learning": Out(config.lanes),
                "spike_gradients": Out(width),
                "membrane_gradients": Out(width),
                "weight_gradients": Out(width),
                "saturations": Out(range(3 * config.lanes + 1)),
            }
        )


class BackwardEngine(wiring.Component):
    """Products with columns of weights, and gradients of neurons, ``lanes`` at a time.

        weights → rotate → × → + → sums → arrivals
        operation, traces, error → GradientLane → gradients → trace
                       arrivals ↗                 ↓ neuron of the scan

    A column's part multiplies ``weights``, which the banks give 2 cycles after it, by its operand and adds the products
    to the sums; the end of a round leaves these with the neurons of its lanes. An operation reads what has arrived at
    its group; at a neuron outside the surrogate's window that is of no matter. ``spikes``, ``derivatives``,
    ``membranes`` and ``errors`` are what the traces and the loss hold for it, in the cycle after.

    Latency: ``stages + 1`` cycles from an operation to its trace, with the ``stages`` of :class:`GradientLane`; 5 from
    a round's end until its sums can be read; 1 from an index to its neuron. ``busy`` is low when all has been written.
    Throughput: an operation and a part a cycle; an index a cycle.
    """

    def __init__(self, config: TrainerConfig) -> None:
        self.config = config
        lanes, setup = config.lanes, config.setup
        super().__init__(
            {
                "valid": In(1),
                "operation": In(backward_operation(config)),
                "spikes": In(lanes),
                "derivatives": In(lanes * config.derivative_width),
                "membranes": In(lanes * config.state_width),
                "errors": In(lanes * config.error_width),
                "trace": Out(GradientTrace(config)),
                "base": In(index_width(config.groups)),
                "own": In(1),
                "indices": In(stream.Signature(index_width(config.most_groups * lanes), always_ready=True)),
                "neurons": Out(stream.Signature(neuron_layout(config), always_ready=True)),
                "parts": In(stream.Signature(column_layout(config), always_ready=True)),
                "weights": In(lanes * setup.weight_width),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, lanes = self.config, self.config.lanes
        m.submodules.arrivals = arrivals = Banks(lanes=lanes, depth=config.most_groups, width=config.arrival_width)
        m.submodules.gradients = gradients = WordMemory(depth=config.groups, width=lanes * config.setup.gradient_width)
        neurons_busy = self._neurons(m, arrivals, gradients)
        operands = gradients
        if config.setup.traces:  # what goes to the layer before is not what is carried to the step before
            m.submodules.operands = operands = WordMemory(
                depth=config.groups, width=lanes * config.setup.gradient_width
            )
            m.d.comb += [
                operands.write_enable.eq(self.trace.valid),
                operands.write_address.eq(self.trace.group),
                operands.write_data.eq(self.trace.membrane_gradients),
            ]
        self._operands(m, operands)
        columns_busy = self._columns(m, arrivals)
        m.d.comb += self.busy.eq(neurons_busy | self.neurons.valid | columns_busy)
        return m

    def _neurons(self, m: Module, arrivals: Banks, gradients: WordMemory) -> Value:
        """Every pass over a group, from the operation to what it writes; whether one is on its way."""
        config, lanes = self.config, self.config.lanes
        _, chosen = kinds(config)
        carried = config.setup.temporal or config.setup.traces
        units = [GradientLane(config) for _ in range(lanes)]
        stages = delayed(m, self.valid, self.operation, 1 + units[0].stages)

        m.d.comb += arrivals.read0.enable.eq(1)
        with m.If(self.valid):
            m.d.comb += [gradients.read_enable.eq(1), gradients.read_address.eq(self.operation.group)]
        _, operation = stages[1]
        later = split(gradients.read_data, lanes, is_signed=True)
        errors = split(self.errors, lanes, is_signed=True)
        derivatives = split(self.derivatives, lanes, is_signed=False)
        membranes = split(self.membranes, lanes, is_signed=True)
        of_loss = operation.layer == len(config.layers) - 1
        for lane, unit in enumerate(units):
            m.submodules[f"lane{lane}"] = unit
            m.d.comb += [
                arrivals.read0.address[lane].eq(self.operation.local),
                unit.kind.eq(by_layer(operation.layer, chosen)),
                unit.arrival.eq(Mux(operation.arrived, arrivals.read0.data[lane].as_signed(), 0)),
                unit.error.eq(Mux(of_loss, errors[lane], 0)),
                unit.later.eq(Mux(operation.newest, 0, later[lane]) if carried else 0),
                unit.spike.eq(self.spikes[lane]),
                unit.derivative.eq(derivatives[lane]),
                unit.membrane.eq(membranes[lane]),
            ]

        ended, ending = stages[-1]
        mask = filled_lanes(m, config, ending)
        gv = [Mux(mask[lane], unit.membrane_gradient, 0) for lane, unit in enumerate(units)]
        learned = [Mux(mask[lane], unit.weight_gradient, 0) for lane, unit in enumerate(units)]
        gs = [Mux(mask[lane], unit.spike_gradient, 0) for lane, unit in enumerate(units)]
        saturations: Value = Const(0)
        for lane, unit in enumerate(units):
            saturations = saturations + Mux(mask[lane], unit.saturations, 0)
        m.d.comb += [
            self.trace.valid.eq(ended),
            self.trace.group.eq(ending.group),
            self.trace.local.eq(ending.local),
            self.trace.spike_gradients.eq(joined(gs)),
            self.trace.membrane_gradients.eq(joined(gv)),
            self.trace.weight_gradients.eq(joined(learned)),
            self.trace.learning.eq(Cat((unit.weight_gradient != 0) for unit in units) & mask),
            self.trace.nonzero.eq(Cat((unit.membrane_gradient != 0) for unit in units) & mask),
            self.trace.saturations.eq(saturations),
            gradients.write_enable.eq(ended),
            gradients.write_address.eq(ending.group),
            gradients.write_data.eq(self.trace.weight_gradients),
        ]
        return Cat(valid for valid, _ in stages).any()

    def _operands(self, m: Module, gradients: WordMemory) -> None:
        """Fetches the gradient of each neuron that the scan finds."""
        bits = (self.config.lanes - 1).bit_length()
        neuron, index = self.neurons.payload, self.indices.payload
        with m.If(self.indices.valid):
            m.d.comb += [gradients.read_enable.eq(1), gradients.read_address.eq(self.base + index[bits:])]
        m.d.sync += [self.neurons.valid.eq(self.indices.valid), neuron.index.eq(index), neuron.own.eq(self.own)]
        lanes = split(gradients.read_data, self.config.lanes, is_signed=False)
        with m.Switch(neuron.index[:bits]):
            for lane, value in enumerate(lanes):
                with m.Case(lane):
                    m.d.comb += neuron.operand.eq(value)

    def _columns(self, m: Module, arrivals: Banks) -> Value:
        """Multiplies and adds the parts of columns; whether one is on its way."""
        config, lanes, setup = self.config, self.config.lanes, self.config.setup
        kept = {name: field.shape for name, field in column_layout(config) if name != "addresses"}
        arriving = Signal(data.StructLayout(kept), name="part")
        m.d.comb += [getattr(arriving, name).eq(getattr(self.parts.payload, name)) for name in kept]
        stages = delayed(m, self.parts.valid, arriving, 4, name="part")
        aligned = rotated(m, split(self.weights, lanes, is_signed=True), stages[2][1].rotation, "rotated")
        (_, multiplied), (valid, part) = stages[3], stages[4]
        for lane in range(lanes):
            weight = Signal(signed(setup.weight_width), name=f"weight{lane}", reset_less=True)
            product = Signal(signed(setup.weight_width + setup.gradient_width), name=f"product{lane}", reset_less=True)
            total = Signal(signed(config.arrival_width), name=f"sum{lane}")
            m.d.sync += [weight.eq(aligned[lane]), product.eq(weight * multiplied.operand.as_signed())]
            with m.If(valid):
                m.d.sync += total.eq(Mux(part.end, 0, total + product))
            m.d.comb += [
                arrivals.write.enable[lane].eq(valid & part.end & part.filled[lane]),
                arrivals.write.address[lane].eq(part.groups[lane]),
                arrivals.write.data[lane].eq(total),
            ]
        return Cat(valid for valid, _ in stages).any()
