"""A network in integers: what the hardware loads and the golden models run."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .attention import Attention, Tokens
from .fixed import weight_range
from .neurons import record
from .neurons.neuron import Neuron, parameter_error
from .synapse import Convolution, Dense, Geometry, Synapses, restored

MAX_WEIGHT_WIDTH = 16
MAX_DELAY = 63


@dataclass(frozen=True, eq=False)
class Part:
    """What of a connection takes ``delay`` steps: ``synapses`` behind ``axons`` (bool ``[axons]``; None: all)."""

    delay: int
    axons: np.ndarray | None
    synapses: Synapses

    def drive(self, spikes: np.ndarray) -> np.ndarray:
        """Sums of weights: ``[…, axons]`` to int64 ``[…, neurons]``."""
        return self.synapses.drive(spikes if self.axons is None else spikes * self.axons)


@dataclass(frozen=True, eq=False)
class Connection:
    """Synapses, and the ``sources`` whose spikes are added up at their axons; an :class:`Attention` has three, whose
    spikes lie side by side: query, key and value.

    A source is a place in the list of layers, counted from the layer of the synapses: -1 the one before it (before
    the first layer: the network's input), 0 itself. Spikes of layers from 0 up are those of the step before.
    ``levels``: greatest value of a spike that a source sends; ``negative``: whether one may be less than 0, which takes
    weights away.
    ``delays``: steps that spikes take on their way, int64, 0 to :data:`MAX_DELAY`: of each axon ``[axons]``, or of each
    weight of dense synapses ``[axons, neurons]``. Raises ValueError where these disagree.
    """

    synapses: Synapses
    sources: tuple[int, ...] = (-1,)
    delays: np.ndarray | None = None
    levels: int = 1
    negative: bool = False

    def __post_init__(self) -> None:
        attends = isinstance(self.synapses, Attention)
        if self.levels < 1 or (attends and self.levels > 1):
            raise ValueError(f"A connection's levels must be 1 or more, and 1 of an attention, not {self.levels}")
        if self.negative and (attends or self.delays is not None):
            raise ValueError("A connection of an attention, or with delays, must not have negative spikes")
        if attends and len(self.sources) != 3:
            raise ValueError(f"An attention must have three sources, query, key and value, not {len(self.sources)}")
        if self.delays is None:
            return
        weights = self.synapses.weights.shape if isinstance(self.synapses, Dense) else ()
        if attends or self.delays.shape not in ((self.synapses.axons,), weights):
            raise ValueError(f"Delays must be of axons, or of dense weights, not {list(self.delays.shape)}")
        if self.delays.min() < 0 or self.delays.max() > MAX_DELAY:
            reached = f"{self.delays.min()} to {self.delays.max()}"
            raise ValueError(f"Delays must be 0 to {MAX_DELAY} steps, not {reached}")

    @property
    def back(self) -> bool:
        """Whether spikes of the step before are among them."""
        return any(source >= 0 for source in self.sources)

    @property
    def repeats(self) -> int:
        """Spikes that one axon can get in a step, one of a value of 3 counted as three."""
        return 1 if isinstance(self.synapses, Attention) else len(self.sources) * self.levels

    @property
    def heard(self) -> list[tuple[int, int]]:
        """Of each source the first of its axons, and their number."""
        count = self.synapses.axons // (3 if isinstance(self.synapses, Attention) else 1)
        return [(place * count if count < self.synapses.axons else 0, count) for place in range(len(self.sources))]

    @cached_property
    def parts(self) -> list[Part]:
        """One for each delay."""
        if self.delays is None:
            return [Part(0, None, self.synapses)]
        found = []
        for delay in np.unique(self.delays).tolist():
            same = self.delays == delay
            if same.ndim == 1:
                found.append(Part(delay, same, self.synapses))
            else:
                weights = np.where(same, self.synapses.weights, 0)
                found.append(Part(delay, None, replace(self.synapses, weights=weights)))
        return found


def dense(weights: np.ndarray, *sources: int) -> tuple[Connection, ...]:
    """Dense synapses ``[axons, neurons]`` behind the layer before, or behind ``sources``."""
    return (Connection(Dense(weights), sources or (-1,)),)


@dataclass(frozen=True, eq=False)
class Layer:
    """Neurons and the synapses before them.

    ``connections``: int64 weights of ``weight_width`` bits; their axons lie one behind the other, in that order.
    ``parameters``: int64 arrays of shape ``()`` (one value for the layer), ``[neurons]``, or ``[filters]`` (a value
    for each channel), named by :meth:`Neuron.parameter_shapes`. ``scale``: integer units per unit of the float
    network's membrane potential, one or ``[neurons]``, for reports only. Raises ValueError where these disagree.
    """

    name: str
    connections: tuple[Connection, ...]
    weight_width: int
    model: Neuron
    parameters: dict[str, np.ndarray]
    scale: np.ndarray = field(default_factory=lambda: np.ones(()))

    def __post_init__(self) -> None:
        if not 1 <= self.weight_width <= MAX_WEIGHT_WIDTH:
            raise ValueError(f"Weight width must be 1..{MAX_WEIGHT_WIDTH} bits, not {self.weight_width}")
        if not self.connections or not all(connection.sources for connection in self.connections):
            raise ValueError(f"Layer {self.name} must have at least one connection, and each at least one source")
        low, high = weight_range(self.weight_width)
        for weights in self.weights:
            if weights.dtype != np.int64:
                raise ValueError(f"Weights must be int64, not {weights.dtype}")
            if weights.min() < low or weights.max() > high or (self.weight_width == 1 and not weights.all()):
                raise ValueError(f"Weights of layer {self.name} must fit {self.weight_width} bits ({low}..{high})")
        if self.convolutions and len({geometry.out_shape for geometry in self.convolutions}) > 1:
            shapes = " and ".join(str(list(geometry.out_shape)) for geometry in self.convolutions)
            raise ValueError(f"Layer {self.name}: convolutions must all have neurons of one shape, not {shapes}")
        if self.attention is not None and (len(self.connections) > 1 or self.weights[0][0] != 1):
            raise ValueError(f"Layer {self.name}: an attention must stand alone, with a weight of 1")
        if self.negative and self.delays is not None:
            raise ValueError(f"Layer {self.name} must not have both delays and spikes below 0 at its connections")
        if 0 < len(self.convolutions) < len(self.connections):
            raise ValueError(f"Layer {self.name}: connections must all be convolutions, or all dense")
        for connection in self.connections[1:]:
            if connection.synapses.neurons != self.neurons:
                raise ValueError(
                    f"Layer {self.name}: connections must all have {self.neurons} neurons,"
                    f" not {connection.synapses.neurons}"
                )
        problem = parameter_error(self.model, self.parameters, self.neurons, self.channels)
        if problem:
            raise ValueError(f"Layer {self.name}: {problem}")

    @property
    def weights(self) -> list[np.ndarray]:
        """Of each connection, in the shape of its synapses."""
        return [connection.synapses.weights for connection in self.connections]

    @cached_property
    def matrix(self) -> np.ndarray:
        """All weights, int64 ``[axons, neurons]``, where all synapses are dense. Raises ValueError elsewhere."""
        if self.convolutions or self.attention is not None:
            raise ValueError(f"Layer {self.name} must be dense, not a convolution or an attention")
        return self.weights[0] if len(self.weights) == 1 else np.concatenate(self.weights)

    @cached_property
    def convolutions(self) -> tuple[Geometry, ...]:
        """Of each connection; none where all are dense."""
        return tuple(c.synapses.geometry for c in self.connections if isinstance(c.synapses, Convolution))

    @property
    def attention(self) -> Tokens | None:
        """The shape of its attention, where it has one."""
        synapses = self.connections[0].synapses
        return synapses.shape if isinstance(synapses, Attention) else None

    @cached_property
    def delays(self) -> np.ndarray | None:
        """Of all axons ``[axons]``, or where one connection has them so of all weights ``[axons, neurons]``; None where
        no spike is delayed."""
        if all(connection.delays is None for connection in self.connections):
            return None
        own = [np.zeros(c.synapses.axons, np.int64) if c.delays is None else c.delays for c in self.connections]
        if all(each.ndim == 1 for each in own):
            return np.concatenate(own)
        wide = [np.broadcast_to(each.reshape(len(each), -1), (len(each), self.neurons)) for each in own]
        return np.concatenate(wide)

    @property
    def longest_delay(self) -> int:
        return 0 if self.delays is None else int(self.delays.max())

    @property
    def channels(self) -> int:
        """Filters of a convolution; else as many as there are neurons."""
        return self.convolutions[0].filters if self.convolutions else self.neurons

    @property
    def axons(self) -> int:
        return sum(connection.synapses.axons for connection in self.connections)

    @property
    def neurons(self) -> int:
        return self.connections[0].synapses.neurons

    @property
    def fan_in(self) -> int:
        """Most spikes that one neuron can get in a step; of an attention, most pairs of them."""
        return sum(connection.synapses.fan_in * connection.repeats for connection in self.connections)

    @property
    def accumulator_width(self) -> int:
        return self.model.accumulator_width(self.fan_in, self.weight_width, self.negative)

    @property
    def negative(self) -> bool:
        """Whether spikes that it gets may be negative."""
        return any(connection.negative for connection in self.connections)


def input_levels(layers: Sequence[tuple[Connection, ...]]) -> int:
    """Greatest value of an input, by the connections of its layers."""
    heard = (c.levels for place, connections in enumerate(layers) for c in connections if -1 - place in c.sources)
    return max(heard, default=1)


def input_axons(layers: Sequence[tuple[Connection, ...]]) -> int | None:
    """How many inputs a network has, by the connections of its layers; None where none hears the input."""
    for place, connections in enumerate(layers):
        for connection in connections:
            if -1 - place in connection.sources:
                return connection.heard[0][1]
    return None


def spread(parameter: np.ndarray, neurons: int) -> np.ndarray:
    """A layer's ``parameter`` as one value, or one for each of its ``neurons``; channels come last."""
    return parameter if parameter.shape in ((), (neurons,)) else np.tile(parameter, neurons // parameter.size)


@dataclass(frozen=True, eq=False)
class Program:
    """Layers in the order of the data; ``steps`` is the number of time steps that state widths were derived for."""

    name: str
    layers: tuple[Layer, ...]
    steps: int

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("A program must have at least one layer")
        for place, layer in enumerate(self.layers):
            for connection in layer.connections:
                for source, (_, axons) in zip(connection.sources, connection.heard, strict=True):
                    self._check(place, layer, axons, place + source)
                    self._check_spikes(place, layer, connection, place + source)
                if -1 - place in connection.sources and connection.levels != self.levels:
                    raise ValueError(f"Layer {layer.name} must hear inputs of {self.levels} levels as others do")

    def _check(self, place: int, layer: Layer, axons: int, source: int) -> None:
        if not -1 <= source < len(self.layers):
            raise ValueError(f"Layer {layer.name} must have sources among the layers, not at place {source}")
        if source < 0:
            if axons != self.inputs:
                raise ValueError(f"Layer {layer.name} must have the {self.inputs} axons of the input, not {axons}")
            return
        before = self.layers[source]
        if before.neurons != axons:
            raise ValueError(f"Layer {layer.name} must have {before.neurons} axons, not {axons}")
        if not before.model.spiking:
            raise ValueError(f"Layer {before.name} must spike: only the last layer may be a readout")

    def _check_spikes(self, place: int, layer: Layer, connection: Connection, source: int) -> None:
        if source < 0:
            return
        model = self.layers[source].model
        if model.levels > connection.levels or (model.signed and not connection.negative):
            sent = f"{-model.levels if model.signed else 0} to {model.levels}"
            got = f"{-connection.levels if connection.negative else 0} to {connection.levels}"
            raise ValueError(f"Layer {layer.name} must get spikes of {sent} from {self.layers[source].name}, not {got}")

    @cached_property
    def inputs(self) -> int:
        inputs = input_axons([layer.connections for layer in self.layers])
        if inputs is None:
            raise ValueError(f"Program {self.name} must have a layer behind its input")
        return inputs

    @property
    def levels(self) -> int:
        """Greatest value of an input in a step."""
        return input_levels([layer.connections for layer in self.layers])

    @property
    def outputs(self) -> int:
        return self.layers[-1].neurons

    @property
    def is_chain(self) -> bool:
        """Whether each layer follows the one before, and nothing else."""
        return all([c.sources for c in layer.connections] == [(-1,)] for layer in self.layers)

    @cached_property
    def description(self) -> dict[str, Any]:
        """Everything but the arrays, as plain JSON values."""
        return {
            "name": self.name,
            "steps": self.steps,
            "layers": [
                {
                    "name": layer.name,
                    "weight_width": layer.weight_width,
                    "model": record.described(layer.model),
                    "connections": [
                        c.synapses.description
                        | {"sources": list(c.sources), "levels": c.levels, "negative": c.negative}
                        for c in layer.connections
                    ],
                }
                for layer in self.layers
            ],
        }

    def save(self, path: Path) -> None:
        """Write the program to ``path`` (NumPy ``.npz``; read again by :meth:`load`)."""
        arrays = {"description": np.array(json.dumps(self.description))}
        for index, layer in enumerate(self.layers):
            arrays[f"{index}.scale"] = layer.scale
            arrays |= {f"{index}.weights.{number}": weights for number, weights in enumerate(layer.weights)}
            arrays |= {f"{index}.delays.{k}": c.delays for k, c in enumerate(layer.connections) if c.delays is not None}
            arrays |= {f"{index}.{name}": array for name, array in layer.parameters.items()}
        with open(path, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Program":
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            description = json.loads(str(file["description"]))
            layers = []
            for index, item in enumerate(description["layers"]):
                model = record.restored(item["model"])
                parameters = {name: file[f"{index}.{name}"] for name in model.parameter_shapes()}
                connections = tuple(
                    Connection(
                        restored(file[f"{index}.weights.{number}"], fields),
                        tuple(fields["sources"]),
                        file.get(f"{index}.delays.{number}"),
                        fields["levels"],
                        fields["negative"],
                    )
                    for number, fields in enumerate(item["connections"])
                )
                scale = file[f"{index}.scale"]
                layers.append(Layer(item["name"], connections, item["weight_width"], model, parameters, scale))
        return cls(description["name"], tuple(layers), description["steps"])
