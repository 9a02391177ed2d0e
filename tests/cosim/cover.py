"""Pairwise covering designs: every value of a factor meets every value of each other factor."""

import itertools
import random
from collections.abc import Mapping, Sequence
from typing import Any


def cover_pairs(factors: Mapping[str, Sequence[Any]], seed: int) -> list[dict[str, Any]]:
    """Rows in which each pair of values of two factors occurs; greedy, the best of some random rows each time."""
    random_ = random.Random(seed)
    names = list(factors)
    missing = {((a, x), (b, y)) for a, b in itertools.combinations(names, 2) for x in factors[a] for y in factors[b]}
    rows = []
    while missing:
        wanted = min(missing, key=repr)
        candidates = [{name: random_.choice(factors[name]) for name in names} | dict(wanted) for _ in range(60)]
        best = max(candidates, key=lambda row: len(missing & _pairs(row)))
        missing -= _pairs(best)
        rows.append(best)
    return rows


def _pairs(row: dict[str, Any]) -> set[Any]:
    return set(itertools.combinations(row.items(), 2))
