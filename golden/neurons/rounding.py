"""Leaky integrate-and-fire whose leak is rounded at random, so that it is unbiased.

    v[t] = u[t-1] + x[t]
    s[t] = v[t] >= v_threshold
    r[t] = v[t], after a spike v_reset (hard), or less v_threshold (soft)
    u[t] = decay * r[t], rounded up with the probability that its fraction says, else down

With few bits a leak that rounds to nearest stands still before the potential is 0; the mean of this one is exact
(stochastic rounding; Gupta et al. 2015). The membrane potential that is shown is r.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import Value, cut, is_real, let, reaches, select, shift_right, signed_max
from .escape import check_seed
from .fields import factor, ordered, switched
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs, one_number


def round_at_random(value: Value, shift: int, noise: Value) -> Value:
    """``value / 2**shift``, rounded up by as many of the ``2**shift`` values of ``noise`` as its fraction says."""
    return shift_right(value if is_real(value) else value + noise, shift)


@dataclass(frozen=True)
class RoundedLif(Neuron, kind="StochasticRoundingLIF"):
    """``fraction_bits``: of the decay, and random bits of a step. Raises ValueError for a seed out of range."""

    state_width: int
    fraction_bits: int
    soft: bool = False
    seed: int = 1
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "decay": Field(0, 1),
        "v_threshold": Field(0, np.inf, 1.0),
        "v_reset": Field(-np.inf, np.inf, 0.0),
        "soft_reset": Field(0, 1, 0.0),
        "seed": Field(1, (1 << 32) - 1, 1.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {"decay": 0.9}

    def __post_init__(self) -> None:
        check_seed(self.seed)

    @property
    def noise_width(self) -> int:  # type: ignore[override]
        return self.fraction_bits

    def parameter_shapes(self) -> dict[str, Format]:
        state = (self.state_width, True)
        shapes = {"bias": (self.bias_width, True), "decay": (self.fraction_bits + 1, False), "threshold": state}
        return shapes | ({} if self.soft else {"reset_value": state})

    def ranges(self) -> dict[str, tuple[int, int]]:
        return super().ranges() | {
            "decay": (0, 1 << self.fraction_bits),
            "threshold": (0, signed_max(self.state_width)),
        }

    def step(self, given: Inputs) -> Outputs:
        width, parameters, v = self.state_width, given.parameters, given.integrated
        spike = let(reaches(v, parameters["threshold"], strictly=False), "spike")
        v, spike = cut(v, spike)
        after = v - parameters["threshold"] if self.soft else parameters["reset_value"]
        settled = cut(let(select(spike, after, v), "settled", width))
        product = cut(let(settled * parameters["decay"], "product"))
        renewed = let(round_at_random(product, self.fraction_bits, given.noise), "renewed", width)
        return Outputs(renewed, spike, settled)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["RoundedLif", dict[str, np.ndarray]]:
        parameters = {
            "decay": factor(cls, "decay", values["decay"], formats.fraction_bits),
            "threshold": scale * values["v_threshold"],
        }
        soft = switched(cls, values, "soft_reset")
        if not soft:
            ordered(cls, values, "v_reset", "v_threshold")
            parameters["reset_value"] = scale * values["v_reset"]
        seed = one_number("Seed of a StochasticRoundingLIF", values["seed"])
        return cls(formats.state_width, formats.fraction_bits, soft, seed), parameters
