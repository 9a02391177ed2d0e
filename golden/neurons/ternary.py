"""Ternary spikes: a leaky integrate-and-fire neuron that also fires -1, at the threshold below 0 (Guo et al. 2024).

    v[t] = decay * v[t-1] + x[t]
    s[t] = 1 where v[t] >= v_threshold, -1 where v[t] <= -v_threshold, else 0
    v[t] = 0 after a spike (hard), or less s[t] * v_threshold (soft)

What hears a spike of -1 takes its weight away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import cut, let, reaches, select, signed_max
from .fields import factor, switched
from .leak import Multiply
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs


@dataclass(frozen=True)
class Ternary(Neuron, kind="Ternary"):
    """``fraction_bits``: of the decay."""

    state_width: int
    fraction_bits: int
    soft: bool = False
    bias_width: int = 1
    spiking: bool = True

    signed: ClassVar[bool] = True
    FIELDS: ClassVar[Mapping[str, Field]] = {
        "decay": Field(0, 1),
        "v_threshold": Field(1e-6, np.inf, 1.0),
        "soft_reset": Field(0, 1, 0.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float | tuple[float, ...]]] = {"decay": 0.9}

    def parameter_shapes(self) -> dict[str, Format]:
        threshold = (self.state_width, True)
        return {"bias": (self.bias_width, True), "decay": (self.fraction_bits + 1, False), "threshold": threshold}

    def ranges(self) -> dict[str, tuple[int, int]]:
        factors = {"decay": (0, 1 << self.fraction_bits)}
        return super().ranges() | factors | {"threshold": (1, signed_max(self.state_width))}

    def step(self, given: Inputs) -> Outputs:
        v, threshold = given.integrated, given.parameters["threshold"]
        above = let(reaches(v, threshold, strictly=False), "above")
        below = let(reaches(-v, threshold, strictly=False), "below")
        v, above, below = cut(v, above, below)
        after = let(select(above, v - threshold, v + threshold), "after") if self.soft else 0
        settled, above, below = cut(let(select(above | below, after, v), "settled", self.state_width), above, below)
        leaked = Multiply(self.fraction_bits).apply(settled, given.parameters["decay"])
        renewed = let(leaked, "renewed", self.state_width)
        return Outputs(renewed, let(select(above, 1, select(below, -1, 0)), "spike", 2), settled)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Ternary", dict[str, np.ndarray]]:
        bits, soft = formats.fraction_bits, switched(cls, values, "soft_reset")
        parameters = {"decay": factor(cls, "decay", values["decay"], bits), "threshold": scale * values["v_threshold"]}
        return cls(formats.state_width, bits, soft), parameters
