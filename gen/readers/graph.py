"""A NIR graph as read, and the chain it must be."""

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np


@dataclass(frozen=True)
class Node:
    """A node: ``fields`` are its numeric parameters, as stored."""

    name: str
    type: str
    fields: dict[str, np.ndarray]


@dataclass(frozen=True)
class Graph:
    nodes: dict[str, Node]
    edges: list[tuple[str, str]]


class NodeError(Exception):
    """Why a node cannot be taken, and what its author can do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason, self.remedy = reason, remedy


def chain(graph: Graph) -> tuple[list[Node], dict[str, NodeError]]:
    """Nodes from input to output, and the problems of those that do not lie on one such path.

    The chain is only meaningful where there are no problems. A missing node has an entry under its name.
    """
    problems: dict[str, NodeError] = {}
    after: dict[str, list[str]] = {name: [] for name in graph.nodes}
    before: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in graph.edges:
        missing = [name for name in (source, target) if name not in graph.nodes]
        for name in missing:
            reason = f"the edge {source} -> {target} names a node that does not exist"
            problems[name] = NodeError(reason, "add the node, or remove the edge")
        if not missing:
            after[source].append(target)
            before[target].append(source)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        cycle = error.args[1]
        for name in cycle:
            reason = f"it lies on the cycle {' -> '.join(reversed(cycle))}"
            problems.setdefault(name, NodeError(reason, "remove the feedback: only feed-forward chains are built"))
    for name in graph.nodes:
        for ends, reason in ((after, "its output goes to several nodes"), (before, "its input comes from several")):
            if len(ends[name]) > 1:
                problem = NodeError(f"{reason}: {', '.join(ends[name])}", "use a chain with one path")
                problems.setdefault(name, problem)
    _check_ends(graph, problems)
    order = [] if problems else _follow(graph, after)
    if not problems:
        _check_reach(graph, order, problems)
    return order, problems


def _check_ends(graph: Graph, problems: dict[str, NodeError]) -> None:
    for kind in ("Input", "Output"):
        found = [node.name for node in graph.nodes.values() if node.type == kind]
        if not found:
            problems.setdefault(kind.lower(), NodeError(f"the graph has no {kind} node", f"add an {kind} node"))
        for name in found[1:]:
            reason = f"it is a second {kind} node, besides {found[0]}"
            problems.setdefault(name, NodeError(reason, f"use one {kind} node"))


def _follow(graph: Graph, after: dict[str, list[str]]) -> list[Node]:
    node = next(node for node in graph.nodes.values() if node.type == "Input")
    order = [node]
    while after[order[-1].name]:
        order.append(graph.nodes[after[order[-1].name][0]])
    return order


def _check_reach(graph: Graph, order: list[Node], problems: dict[str, NodeError]) -> None:
    reached = {node.name for node in order}
    for name in graph.nodes:
        if name not in reached:
            problems[name] = NodeError("no path of edges leads to it from the input", "connect it, or remove it")
    if order[-1].type != "Output":
        problems.setdefault(order[-1].name, NodeError("its output goes nowhere", "connect it to the Output node"))
