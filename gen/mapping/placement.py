"""Which slice goes where: the least traffic times distance, a quadratic assignment problem."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ranvier.golden.program import Program
from ranvier.hw.manycore.config import Place, bridge_row

from .activity import Activity
from .partition import Slice

BRIDGE_HOPS = 50  # a packet takes about as many cycles over a bridge, and as many cycles of its line


@dataclass(frozen=True)
class Mapping:
    """Slices and the places of their tiles in a mesh of ``width`` columns and ``height`` rows, with its gate at
    ``gate``; or in as many of them as there are ``chips``, side by side.

    ``hops``: packets times links, a step on average; ``hops_in_order``: what it were with slices row by row. A bridge
    between chips counts as :data:`BRIDGE_HOPS` links more.
    """

    width: int
    height: int
    gate: Place
    slices: tuple[Slice, ...]
    places: tuple[Place, ...]
    hops: float
    hops_in_order: float
    chips: int = 1

    def of_layer(self, number: int) -> list[tuple[Slice, Place]]:
        """Slices of layer ``number`` and their places, in the order of their neurons."""
        return [pair for pair in zip(self.slices, self.places, strict=True) if pair[0].layer == number]


def place_slices(
    program: Program,
    slices: tuple[Slice, ...],
    activity: Activity,
    width: int,
    height: int,
    seed: int,
    chips: int = 1,
) -> Mapping:
    """Places for ``slices`` that keep packets times links small; the same arguments give the same places."""
    from scipy.optimize import quadratic_assignment

    gate = (width // 2, height)
    places: list[Place] = [(x, y) for y in range(height) for x in range(chips * width)] + [gate]
    distance = _distances(np.array(places), width, bridge_row(height))
    nodes = len(places)
    flow = np.zeros((nodes, nodes))  # slices, tiles without one, and the gate last
    flow[: len(slices), : len(slices)], into, out = _traffic(program, slices, activity)
    flow[-1, : len(slices)], flow[: len(slices), -1] = into, out
    fixed = np.array([[nodes - 1, nodes - 1]])
    best, cost = np.arange(nodes), float((flow * distance).sum())
    in_order = cost
    for method in ("faq", "2opt"):
        options: dict[str, Any] = {"partial_match": fixed, "rng": np.random.default_rng(seed)}
        if method == "2opt":
            options["partial_guess"] = np.stack([np.arange(nodes - 1), best[:-1]], axis=1)
        found = quadratic_assignment(flow, distance, method=method, options=options)
        if found.fun < cost:
            best, cost = found.col_ind, float(found.fun)
    chosen = tuple(places[index] for index in best[: len(slices)])
    return Mapping(width, height, gate, slices, chosen, cost, in_order, chips)


def _distances(places: np.ndarray, width: int, row: int) -> np.ndarray:
    """Links between all ``places``; between chips of ``width`` columns they lead through ``row``."""
    column, line = places.T
    bridges = abs(column[:, None] // width - column // width)
    along_y = np.where(bridges > 0, abs(line[:, None] - row) + abs(line - row), abs(line[:, None] - line))
    return np.asarray(abs(column[:, None] - column) + along_y + BRIDGE_HOPS * bridges)


def _traffic(
    program: Program, slices: tuple[Slice, ...], activity: Activity
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Packets a step from each slice to each other one, from the gate to each and from each to the gate.

    Every event, the end of the step, and a credit on the way back.
    """
    count, last = len(slices), len(program.layers) - 1
    between, into, out = np.zeros((count, count)), np.zeros(count), np.zeros(count)
    for i, sender in enumerate(slices):
        events = float(activity.rates[sender.layer + 1][sender.first : sender.first + sender.neurons].sum())
        if sender.layer == 0:
            into[i] += activity.events[0] + 1
            out[i] += 1
        if sender.layer == last:
            out[i] += events + 1
            into[i] += 1
        for j, receiver in enumerate(slices):
            if receiver.layer == sender.layer + 1:
                between[i, j] += events + 1
                between[j, i] += 1
    return between, into, out
