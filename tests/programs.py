"""Random layers and programs that reach every option of the neuron family."""

import itertools
from dataclasses import replace

import numpy as np

from ranvier.golden.attention import Attention, Tokens
from ranvier.golden.fixed import signed_max, signed_min, weight_range
from ranvier.golden.neurons.leak import Decay, Keep, Multiply, Shift
from ranvier.golden.neurons.lif import Current, Lif
from ranvier.golden.program import Connection, Layer, Program, dense
from ranvier.golden.synapse import Axis, Convolution, Dense, Geometry

DECAYS: tuple[Decay, ...] = (Keep(), Shift(0), Shift(1), Shift(4), Multiply(1), Multiply(8))


def random_model(rng: np.random.Generator, *, spiking: bool = True, current: bool | None = None) -> Lif:
    """Every option drawn at random; narrow states, so that many of them saturate."""

    def pick(*options):
        return options[rng.integers(len(options))]

    with_current = pick(True, False) if current is None else current
    return Lif(
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


def random_weights(rng: np.random.Generator, width: int, shape: tuple[int, ...]) -> np.ndarray:
    low, high = weight_range(width)
    weights = rng.integers(low, high + 1, shape)
    return np.where(weights < 0, -1, 1).astype(np.int64) if width == 1 else weights


def random_layer(
    rng: np.random.Generator, axons: int, neurons: int, *, model: Lif, weight_width: int, name: str = "layer"
) -> Layer:
    """Weights and parameters over their whole range; each parameter shared by all neurons or not, at random."""
    weights = random_weights(rng, weight_width, (axons, neurons))
    return Layer(name, dense(weights), weight_width, model, random_parameters(rng, model, neurons))


def random_parameters(rng: np.random.Generator, model: Lif, *sizes: int) -> dict[str, np.ndarray]:
    """Each over its whole range, shared by all neurons or of one of ``sizes``, at random."""
    parameters = {}
    for parameter, (width, signed) in model.parameter_shapes().items():
        least, most = (signed_min(width), signed_max(width)) if signed else (0, 1 << (width - 1))
        if parameter == "threshold":
            least = 0 if model.reset == "soft" else least // 4
        shape = () if rng.random() < 0.5 else (int(rng.choice(sizes)),)
        parameters[parameter] = np.asarray(rng.integers(least, most + 1, shape), np.int64)
    return parameters


def random_program(
    rng: np.random.Generator, sizes: list[int], *, steps: int, readout: bool, weight_width: int
) -> Program:
    """A chain of layers with ``sizes[k]`` axons and ``sizes[k + 1]`` neurons; the last one may be a readout."""
    layers = []
    for index, (axons, neurons) in enumerate(itertools.pairwise(sizes)):
        model = random_model(rng, spiking=not (readout and index == len(sizes) - 2))
        layers.append(random_layer(rng, axons, neurons, model=model, weight_width=weight_width, name=f"layer{index}"))
    return Program("random", tuple(layers), steps)


def random_axis(rng: np.random.Generator) -> Axis:
    """Every field drawn at random, so that there are outputs."""
    while True:
        size, kernel, stride, before, after, dilation, pool, up = (
            int(rng.integers(*ends)) for ends in ((1, 8), (1, 4), (1, 4), (0, 3), (0, 3), (1, 3), (1, 3), (1, 3))
        )
        try:
            return Axis(size, kernel, stride, before, after, dilation, pool, up)
        except ValueError:
            continue


def random_convolutions(rng: np.random.Generator, count: int = 1) -> list[Geometry]:
    """Up to ``count`` that lead to neurons of one shape."""
    groups = int(rng.choice([1, 1, 2, 3]))
    filters = groups * int(rng.integers(1, 5))
    found = [Geometry(groups * int(rng.integers(1, 3)), filters, random_axis(rng), random_axis(rng), groups)]
    for _ in range(300):
        groups = int(rng.choice([k for k in range(1, filters + 1) if filters % k == 0]))
        channels = groups * int(rng.integers(1, 3))
        other = Geometry(channels, filters, random_axis(rng), random_axis(rng), groups)
        if len(found) < count and other.out_shape == found[0].out_shape:
            found.append(other)
    return found


def random_convolutional_layer(
    rng: np.random.Generator, *, model: Lif, weight_width: int, count: int = 1, name: str = "convolution"
) -> Layer:
    """Its connections come from the layers before it, one from each, the last of them first."""
    connections = tuple(
        Connection(Convolution(random_weights(rng, weight_width, shape.weight_shape), shape), (-1 - number,))
        for number, shape in enumerate(random_convolutions(rng, count))
    )
    neurons, filters = connections[0].synapses.neurons, connections[0].synapses.geometry.filters
    return Layer(name, connections, weight_width, model, random_parameters(rng, model, neurons, filters))


def random_delays(rng: np.random.Generator, connection: Connection) -> Connection:
    """``connection`` with delays of up to some steps: of its axons, of its synapses, or none."""
    shapes = [(connection.synapses.axons,)]
    if isinstance(connection.synapses, Dense):
        shapes.append(connection.synapses.weights.shape)
    shape = shapes[rng.integers(len(shapes))]
    longest = int(rng.integers(0, 6))
    return connection if rng.random() < 0.2 else replace(connection, delays=rng.integers(0, longest + 1, shape))


def random_attention(rng: np.random.Generator) -> Program:
    """An attention behind three layers, or where query, key or value are the input or one and the same."""
    heads, channels = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    shape = Tokens(int(rng.integers(1, 5)), heads * channels, heads)
    before = int(rng.integers(1, 4))
    layers = []
    for place in range(before):
        model = random_model(rng)
        layers.append(random_layer(rng, shape.size, shape.size, model=model, weight_width=3, name=f"layer{place}"))
    sources = tuple(int(source) for source in rng.integers(-before - 1, 0, 2))
    synapses, model = Attention(np.ones(1, np.int64), shape), random_model(rng, spiking=bool(rng.random() < 0.5))
    parameters = random_parameters(rng, model, shape.size)
    layers.append(Layer("attention", (Connection(synapses, (*sources, -1)),), 1, model, parameters))
    return Program("attention", tuple(layers), 4)


def random_graph(rng: np.random.Generator, *, delays: bool = False) -> Program:
    """Up to four dense layers, each with up to three sources from anywhere, some of them added up; with ``delays`` also
    graded inputs, and sources of two connections."""
    count, inputs = int(rng.integers(1, 5)), int(rng.integers(1, 9))
    sizes = [int(size) for size in rng.integers(1, 9, count)]
    if rng.random() < 0.5:
        sizes = [sizes[0]] * count
    layers, levels = [], int(rng.choice([1, 3]))
    for place, neurons in enumerate(sizes):
        others = rng.permutation([source for source in range(-1, count) if source != place - 1])
        groups: list[tuple[int, list[int]]] = []
        for source in [place - 1, *others[: int(rng.integers(0, 3))].tolist()]:
            axons = inputs if source < 0 else sizes[source]
            same = next((group for size, group in groups if size == axons and rng.random() < 0.4), None)
            if same is None:
                groups.append((axons, [source - place]))
            else:
                same.append(source - place)
        if delays and rng.random() < 0.3:
            groups.append((groups[0][0], groups[0][1][:1]))  # a source of two connections
        width, model = int(rng.integers(1, 5)), random_model(rng)
        connections = tuple(
            Connection(Dense(random_weights(rng, width, (axons, neurons))), tuple(group)) for axons, group in groups
        )
        if delays:
            connections = tuple(
                replace(random_delays(rng, each), levels=levels if -1 - place in each.sources else 1)
                for each in connections
            )
        parameters = random_parameters(rng, model, neurons)
        layers.append(Layer(f"layer{place}", connections, width, model, parameters))
    return Program("graph", tuple(layers), 4)
