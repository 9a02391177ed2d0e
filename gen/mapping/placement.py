"""Which slice goes where: the least traffic times distance, a quadratic assignment problem."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ranvier.hw.manycore.config import Place, bridge_row

from .activity import Activity
from .parts import Parts

SEARCHED = 128  # places
BRIDGE_HOPS = 50  # a packet takes about as many cycles over a bridge, and as many cycles of its line


@dataclass(frozen=True)
class Mapping:
    """Parts and the places of their tiles in a mesh of ``width`` columns and ``height`` rows, with its gate at
    ``gate``; or in as many of them as there are ``chips``, side by side.

    ``hops``: packets times links, a step on average; ``hops_in_order``: what it were with slices row by row. A bridge
    between chips counts as :data:`BRIDGE_HOPS` links more.
    """

    width: int
    height: int
    gate: Place
    parts: Parts
    places: tuple[Place, ...]
    hops: float
    hops_in_order: float
    chips: int = 1


def place_parts(parts: Parts, activity: Activity, width: int, height: int, seed: int, chips: int = 1) -> Mapping:
    """Places for ``parts`` that keep packets times links small; the same arguments give the same places.

    Of more than :data:`SEARCHED` places only the nearest to the gate are searched, as many as there are slices at
    least, and the search ends with FAQ's answer, without 2-opt, whose time grows with the cube.
    """
    from scipy.optimize import quadratic_assignment

    gate, count = (width // 2, height), len(parts.slices)
    everywhere: list[Place] = [(x, y) for y in range(height) for x in range(chips * width)]
    traffic = _traffic(parts, activity)
    from_gate = _distances(np.array([gate, *everywhere]), width, bridge_row(height))[0, 1:]
    nearest = np.sort(np.argsort(from_gate, kind="stable")[: max(count, SEARCHED)])
    in_order = float((traffic * _distances(np.array([*everywhere[:count], gate]), width, bridge_row(height))).sum())

    places = [*(everywhere[place] for place in nearest), gate]
    distance = _distances(np.array(places), width, bridge_row(height))
    nodes = len(places)
    between = [*range(count), nodes - 1]  # slices, tiles without one, and the gate last
    flow = np.zeros((nodes, nodes))
    flow[np.ix_(between, between)] = traffic
    fixed = np.array([[nodes - 1, nodes - 1]])
    best, cost = np.arange(nodes), float((flow * distance).sum())
    for method in ("faq", "2opt") if nodes <= SEARCHED + 1 else ("faq",):
        options: dict[str, Any] = {"partial_match": fixed, "rng": np.random.default_rng(seed)}
        if method == "2opt":
            options["partial_guess"] = np.stack([np.arange(nodes - 1), best[:-1]], axis=1)
        found = quadratic_assignment(flow, distance, method=method, options=options)
        if found.fun < cost:
            best, cost = found.col_ind, float(found.fun)
    chosen = tuple(places[index] for index in best[:count])
    return Mapping(width, height, gate, parts, chosen, cost, in_order, chips)


def _distances(places: np.ndarray, width: int, row: int) -> np.ndarray:
    """Links between all ``places``; between chips of ``width`` columns they lead through ``row``."""
    column, line = places.T
    bridges = abs(column[:, None] // width - column // width)
    along_y = np.where(bridges > 0, abs(line[:, None] - row) + abs(line - row), abs(line[:, None] - line))
    return np.asarray(abs(column[:, None] - column) + along_y + BRIDGE_HOPS * bridges)


def _traffic(parts: Parts, activity: Activity) -> np.ndarray:
    """Packets a step from each slice to each other one; the gate is last.

    Every event, the end of the step, and a credit on the way back.
    """
    count = len(parts.fan_outs)
    flow = np.zeros((count, count))
    for sender, fan_out in enumerate(parts.fan_outs):
        targets = list(fan_out.targets)
        flow[sender, targets] += fan_out.packets(parts.rates(sender, activity)) + 1
        flow[targets, sender] += 1
    return flow
