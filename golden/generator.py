"""Pseudo-random numbers: one xorshift generator of 32 bits a lane (Marsaglia 2003).

A generator is linear over GF(2), so that any number of its steps is one matrix: streams are computed by doubling,
and lanes start far apart in the one cycle of ``2**32 - 1`` states.
"""

import numpy as np

from .fixed import Value, let

WIDTH = 32
_MASK = (1 << WIDTH) - 1


def advance(state: Value) -> Value:
    """The state after ``state``, which must not be 0."""
    a = let(state ^ ((state * (1 << 13)) & _MASK), "shifted_13")
    b = let(a ^ (a >> 17), "shifted_17")
    return b ^ ((b * (1 << 5)) & _MASK)


def _tables(columns: np.ndarray) -> np.ndarray:
    """What each value of each byte of a state becomes, int64 ``[4, 256]``, by the matrix of ``columns`` (images of the
    single bits): four look-ups instead of 32 products."""
    tables = np.zeros((WIDTH // 8, 1), np.int64)
    for images in columns.reshape(WIDTH // 8, 8).T:
        tables = np.concatenate([tables, tables ^ images[:, None]], axis=1)
    return tables


def _apply(tables: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The matrix of ``tables`` times each of ``states``."""
    result: np.ndarray = tables[0][states & 255]
    for byte in range(1, len(tables)):
        result ^= tables[byte][states >> 8 * byte & 255]
    return result


def _powers() -> list[np.ndarray]:
    """Tables of the matrices of ``2**n`` steps."""
    bits = np.int64(1) << np.arange(WIDTH, dtype=np.int64)
    powers = [_tables(advance(bits))]
    while len(powers) < WIDTH:
        powers.append(_tables(_apply(powers[-1], _apply(powers[-1], bits))))
    return powers


_POWERS = _powers()


def jump(states: np.ndarray, steps: int) -> np.ndarray:
    """Each of ``states`` (int64) after ``steps`` steps."""
    for exponent in range(steps.bit_length()):
        if steps >> exponent & 1:
            states = _apply(_POWERS[exponent], states)
    return states


def seeded(seed: int, lanes: int) -> np.ndarray:
    """First states of ``lanes`` generators, int64 ``[lanes]``, evenly spread over the cycle. Raises ValueError."""
    if not 1 <= seed <= _MASK:
        raise ValueError(f"Seed of the generators must be 1..{_MASK}, not {seed}")
    apart = _MASK // lanes
    return np.array([int(jump(np.array([seed]), lane * apart)[0]) for lane in range(lanes)], np.int64)


def stream(states: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The next ``count`` states of each generator, int64 ``[count, lanes]``, the present first; and the one after."""
    draws, exponent = states[None, :], 0
    while len(draws) < count:
        draws = np.concatenate([draws, _apply(_POWERS[exponent], draws)])
        exponent += 1
    return draws[:count], jump(states, count)
