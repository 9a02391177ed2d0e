"""Stochastic firing: the probability of a spike from how far the potential is above the threshold.

    logistic    p = 1 / (1 + exp(-slope * (v - v_threshold)))
    linear      p = 1/2 + slope * (v - v_threshold), within 0 and 1

(escape noise; Gerstner and Kistler 2002, section 5.3). The linear one is a threshold with uniform noise of a width of
``1 / slope`` around it. A spike is drawn by a number of ``noise_width`` bits below ``2**noise_width * p``.
"""

import math
from functools import lru_cache
from typing import Literal

import numpy as np

from ..fixed import Value, cut, is_real, let, logistic, lookup, magnitude, reaches, round_shift, select

Escape = Literal["logistic", "linear"]
ARGUMENT_BITS = 4  # of the logistic's argument: rounding it changes p by 2**-7 at most
MAX_NOISE_WIDTH = 16
MAX_SLOPE_WIDTH = 24


def check(noise_width: int, slope_width: int, seed: int) -> None:
    """Raise ValueError for formats that no stochastic neuron has."""
    if not 1 <= noise_width <= MAX_NOISE_WIDTH:
        raise ValueError(f"Noise of a stochastic neuron must have 1..{MAX_NOISE_WIDTH} bits, not {noise_width}")
    if not 1 <= slope_width <= MAX_SLOPE_WIDTH:
        raise ValueError(
            f"Slope of a stochastic neuron must have 1..{MAX_SLOPE_WIDTH} bits, not {slope_width}: a slope as steep as"
            " that is a threshold without noise"
        )
    check_seed(seed)


def check_seed(seed: int) -> None:
    """Raise ValueError for what begins no sequence."""
    if not 1 <= seed < 1 << 32:
        raise ValueError(f"Seed of a neuron's noise must be 1..{(1 << 32) - 1}, not {seed}")


@lru_cache
def logistic_table(noise_width: int) -> tuple[int, ...]:
    """``2**noise_width / (1 + exp(-index / 2**ARGUMENT_BITS))``, up to the first entry that rounding makes 1."""
    one, table = 1 << noise_width, list[int]()
    while not table or table[-1] < one:
        table.append(round(one / (1 + math.exp(-len(table) / (1 << ARGUMENT_BITS)))))
    return tuple(table)


def argument_bits(escape: Escape, noise_width: int) -> int:
    """Fraction bits of what :func:`chance` takes."""
    return ARGUMENT_BITS if escape == "logistic" else noise_width


def chance(escape: Escape, argument: Value, noise_width: int) -> Value:
    """``2**noise_width`` times the probability; of a ``linear`` one not limited to ``0 … 2**noise_width``."""
    one = 1 << noise_width
    if escape == "linear":
        return let(argument + one // 2, "chance")
    if is_real(argument):
        return one * logistic(argument / (1 << ARGUMENT_BITS))
    table = logistic_table(noise_width)
    last = len(table) - 1
    far = let(magnitude(argument), "far")
    far, negative = cut(far, let(argument < 0, "negative"))
    entry, negative = cut(let(select(far > last, last, far), "entry", last.bit_length() + 1), negative)
    above, negative = cut(let(lookup(entry, table), "above_half"), negative)
    return let(select(negative, one - above, above), "chance", noise_width + 2)


def fires(escape: Escape, above: Value, slope: Value, slope_fraction: int, noise: Value, noise_width: int) -> Value:
    """Whether a neuron spikes that is ``above`` its threshold by so much (or below); ``slope`` in units of
    ``2**-slope_fraction`` of what :func:`argument_bits` says."""
    product = cut(let(above * slope, "climb"))
    argument = cut(let(round_shift(product, slope_fraction), "argument"))
    return let(reaches(cut(chance(escape, argument, noise_width)), noise, strictly=True), "spike")


def fitted_slope(
    escape: Escape, slope: np.ndarray, scale: np.ndarray, noise_width: int, state_width: int, digits: int
) -> tuple[int, int, np.ndarray]:
    """Width, fraction bits and not yet rounded values of the slopes at ``scale``: as many fraction bits as the steepest
    has ``digits`` binary digits with, none if it has more."""
    ratio = slope / scale * (1 << argument_bits(escape, noise_width))
    most = float(ratio.max())
    exponent = math.frexp(most)[1] if most else digits
    fraction = min(max(digits - exponent, 0), state_width + digits + 2)  # beyond, all arguments round to 0
    slopes = ratio * (1 << fraction)
    return max(int(np.rint(slopes.max())).bit_length(), 1), fraction, slopes
