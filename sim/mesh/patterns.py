"""Synthetic traffic: who sends to whom (Dally and Towles, Principles and Practices, 2004, table 3.1), and when."""

from collections.abc import Callable

import numpy as np

from ranvier.golden.mesh import Traffic

HOT_SHARE = 0.2  # of the packets of hot-spot traffic go to the hot node


def uniform(source: np.ndarray, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Any other node."""
    nodes = width * height
    return np.asarray((source + rng.integers(1, nodes, len(source))) % nodes)


def transpose(source: np.ndarray, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """From (x, y) to (y, x)."""
    return np.asarray(source % width * width + source // width)


def bit_complement(source: np.ndarray, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """From (x, y) to the node opposite the centre."""
    return np.asarray(width * height - 1 - source)


def hot_spot(source: np.ndarray, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """:data:`HOT_SHARE` to the node right of the centre, the others to any other node."""
    hot = height // 2 * width + width // 2
    return np.where(rng.random(len(source)) < HOT_SHARE, hot, uniform(source, width, height, rng))


Pattern = Callable[[np.ndarray, int, int, np.random.Generator], np.ndarray]
PATTERNS: dict[str, Pattern] = {
    "uniform": uniform,
    "transpose": transpose,
    "bit-complement": bit_complement,
    "hot-spot": hot_spot,
}


def bernoulli(pattern: str, width: int, height: int, rate: float, cycles: int, rng: np.random.Generator) -> Traffic:
    """Each node has a packet with probability ``rate`` in each of ``cycles`` cycles; none to itself."""
    due, source = np.nonzero(rng.random((cycles, width * height)) < rate)
    target = PATTERNS[pattern](source, width, height, rng)
    other = source != target
    return Traffic(source[other], target[other], due[other])
