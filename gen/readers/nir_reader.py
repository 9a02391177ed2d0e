"""NIR files to networks: linear nodes are folded into one matrix before each population of neurons."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from ..config import Discretisation
from ..errors import RanvierError
from ..frameworks import TimeModel, caveats, time_model
from ..identifiers import identifier
from ..network import Network, NetworkLayer, Neurons
from . import neurons as _neurons  # noqa: F401  enters the neurons into the registry
from .graph import Graph, Node, NodeError, chain
from .hdf5 import read_hdf5
from .nodes import MAX_SYNAPSES, Population, Shape, Stage, Synapses, size_of, translate


@dataclass(frozen=True)
class NodeCheck:
    """Whether a node can be built, and if not, why and what to do."""

    name: str
    type: str
    ok: bool
    reason: str = ""
    remedy: str = ""


def check_nir(path: Path, discretisation: Discretisation) -> list[NodeCheck]:
    """One row for each node, in the order of the chain where there is one. Raises RanvierError."""
    return _analyse(_graph(path), time_model(discretisation))[0]


def read_nir(path: Path, discretisation: Discretisation) -> Network:
    """The network of a NIR file. Raises RanvierError with the first problem."""
    graph, time = _graph(path), time_model(discretisation)
    checks, stages = _analyse(graph, time)
    raise_first(path, checks)
    with np.errstate(all="ignore"):  # the quantiser refuses what is not finite
        layers = _fold(path, stages)
    current = any(layer.neurons.current_decay is not None for layer in layers)
    notes = time.notes() + caveats(discretisation.framework, time, current) + _starts(layers)
    return Network(identifier(path.stem, "network"), layers, notes, time.dt_s.value, stages[0][0].name)


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
        name: Node(name, node["type"], {field: arrays[key] for field, key in node["fields"].items()})
        for name, node in description["nodes"].items()
    }
    if not nodes:
        raise RanvierError(f"Model {path} has no nodes: export a network with at least one layer")
    return Graph(nodes, [(source, target) for source, target in description["edges"]])


def _analyse(graph: Graph, time: TimeModel) -> tuple[list[NodeCheck], list[tuple[Node, Stage]]]:
    order, problems = chain(graph)
    stages: list[tuple[Node, Stage]] = []
    shape: Shape | None = None
    silent = ""  # name of a population that does not spike, once passed
    for node in order or graph.nodes.values():
        try:
            stage, leaves = translate(node, shape, time)
            if order and silent and isinstance(stage, Synapses | Population):
                reason = f"it comes after {silent}, which does not spike"
                raise NodeError(reason, f"end the network with {silent}, or use a spiking neuron there")
            if isinstance(stage, Population) and stage.neurons.threshold is None:
                silent = node.name
            stages.append((node, stage))
            shape = leaves if order else None
        except NodeError as problem:
            problems.setdefault(node.name, problem)
            shape = None
    types = {node.name: node.type for node in order} | {node.name: node.type for node in graph.nodes.values()}
    checks = [_row(name, types[name], problems.get(name)) for name in types]
    checks += [_row(name, "missing", problem) for name, problem in problems.items() if name not in types]
    return checks, stages


def _row(name: str, kind: str, problem: NodeError | None) -> NodeCheck:
    if problem is None:
        return NodeCheck(name, kind, True)
    return NodeCheck(name, kind, False, problem.reason, problem.remedy)


def _fold(path: Path, stages: list[tuple[Node, Stage]]) -> tuple[NetworkLayer, ...]:
    layers: list[NetworkLayer] = []
    size = size_of(tuple(int(n) for n in stages[0][0].fields["shape"].reshape(-1)))
    linear: list[tuple[Node, Synapses]] = []
    names: set[str] = set()
    for node, stage in stages:
        if isinstance(stage, Synapses):
            linear.append((node, stage))
        elif isinstance(stage, Population):
            weights, bias = _product(path, linear, size)
            weights, bias, linear = weights * stage.gain, bias * stage.gain, []
            layers.append(NetworkLayer(_layer_name(node, names), weights, bias, stage.neurons, node.name))
            size = weights.shape[1]
    if linear:
        weights, bias = _product(path, linear, size)
        node = linear[-1][0]
        layers.append(NetworkLayer(_layer_name(node, names), weights, bias, _readout(weights.shape[1]), node.name))
    if not layers:
        raise RanvierError(f"Model {path} is empty: there is neither a neuron nor a linear node to build")
    return tuple(layers)


def _product(path: Path, linear: list[tuple[Node, Synapses]], size: int) -> tuple[np.ndarray, np.ndarray]:
    """One matrix ``[size, outputs]`` and bias for all linear nodes in a row; none of them is the identity."""
    weights: np.ndarray | None = None  # None: the identity, not made before it is needed
    bias = np.zeros(size)
    for _, synapses in linear:
        matrix = synapses.matrix
        if matrix.ndim == 1:
            weights = _diagonal(path, matrix) if weights is None else weights * matrix
            bias = bias * matrix
        else:
            weights = matrix if weights is None else weights @ matrix
            bias = bias @ matrix
        if synapses.bias is not None:
            bias = bias + synapses.bias
    return (_diagonal(path, np.ones(size)) if weights is None else weights), bias


def _diagonal(path: Path, values: np.ndarray) -> np.ndarray:
    if values.size**2 > MAX_SYNAPSES:
        raise RanvierError(
            f"Model {path}: {values.size} neurons with one input each need a matrix of {values.size**2} weights,"
            f" more than {MAX_SYNAPSES}; put a Linear node that shrinks the signal before them"
        )
    return np.diag(values)


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
