"""NIR files to networks: linear nodes in a row become one map before each population of neurons."""

from collections.abc import Callable
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
from .nodes import Population, Stage, Synapses, Wire, last, size_of, sizes, translate

_MAX_WAYS = 64  # from neurons to neurons through linear nodes
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
            if len({sizes(shape) for shape in shapes}) > 1:
                raise _meeting(node, shapes)
            stages[node.name] = translate(node, shapes[0] if shapes and shapes[0] else None, time)
        except NodeError as problem:
            problems.setdefault(node.name, problem)
    folded = None
    if order and not problems:
        folded = _Folding(graph, order, stages)
        with np.errstate(all="ignore"):  # the quantiser refuses what is not finite
            for node in sorted(order, key=lambda node: node.type == "Output"):  # others may come behind it
                try:
                    folded.add(node)
                except NodeError as problem:
                    problems.setdefault(node.name, problem)
                    break
    types = {node.name: node.type for node in order} | {node.name: node.type for node in graph.nodes.values()}
    checks = [_row(name, types[name], problems.get(name)) for name in types]
    checks += [_row(name, "missing", problem) for name, problem in problems.items() if name not in types]
    return checks, folded


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
    """Layers, made node by node in the order of the data.

    ``entering`` and ``shapes``: by which shape the signals that arrive at a node, and that which leaves it, are
    numbered: that of an image, though the model has flattened it.
    """

    def __init__(self, graph: Graph, order: list[Node], stages: dict[str, tuple[Stage, Shape]]) -> None:
        self.graph, self.stages = graph, stages
        self.input = next(node for node in order if node.type == "Input")
        self.output = next(node.name for node in order if node.type == "Output")
        self.places = {node.name: place for place, node in enumerate(n for n in order if n.type in NEURONS)}
        self.layers: list[NetworkLayer] = []
        self.names: set[str] = set()
        self.values: dict[str, _Signal] = {}
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
            if stage.neurons.threshold is None and following:
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
        connections = _alike(connections)
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
        """Sum of all that leads to ``node``; feedback comes last. Raises NodeError."""
        shape, values = self.entering[node.name], [self._value(name) for name in self.graph.before(node.name)]
        values.sort(key=lambda value: max((term.source for term in value.terms), default=-1) >= len(self.layers))
        if any(size_of(value.shape) != size_of(shape) for value in values):
            raise _meeting(node, [value.shape for value in values])
        values = [_numbered(value, shape) for value in values]
        terms = tuple(term for value in values for term in value.terms)
        if len(terms) > _MAX_WAYS:
            raise NodeError(f"{len(terms)} ways lead to {node.name} without neurons", "join them by fewer linear nodes")
        return _Signal(shape, terms, np.asarray(sum(value.bias for value in values)))

    def _value(self, name: str) -> _Signal:
        """What ``name`` gives. Raises NodeError."""
        if name not in self.values:
            self.values[name] = self._worked_out(self.graph.nodes[name])
        return self.values[name]

    def _worked_out(self, node: Node) -> _Signal:
        name, stage, shape = node.name, self.stages[node.name][0], self.shapes[node.name]
        if node.type == "Input" or isinstance(stage, Population):
            source = self.places.get(name, -1)
            return _Signal(shape, (_Term(source, Map(shape, shape)),), np.zeros(size_of(shape)))
        arriving = self._arriving(node)
        if not isinstance(stage, Synapses):
            return _numbered(arriving, shape)
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


def _numbered(signal: _Signal, shape: Shape) -> _Signal:
    """``signal``, numbered by another ``shape``. Raises NodeError."""
    if signal.shape == shape:
        return signal
    order = np.argsort(channels_last(signal.shape))[channels_last(shape)]
    if (order == np.arange(order.size)).all():
        same = tuple(replace(term, map=replace(term.map, shape=shape)) for term in signal.terms)
        return _Signal(shape, same, signal.bias)
    path = f"numbered by {list(shape)}"
    terms = tuple(
        replace(term, map=maps.reordered(term.map, order, shape), path=(*term.path, path)) for term in signal.terms
    )
    return _Signal(shape, terms, signal.bias[order])


def _alike(connections: list[Connection]) -> list[Connection]:
    """``connections``, all of them convolutions where one is."""
    shapes = [c.synapses.geometry.out_shape for c in connections if isinstance(c.synapses, Convolution)]
    if not shapes:
        return connections
    return [
        replace(c, synapses=unshared(c.synapses, shapes[0])) if isinstance(c.synapses, Dense) else c
        for c in connections
    ]


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
    back = [layer.node for layer in layers if any(c.back for c in layer.connections)]
    return (f"feedback of {', '.join(back)}: spikes of the step before",) if back else ()
