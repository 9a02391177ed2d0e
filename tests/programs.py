"""Random layers and programs that reach every option of the neuron family."""

import itertools

import numpy as np

from ranvier.golden.fixed import signed_max, signed_min
from ranvier.golden.neuron import Current, Decay, Keep, Multiply, NeuronModel, Shift, weight_range
from ranvier.golden.program import Layer, Program

DECAYS: tuple[Decay, ...] = (Keep(), Shift(0), Shift(1), Shift(4), Multiply(1), Multiply(8))


def random_model(rng: np.random.Generator, *, spiking: bool = True, current: bool | None = None) -> NeuronModel:
    """Every option drawn at random; narrow states, so that many of them saturate."""

    def pick(*options):
        return options[rng.integers(len(options))]

    with_current = pick(True, False) if current is None else current
    return NeuronModel(
        state_width=int(rng.integers(3, 14)),
        membrane_decay=pick(*DECAYS),
        current=Current(int(rng.integers(3, 14)), pick(*DECAYS), pick("same_step", "next_step"))
        if with_current
        else None,
        spiking=spiking,
        comparison=pick("greater", "greater_equal"),
        reset=pick("hard", "soft", "none"),
        reset_timing=pick("same_step", "next_step"),
        bias_width=int(rng.integers(1, 8)),
    )


def random_layer(
    rng: np.random.Generator, axons: int, neurons: int, *, model: NeuronModel, weight_width: int, name: str = "layer"
) -> Layer:
    """Weights and parameters over their whole range; each parameter shared by all neurons or not, at random."""
    low, high = weight_range(weight_width)
    weights = rng.integers(low, high + 1, (axons, neurons))
    if weight_width == 1:
        weights = np.where(weights < 0, -1, 1)
    parameters = {}
    for parameter, (width, signed) in model.parameter_shapes().items():
        least, most = (signed_min(width), signed_max(width)) if signed else (0, 1 << (width - 1))
        if parameter == "threshold":
            least = 0 if model.reset == "soft" else least // 4
        shape = () if rng.random() < 0.5 else (neurons,)
        parameters[parameter] = np.asarray(rng.integers(least, most + 1, shape), np.int64)
    return Layer(name, weights.astype(np.int64), weight_width, model, parameters)


def random_program(
    rng: np.random.Generator, sizes: list[int], *, steps: int, readout: bool, weight_width: int
) -> Program:
    """A chain of layers with ``sizes[k]`` axons and ``sizes[k + 1]`` neurons; the last one may be a readout."""
    layers = []
    for index, (axons, neurons) in enumerate(itertools.pairwise(sizes)):
        model = random_model(rng, spiking=not (readout and index == len(sizes) - 2))
        layers.append(random_layer(rng, axons, neurons, model=model, weight_width=weight_width, name=f"layer{index}"))
    return Program("random", tuple(layers), steps)
