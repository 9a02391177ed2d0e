"""KLIF: a leaky integrate-and-fire neuron that scales and rectifies its potential before it fires.

With a learned factor ``k`` (Zhou et al. 2024, eqs 5-7; Jiang and Zhang 2023):

    h[t] = decay * v[t-1] + x[t]        charge
    f[t] = relu(k * h[t])
    s[t] = f[t] >= v_threshold
    v[t] = f[t], after a spike v_reset (hard), or less v_threshold (soft)

Where inputs have a gain, or a leak goes towards v_reset (SpikingJelly's ``decay_input``), ``x`` has both in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import cut, let, narrow, reaches, round_shift, select, signed_max
from .fields import factor, ordered, switched
from .leak import Multiply
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs


@dataclass(frozen=True)
class Klif(Neuron, kind="KLIF"):
    """``fraction_bits``: of ``k``, which has ``k_width`` bits, and of the decay."""

    state_width: int
    fraction_bits: int
    k_width: int
    soft: bool = False
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "decay": Field(0, 1),
        "k": Field(0, 255, 1.0),
        "v_threshold": Field(0, np.inf, 1.0),
        "v_reset": Field(-np.inf, np.inf, 0.0),
        "soft_reset": Field(0, 1, 0.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {"decay": 0.5, "k": 1.25}

    def parameter_shapes(self) -> dict[str, Format]:
        state = (self.state_width, True)
        shapes = {"bias": (self.bias_width, True), "decay": (self.fraction_bits + 1, False), "k": (self.k_width, False)}
        return shapes | {"threshold": state} | ({} if self.soft else {"reset_value": state})

    def ranges(self) -> dict[str, tuple[int, int]]:
        return super().ranges() | {
            "decay": (0, 1 << self.fraction_bits),
            "threshold": (0, signed_max(self.state_width)),
        }

    def step(self, given: Inputs) -> Outputs:
        width, parameters = self.state_width, given.parameters
        product = cut(let(given.integrated * parameters["k"], "product"))
        f, saturated = narrow(round_shift(product, self.fraction_bits), width, "scaled")
        f = let(select(product < 0, 0, f), "rectified", width)
        spike = let(reaches(f, parameters["threshold"], strictly=False), "spike")
        f, spike, saturated = cut(f, spike, saturated & (product >= 0))
        after = f - parameters["threshold"] if self.soft else parameters["reset_value"]
        settled = cut(let(select(spike, after, f), "settled", width))
        renewed = let(Multiply(self.fraction_bits).apply(settled, parameters["decay"]), "renewed", width)
        return Outputs(renewed, spike, settled, saturated)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Klif", dict[str, np.ndarray]]:
        one = 1 << formats.fraction_bits
        parameters = {
            "decay": factor(cls, "decay", values["decay"], formats.fraction_bits),
            "k": one * values["k"],
            "threshold": scale * values["v_threshold"],
        }
        soft = switched(cls, values, "soft_reset")
        if not soft:
            ordered(cls, values, "v_reset", "v_threshold")
            parameters["reset_value"] = scale * values["v_reset"]
        k_width = int(np.rint(parameters["k"]).max()).bit_length()
        return cls(formats.state_width, formats.fraction_bits, max(k_width, 1), soft), parameters
