"""From nodes to layers: linear nodes in a row become one map before each population of neurons."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np

from ranvier.golden.program import Connection

from ..identifiers import identifier
from ..network import ModelNeurons, NetworkLayer, Neurons, channels_last
from ..simulate import driven
from . import maps
from .connections import alike, joined
from .graph import POPULATIONS, Graph, Node, NodeError
from .maps import Map, Shape
from .nodes import Attended, Delayed, Population, Stage, Synapses, Wire, last, size_of
from .signals import Signal, Term, delayed, numbered

_MAX_WAYS = 64  # from neurons to neurons through linear nodes
_IMAGES = (
    "Conv1d",
    "Conv2d",
    "SumPool2d",
    "AvgPool2d",
    "Upsample2d",
    "SelfAttention",
)  # know where a value is


class Folding:
    """Layers, made node by node in the order of the data.

    ``entering`` and ``shapes``: by which shape the signals that arrive at a node, and that which leaves it, are
    numbered: that of an image, though the model has flattened it.
    """

    def __init__(self, graph: Graph, order: list[Node], stages: dict[str, tuple[Stage, Shape]]) -> None:
        self.graph, self.stages = graph, stages
        self.input = next(node for node in order if node.type == "Input")
        self.output = next(node.name for node in order if node.type == "Output")
        self.places = {node.name: place for place, node in enumerate(n for n in order if n.type in POPULATIONS)}
        self.layers: list[NetworkLayer] = []
        self.names: set[str] = set()
        self.values: dict[str, Signal] = {}
        self.entering: dict[str, Shape] = {}
        self.shapes: dict[str, Shape] = {}
        images = any(node.type in _IMAGES for node in order)
        for node in order:
            self._lay_out(node, images)

    @property
    def input_shape(self) -> Shape:
        return self.shapes[self.input.name]

    def _lay_out(self, node: Node, images: bool) -> None:
        shape, before = self.stages[node.name][1], [n for n in self.graph.before(node.name) if n in self.shapes]
        if node.type in _IMAGES:
            self.entering[node.name], leaves = self.stages[before[0]][1], shape
        else:
            arriving = [self.shapes[name] for name in before]
            self.entering[node.name] = max(arriving, key=len, default=shape)
            leaves = self.entering[node.name]
        if not images or node.type in ("Linear", "Affine") or size_of(leaves) != size_of(shape):
            leaves = (size_of(shape),)
        self.shapes[node.name] = leaves

    def add(self, node: Node) -> None:
        """Take ``node`` in, the Output last of all. Raises NodeError."""
        stage = self.stages[node.name][0]
        if isinstance(stage, Population):
            following = [name for name in self._beyond_wires(node.name, self.graph.after) if name != self.output]
            if not stage.neurons.spiking and following:
                raise NodeError(
                    f"it does not spike, but {', '.join(following)} follows it",
                    f"end the network with {node.name}, or use a spiking neuron there",
                )
            self._add(node, stage.neurons, stage.gain, self._arriving(node))
        elif node.type == "Output":
            self._end()
        else:
            self._value(node.name)

    def _end(self) -> None:
        """See to it that the last layer is what the output is taken from. Raises NodeError."""
        before = self._beyond_wires(self.output, self.graph.before)
        if before == [self.input.name]:
            return
        if len(before) == 1 and before[0] in self.places:
            if self.places[before[0]] != len(self.layers) - 1:
                raise NodeError(
                    f"other neurons come after {before[0]}, which it is taken from, on a way back",
                    "take the feedback from the neurons themselves, through linear nodes alone",
                )
            return
        (last_node,) = self.graph.before(self.output)
        signal = self._value(last_node)
        n, node = size_of(signal.shape), self.graph.nodes[before[0] if len(before) == 1 else self.output]
        self.shapes[node.name] = signal.shape
        self._add(node, _readout(n), np.ones(n), signal)

    def _beyond_wires(self, name: str, along: Callable[[str], list[str]]) -> list[str]:
        """The neighbours of ``name``, and of wires theirs."""
        found: list[str] = []
        waiting = along(name)
        while waiting:
            name = waiting.pop(0)
            if isinstance(self.stages[name][0], Wire) and self.graph.nodes[name].type not in ("Input", "Output"):
                waiting += along(name)
            elif name not in found:
                found.append(name)
        return found

    def _add(self, node: Node, neurons: Neurons | ModelNeurons, gain: np.ndarray, signal: Signal) -> None:
        shape, place = self.shapes[node.name], len(self.layers)
        order = channels_last(shape)
        gain = gain[order]
        groups: dict[tuple[str, ...], list[Term]] = {}
        for term in signal.terms:
            groups.setdefault(term.path, []).append(term)
        connections = []
        for terms in groups.values():
            synapses = maps.scaled(terms[0].map, gain).made()
            sources = tuple(source - place for term in terms for source in term.sources)
            connections.append(Connection(synapses, sources, terms[0].delays))
        connections = alike(joined(connections))
        self.layers.append(
            NetworkLayer(
                _layer_name(node, self.names),
                tuple(connections),
                signal.bias * gain,
                neurons.ordered(order),
                node.name,
                shape,
            )
        )

    def _arriving(self, node: Node) -> Signal:
        """Sum of all that leads to ``node``; feedback comes last. Raises NodeError."""
        shape, values = self.entering[node.name], [self._value(name) for name in self.graph.before(node.name)]
        values.sort(
            key=lambda value: max((s for term in value.terms for s in term.sources), default=-1) >= len(self.layers)
        )
        if any(size_of(value.shape) != size_of(shape) for value in values):
            raise meeting(node, [value.shape for value in values])
        values = [numbered(value, shape) for value in values]
        terms = tuple(term for value in values for term in value.terms)
        if len(terms) > _MAX_WAYS:
            raise NodeError(f"{len(terms)} ways lead to {node.name} without neurons", "join them by fewer linear nodes")
        return Signal(shape, terms, np.asarray(sum(value.bias for value in values)))

    def _value(self, name: str) -> Signal:
        """What ``name`` gives. Raises NodeError."""
        if name not in self.values:
            self.values[name] = self._worked_out(self.graph.nodes[name])
        return self.values[name]

    def _worked_out(self, node: Node) -> Signal:
        name, stage, shape = node.name, self.stages[node.name][0], self.shapes[node.name]
        if node.type == "Input" or isinstance(stage, Population):
            source = self.places.get(name, -1)
            return Signal(shape, (Term((source,), Map(shape, shape)),), np.zeros(size_of(shape)))
        if isinstance(stage, Attended):
            return self._attended(node, stage)
        arriving = self._arriving(node)
        if isinstance(stage, Delayed):
            return delayed(numbered(arriving, shape), last(stage.steps, shape), name)
        if not isinstance(stage, Synapses):
            return numbered(arriving, shape)
        if any(term.delays is not None and term.delays.ndim > 1 for term in arriving.terms):
            raise NodeError(f"different delays of what a neuron gets come before {name}", "put neurons between them")
        try:
            terms = tuple(replace(t, map=stage.after(t.map), path=(*t.path, name)) for t in arriving.terms)
        except NodeError as problem:
            raise NodeError(f"with {name}, {problem.reason}", problem.remedy) from None
        bias = np.zeros(size_of(shape))
        if arriving.bias.any():
            bias += self._through(stage, arriving)
        if stage.bias is not None:
            bias += last(stage.bias, shape)
        return Signal(shape, terms, bias)

    def _attended(self, node: Node, stage: Attended) -> Signal:
        """The products of spikes of three nodes. Raises NodeError."""
        shape = self.entering[node.name]
        sources: list[int] = []
        for named in (stage.query, stage.key, stage.value):
            name = _before(node.name, named, self.graph.before(node.name))
            signal = numbered(self._value(name), shape)
            term = signal.terms[0]
            plain = term.map.synapses is None and term.delays is None and not signal.bias.any()
            if len(signal.terms) > 1 or not plain:
                raise NodeError(f"{name} gives no spikes of one population", "let neurons give query, key and value")
            sources += term.sources
        for name in self.graph.before(node.name):
            if name not in (stage.query, stage.key, stage.value):
                raise NodeError(f"{name} leads to it, which is none of its three", "name it, or remove the edge")
        product = maps.attended(shape, stage.heads, stage.scale)
        terms = (Term(tuple(sources), product, (node.name,)),)
        return numbered(Signal(shape, terms, np.zeros(size_of(shape))), self.shapes[node.name])

    @staticmethod
    def _through(stage: Synapses, arriving: Signal) -> np.ndarray:
        """What becomes of a bias before linear synapses."""
        (value,) = driven(stage.after(Map(arriving.shape, arriving.shape)).made(), arriving.bias[None])
        return np.asarray(value)


def _before(node: str, named: str, before: list[str]) -> str:
    """Which of the nodes ``before`` is ``named`` so in the graph that ``node`` is in. Raises NodeError."""
    graphs = node.split(".")[:-1]  # and parts of node's own name, where it has dots
    for depth in range(len(graphs) + 1):
        name = ".".join([*graphs[:depth], named])
        if name in before:
            return name
    raise NodeError(f"it names {named}, which is not before it", "name nodes that an edge comes from")


def meeting(node: Node, shapes: list[Shape]) -> NodeError:
    met = " and ".join(str(list(shape)) for shape in shapes)
    return NodeError(f"shapes {met} meet at {node.name}", "make them agree")


def _readout(n: int) -> Neurons:
    """What is left of a neuron without threshold and memory: the layer's output is its drive."""
    zero = np.zeros(n)
    return Neurons(membrane_decay=zero, threshold=None, reset_value=zero, membrane_bias=zero, reset="none")


def _layer_name(node: Node, taken: set[str]) -> str:
    name = base = identifier(node.name, "layer")
    numbers = count(1)
    while name in taken:
        name = f"{base}_{next(numbers)}"
    taken.add(name)
    return name
