"""What the tests of a trainer's components share: a clock, small setups, words of all lanes, random pauses."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
from amaranth.lib import wiring
from amaranth.sim import Simulator

from ranvier.golden.neurons.leak import Keep, Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train.loss import CountError, CrossEntropy, Softmax
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle
from ranvier.hw.train.config import TrainerConfig


def simulate(
    component: wiring.Component,
    testbench: Callable[[Any], Awaitable[None]],
    *processes: Callable[[Any], Awaitable[None]],
) -> None:
    """Run ``testbench`` on ``component`` in Amaranth's simulator until it returns; ``processes`` go on beside it."""
    simulator = Simulator(component)
    simulator.add_clock(1e-8)
    for process in processes:
        simulator.add_process(process)
    simulator.add_testbench(testbench)
    simulator.run()


def dense_setup(sizes: Sequence[int], recurrent: Sequence[int] = (), *, lanes: int, **options: Any) -> TrainingSetup:
    """Dense layers of ``sizes[k]`` inputs and ``sizes[k + 1]`` neurons, the last of which also spikes."""
    model = Lif(12, Shift(1))
    parameters = {"bias": 0, "threshold": 100, "reset_value": 0}
    layers = tuple(
        TrainedLayer(f"l{k}", sizes[k], sizes[k + 1], model, parameters, Rectangle(64), recurrent=k in recurrent)
        for k in range(len(sizes) - 1)
    )
    fields: dict[str, Any] = {"loss": CountError(sizes[-1], 2), "optimiser": Sgd(), "steps": 3, "batch": 4} | options
    return TrainingSetup("dense", layers, lanes=lanes, **fields)


def readout_setup(classes: int, softmax: Softmax, *, lanes: int, every_step: bool, steps: int) -> TrainingSetup:
    """One layer, a readout of ``classes`` neurons."""
    model = Lif(10, Keep(), spiking=False)
    layers = (TrainedLayer("output", 3, classes, model, {"bias": 0}),)
    return TrainingSetup("readout", layers, CrossEntropy(softmax, every_step), Sgd(), steps=steps, lanes=lanes)


def weight_place(config: TrainerConfig, layer: int, axon: int, neuron: int) -> tuple[int, int]:
    """Bank and address of a weight, as :class:`LayerGeometry` says it in words."""
    geometry, lanes = config.layers[layer], config.lanes
    inputs, groups = geometry.layer.inputs, -(-geometry.layer.neurons // lanes)
    if axon >= inputs:  # the layer's own spikes begin with a whole word
        axon += -inputs % lanes
    return (axon + neuron) % lanes, geometry.weight_base + axon * groups + neuron // lanes


def pack(values: Sequence[int], width: int) -> int:
    """One word of all lanes, the first in the low bits."""
    return sum((int(value) & ((1 << width) - 1)) << (width * lane) for lane, value in enumerate(values))


def unpack(word: int, width: int, lanes: int, *, is_signed: bool = True) -> list[int]:
    """The lanes of a word."""
    parts = [word >> (width * lane) & ((1 << width) - 1) for lane in range(lanes)]
    return [part - (part >> (width - 1) << width) for part in parts] if is_signed else parts


def within(rng: np.random.Generator, width: int) -> int:
    """A signed integer of ``width`` bits: often an end of the range, often small."""
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    kind = rng.integers(4)
    if kind == 0:
        return int(rng.choice([low, high]))
    if kind == 1:
        return int(rng.integers(-2, 2))
    return int(rng.integers(low, high + 1))
