"""NIR files to networks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config import Discretisation
from ..errors import RanvierError
from ..frameworks import TimeModel, caveats, time_model
from ..identifiers import identifier
from ..network import Network, NetworkLayer
from . import models as _models  # noqa: F401  enter the neurons into the registry
from . import neurons as _neurons  # noqa: F401
from .folding import Folding, meeting
from .graph import Graph, Node, NodeError, ordered
from .hdf5 import read_hdf5
from .maps import Shape
from .nodes import Stage, sizes, translate


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


def _analyse(graph: Graph, time: TimeModel) -> tuple[list[NodeCheck], "Folding | None"]:
    order, problems = ordered(graph)
    stages: dict[str, tuple[Stage, Shape]] = {}
    for node in order or graph.nodes.values():
        try:
            shapes = [stages[name][1] for name in graph.before(node.name) if name in stages] if order else []
            if len({sizes(shape) for shape in shapes}) > 1:
                raise meeting(node, shapes)
            stages[node.name] = translate(node, shapes[0] if shapes and shapes[0] else None, time)
        except NodeError as problem:
            problems.setdefault(node.name, problem)
    folded = None
    if order and not problems:
        folded = Folding(graph, order, stages)
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


def _row(name: str, kind: str, problem: NodeError | None) -> NodeCheck:
    if problem is None:
        return NodeCheck(name, kind, True)
    return NodeCheck(name, kind, False, problem.reason, problem.remedy)


def _starts(layers: tuple[NetworkLayer, ...]) -> tuple[str, ...]:
    shifted = [layer.node for layer in layers if layer.neurons.membrane_bias.any() or layer.neurons.reset_value.any()]
    if not shifted:
        return ()
    return (f"caveat: states start at 0, though {', '.join(shifted)} rest or reset elsewhere",)


def _feedback(layers: tuple[NetworkLayer, ...]) -> tuple[str, ...]:
    back = [layer.node for layer in layers if any(c.back for c in layer.connections)]
    return (f"feedback of {', '.join(back)}: spikes of the step before",) if back else ()
