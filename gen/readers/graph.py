"""A NIR graph as read, and the order in which its nodes are worked off."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

import numpy as np

from ranvier.golden.neurons.fields import models

POPULATIONS = ("CubaLI", "CubaLIF", "I", "IF", "LI", "LIF", "Threshold", *models())


@dataclass(frozen=True)
class Node:
    """A node: ``fields`` are its numeric parameters, as stored, ``words`` those that are text."""

    name: str
    type: str
    fields: dict[str, np.ndarray]
    words: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    nodes: dict[str, Node]
    edges: list[tuple[str, str]]

    @cached_property
    def _neighbours(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        before: dict[str, list[str]] = {}
        after: dict[str, list[str]] = {}
        for source, target in self.edges:
            before.setdefault(target, []).append(source)
            after.setdefault(source, []).append(target)
        return before, after

    def before(self, name: str) -> list[str]:
        """Nodes that ``name`` gets its input from."""
        return list(self._neighbours[0].get(name, []))

    def after(self, name: str) -> list[str]:
        """Nodes that take what ``name`` gives."""
        return list(self._neighbours[1].get(name, []))


class NodeError(Exception):
    """Why a node cannot be taken, and what its author can do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason, self.remedy = reason, remedy


def ordered(graph: Graph) -> tuple[list[Node], dict[str, NodeError]]:
    """Nodes from input to output, each behind those that it gets something from but for feedback; and the problems of
    those that do not lie on such a way. The order is only meaningful where there are no problems.

    A missing node has an entry under its name.
    """
    problems: dict[str, NodeError] = {}
    for source, target in graph.edges:
        for name in (source, target):
            if name not in graph.nodes:
                reason = f"the edge {source} -> {target} names a node that does not exist"
                problems[name] = NodeError(reason, "add the node, or remove the edge")
    for edge, times in Counter(graph.edges).items():
        if times > 1:
            problems.setdefault(
                edge[1], NodeError(f"the edge {' -> '.join(edge)} is listed {times} times", "list it once")
            )
    _check_ends(graph, problems)
    _check_cycles(graph, problems)
    if problems:
        return [], problems
    (start,), (end,) = ([n.name for n in graph.nodes.values() if n.type == kind] for kind in ("Input", "Output"))
    order = _depth_first(graph, start)
    for name in graph.nodes:
        if name not in order:
            problems[name] = NodeError("no path of edges leads to it from the input", "connect it, or remove it")
    useful = set(_depth_first(Graph(graph.nodes, [edge[::-1] for edge in graph.edges]), end))
    for name in order:
        if name not in useful:
            problems.setdefault(name, NodeError("its output goes nowhere", "connect it to the Output node"))
    if len(graph.before(end)) > 1:
        reason = f"its input comes from several: {', '.join(graph.before(end))}"
        problems.setdefault(end, NodeError(reason, "use one output node, with neurons or a Linear node before it"))
    return [graph.nodes[name] for name in order], problems


def _check_ends(graph: Graph, problems: dict[str, NodeError]) -> None:
    for kind in ("Input", "Output"):
        found = [node.name for node in graph.nodes.values() if node.type == kind]
        if not found:
            problems.setdefault(kind.lower(), NodeError(f"the graph has no {kind} node", f"add an {kind} node"))
        for name in found[1:]:
            reason = f"it is a second {kind} node, besides {found[0]}"
            problems.setdefault(name, NodeError(reason, f"use one {kind} node"))


def _check_cycles(graph: Graph, problems: dict[str, NodeError]) -> None:
    """Neurons give their spikes to the next step where they come back; linear nodes cannot."""
    at_once = {
        name: [source for source in graph.before(name) if graph.nodes.get(source, node).type not in POPULATIONS]
        for name, node in graph.nodes.items()
    }
    try:
        TopologicalSorter(at_once).prepare()
    except CycleError as error:
        cycle = error.args[1]
        reason = f"it lies on the cycle {' -> '.join(reversed(cycle))}, in which nothing takes time"
        for name in cycle:
            problems.setdefault(name, NodeError(reason, "put neurons into the cycle, or remove the feedback"))


def _depth_first(graph: Graph, start: str) -> list[str]:
    """Names of all that ``start`` leads to, in reverse postorder: only feedback leads back in it.

    Which edges of a cycle are feedback follows from the graph alone, not from how it is listed: targets are tried from
    the farthest on, those of one distance by their names: of two that hear each other, as far from the input, the later
    name gives its spikes at once.
    """
    distance = _distances(graph, start)

    def nearest_last(name: str) -> Iterator[str]:
        return iter(sorted(graph.after(name), key=lambda target: (distance[target], target), reverse=True))

    order: list[str] = []
    seen = {start}
    stack = [(start, nearest_last(start))]
    while stack:
        name, rest = stack[-1]
        following = next((target for target in rest if target not in seen), None)
        if following is None:
            order.append(name)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, nearest_last(following)))
    return order[::-1]


def _distances(graph: Graph, start: str) -> dict[str, int]:
    """Edges on the shortest way from ``start`` to each node that it leads to."""
    distance, front = {start: 0}, [start]
    while front:
        front = [
            target
            for name in front
            for target in graph.after(name)
            if distance.setdefault(target, distance[name] + 1) == distance[name] + 1
        ]
        front = list(dict.fromkeys(front))
    return distance
