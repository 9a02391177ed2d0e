"""NIR files to networks: linear nodes in a row become one map before each population of neurons."""

from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np

from ranvier.golden.program import Connection
from ranvier.golden.synapse import Convolution, Dense, unshared

from ..config import Discretisation
from ..errors import RanvierError
from ..frameworks import TimeModel, caveats, time_model
from ..identifiers import identifier
from ..network import Network, NetworkLayer, Neurons, channels_last
from ..simulate import driven
from . import maps
from . import neurons as _neurons  # noqa: F401  enters the neurons into the registry
from .graph import NEURONS, Graph, Node, NodeError, ordered
from .hdf5 import read_hdf5
from .maps import Map, Shape
from .nodes import Population, Stage, Synapses, last, size_of, translate

_IMAGES = ("Conv1d", "Conv2d", "SumPool2d", "AvgPool2d")  # nodes that know where in an image a value is


@dataclass(frozen=True)
class NodeCheck:
    """Whether a node can be built, and if not, why and what to do."""

    name: str
    type: str
    ok: bool
    reason: str = ""
    remedy: str = ""


def check_nir(path: Path, discretisation: Discretisation) -> list[NodeCheck]:
    """One row for each node, in the order of the data where there is one. Raises RanvierError."""
    return _analyse(_graph(path), time_model(discretisation))[0]


def read_nir(path: Path, discretisation: Discretisation) -> Network:
    """The network of a NIR file. Raises RanvierError with the first problem."""
    graph, time = _graph(path), time_model(discretisation)
    checks, folded = _analyse(graph, time)
    raise_first(path, checks)
    assert folded is not None
    layers = tuple(folded.layers)
    if not layers:
        raise RanvierError(f"Model {path} is empty: there is neither a neuron nor a linear node to build")
    current = any(layer.neurons.current_decay is not None for layer in layers)
    notes = time.notes() + caveats(discretisation.framework, time, current) + _starts(layers) + _feedback(layers)
    name = identifier(path.stem, "network")
    return Network(name, layers, notes, time.dt_s.value, folded.input.name, folded.input_shape)


def raise_first(path: Path, checks: list[NodeCheck]) -> None:
    """Raise RanvierError for the first node that is not ok, if there is one."""
    wrong = [check for check in checks if not check.ok]
    if wrong:
        more = f" (and {len(wrong) - 1} more: see ranvier check)" if len(wrong) > 1 else ""
        first = wrong[0]
        raise RanvierError(f"Model {path}: node '{first.name}' ({first.type}): {first.reason}; {first.remedy}{more}")


def _graph(path: Path) -> Graph:
    description, arrays = read_hdf5("model", path)
    nodes = {
        name: Node(name, node["type"], {field: arrays[key] for field, key in node["fields"].items()}, node["words"])
        for name, node in description["nodes"].items()
    }
    if not nodes:
        raise RanvierError(f"Model {path} has no nodes: export a network with at least one layer")
    return Graph(nodes, [(source, target) for source, target in description["edges"]])


def _analyse(graph: Graph, time: TimeModel) -> tuple[list[NodeCheck], "_Folding | None"]:
    order, problems = ordered(graph)
    stages: dict[str, tuple[Stage, Shape]] = {}
    for node in order or graph.nodes.values():
        try:
            shapes = [stages[name][1] for name in graph.before(node.name) if name in stages] if order else []
            if len({_sizes(shape) for shape in shapes}) > 1:
                raise _meeting(node, shapes)
            stages[node.name] = translate(node, shapes[0] if shapes and shapes[0] else None, time)
        except NodeError as problem:
            problems.setdefault(node.name, problem)
    folded = None
    if order and not problems:
        folded = _Folding(graph, order, stages)
        with np.errstate(all="ignore"):  # the quantiser refuses what is not finite
            for node in order:
                try:
                    folded.add(node)
                except NodeError as problem:
                    problems.setdefault(node.name, problem)
                    break
    types = {node.name: node.type for node in order} | {node.name: node.type for node in graph.nodes.values()}
    checks = [_row(name, types[name], problems.get(name)) for name in types]
    checks += [_row(name, "missing", problem) for name, problem in problems.items() if name not in types]
    return checks, folded


def _sizes(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


def _meeting(node: Node, shapes: list[Shape]) -> NodeError:
    met = " and ".join(str(list(shape)) for shape in shapes)
    return NodeError(f"shapes {met} meet at {node.name}", "make them agree")


def _row(name: str, kind: str, problem: NodeError | None) -> NodeCheck:
    if problem is None:
        return NodeCheck(name, kind, True)
    return NodeCheck(name, kind, False, problem.reason, problem.remedy)


@dataclass(frozen=True, eq=False)
class _Term:
    """Part of a signal: spikes of layer ``source`` (-1: the input) through ``map``, made by the nodes of ``path``."""

    source: int
    map: Map
    path: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Signal:
    """A sum of terms and a bias (channels last) of ``shape``."""

    shape: Shape
    terms: tuple[_Term, ...]
    bias: np.ndarray


class _Folding:
    """Layers, made node by node in the order of the data."""

    def __init__(self, graph: Graph, order: list[Node], stages: dict[str, tuple[Stage, Shape]]) -> None:
        self.graph, self.stages = graph, stages
        self.input = next(node for node in order if node.type == "Input")
        self.places = {node.name: place for place, node in enumerate(n for n in order if n.type in NEURONS)}
        self.layers: list[NetworkLayer] = []
        self.names: set[str] = set()
        self.images = any(node.type in _IMAGES for node in order)
        self.shapes: dict[str, Shape] = {}
        for node in order:
            self.shapes[node.name] = self._laid_out(node)

    @property
    def input_shape(self) -> Shape:
        return self.shapes[self.input.name]

    def _laid_out(self, node: Node) -> Shape:
        """The shape that the signal of ``node`` is numbered by: that of an image, though the model has flattened it."""
        shape = self.stages[node.name][1]
        size = (size_of(shape),)
        if not self.images:
            return size
        if node.type in (*_IMAGES, "Input"):
            return shape
        before = next((self.shapes[name] for name in self.graph.before(node.name) if name in self.shapes), size)
        return before if size_of(before) == size[0] and node.type not in ("Linear", "Affine") else size

    def add(self, node: Node) -> None:
        """Make the layer that ``node`` ends, if it does. Raises NodeError."""
        stage = self.stages[node.name][0]
        if isinstance(stage, Population):
            if stage.neurons.threshold is None:
                self._check_silent(node)
            self._add(node, stage.neurons, stage.gain, self._arriving(node))
        elif node.type == "Output":
            (before,) = self.graph.before(node.name)
            if before in self.places:
                self._check_last(before)
                return
            signal = self._value(before)
            if any(term.path for term in signal.terms) or signal.terms[0].source >= 0:
                linear = self._named(before)
                self._add(linear, _readout(size_of(signal.shape)), np.ones(size_of(signal.shape)), signal)

    def _named(self, name: str) -> Node:
        """The last linear node before the output, whatever Flatten nodes follow it."""
        while not isinstance(self.stages[name][0], Synapses):
            (name,) = self.graph.before(name)
        return self.graph.nodes[name]

    def _check_silent(self, node: Node) -> None:
        following = [name for name in self.graph.after(node.name) if self.graph.nodes[name].type != "Output"]
        while following and self.graph.nodes[following[0]].type == "Flatten":
            following = [n for n in self.graph.after(following[0]) if self.graph.nodes[n].type != "Output"]
        if following:
            raise NodeError(
                f"it does not spike, but {', '.join(following)} follows it",
                f"end the network with {node.name}, or use a spiking neuron there",
            )

    def _check_last(self, name: str) -> None:
        if self.places[name] != len(self.layers) - 1:
            raise NodeError(
                f"neurons follow {name}, which the output is taken from, on a way back",
                "take the feedback from the neurons themselves, through linear nodes alone",
            )

    def _add(self, node: Node, neurons: Neurons, gain: np.ndarray, signal: _Signal) -> None:
        shape, place = self.shapes[node.name], len(self.layers)
        order = channels_last(shape)
        gain = gain[order]
        groups: dict[tuple[str, ...], list[_Term]] = {}
        for term in signal.terms:
            groups.setdefault(term.path, []).append(term)
        connections = []
        for terms in groups.values():
            synapses = maps.scaled(terms[0].map, gain).made()
            connections.append(Connection(synapses, tuple(term.source - place for term in terms)))
        if any(isinstance(connection.synapses, Convolution) for connection in connections):
            connections = [replace(each, synapses=_beside(each.synapses, shape)) for each in connections]
        values = {name: value[order] for name, value in vars(neurons).items() if isinstance(value, np.ndarray)}
        self.layers.append(
            NetworkLayer(
                _layer_name(node, self.names),
                tuple(connections),
                signal.bias * gain,
                replace(neurons, **values),
                node.name,
                shape,
            )
        )

    def _arriving(self, node: Node) -> _Signal:
        """Sum of all that leads to ``node``; feedback comes last."""
        values = [self._value(name) for name in self.graph.before(node.name)]
        values.sort(key=lambda value: max((term.source for term in value.terms), default=-1) >= len(self.layers))
        if len({_sizes(value.shape) for value in values}) > 1:
            if len({size_of(value.shape) for value in values}) > 1:
                raise _meeting(node, [value.shape for value in values])
            image = max((value.shape for value in values), key=len)
            values = [value if len(value.shape) > 1 else _as_image(value, image) for value in values]
        terms = tuple(term for value in values for term in value.terms)
        return _Signal(values[0].shape, terms, np.asarray(sum(value.bias for value in values)))

    def _value(self, name: str) -> _Signal:
        """What ``name`` gives. Raises NodeError."""
        node, (stage, _) = self.graph.nodes[name], self.stages[name]
        shape = self.shapes[name]
        if node.type == "Input" or isinstance(stage, Population):
            source = self.places.get(name, -1)
            return _Signal(shape, (_Term(source, Map(shape, shape)),), np.zeros(size_of(shape)))
        arriving = self._arriving(node)
        if not isinstance(stage, Synapses):
            return replace(arriving, shape=shape)
        try:
            terms = tuple(_Term(t.source, stage.after(t.map), (*t.path, name)) for t in arriving.terms)
        except NodeError as problem:
            raise NodeError(f"with {name}, {problem.reason}", problem.remedy) from None
        bias = np.zeros(size_of(shape))
        if arriving.bias.any():
            bias += self._through(stage, arriving)
        if stage.bias is not None:
            bias += last(stage.bias, shape)
        return _Signal(shape, terms, bias)

    @staticmethod
    def _through(stage: Synapses, arriving: _Signal) -> np.ndarray:
        """What becomes of a bias before linear synapses."""
        (value,) = driven(stage.after(Map(arriving.shape, arriving.shape)).made(), arriving.bias[None])
        return np.asarray(value)


def _as_image(signal: _Signal, shape: Shape) -> _Signal:
    """A flat ``signal`` numbered as one of ``shape``."""
    order = channels_last(shape)
    terms = tuple(replace(term, map=maps.reordered(term.map, order, shape)) for term in signal.terms)
    return _Signal(shape, terms, signal.bias[order])


def _beside(synapses: Dense | Convolution, shape: Shape) -> Convolution:
    """Synapses that stand beside a convolution before neurons of ``shape``."""
    if isinstance(synapses, Convolution):
        return synapses
    channels, *sizes = shape
    rows, columns = sizes if len(sizes) == 2 else (1, *sizes)
    return unshared(synapses, (rows, columns, channels))


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


def _starts(layers: tuple[NetworkLayer, ...]) -> tuple[str, ...]:
    shifted = [layer.node for layer in layers if layer.neurons.membrane_bias.any() or layer.neurons.reset_value.any()]
    if not shifted:
        return ()
    return (f"caveat: states start at 0, though {', '.join(shifted)} rest or reset elsewhere",)


def _feedback(layers: tuple[NetworkLayer, ...]) -> tuple[str, ...]:
    back = [layer.node for layer in layers if any(source >= 0 for c in layer.connections for source in c.sources)]
    return (f"feedback of {', '.join(back)}: spikes of the step before",) if back else ()
