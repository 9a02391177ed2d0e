"""Leaky integrate-and-fire with stochastic firing, or a threshold with noise.

    v[t] = decay * u[t-1] + x[t]
    s[t] = 1 with a probability that :mod:`.escape` says, from slope * (v[t] - v_threshold)
    u[t] = v[t], after a spike v_reset (hard), or less v_threshold (soft)

(Gerstner and Kistler 2002, section 5.3.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import cut, let, narrow, round_shift, select, signed_max
from .escape import Escape, check, fires, fitted_slope
from .fields import factor, ordered, switched
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs, one_number

NOISE_WIDTH = 8  # a probability is a multiple of 2**-8


@dataclass(frozen=True)
class Stochastic(Neuron, kind="StochasticLIF"):
    """``fraction_bits``: of the decay; ``slope_width``, ``slope_fraction``: of the slope. Raises ValueError for widths
    and seeds out of range."""

    state_width: int
    fraction_bits: int
    slope_width: int
    slope_fraction: int
    escape: Escape = "logistic"
    soft: bool = False
    noise_width: int = NOISE_WIDTH
    seed: int = 1
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "decay": Field(0, 1),
        "slope": Field(0, np.inf, 1.0),
        "v_threshold": Field(0, np.inf, 1.0),
        "v_reset": Field(-np.inf, np.inf, 0.0),
        "soft_reset": Field(0, 1, 0.0),
        "linear": Field(0, 1, 0.0),
        "seed": Field(1, (1 << 32) - 1, 1.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {"decay": 0.9}

    def __post_init__(self) -> None:
        check(self.noise_width, self.slope_width, self.seed)

    def parameter_shapes(self) -> dict[str, Format]:
        state = (self.state_width, True)
        shapes = {"bias": (self.bias_width, True), "decay": (self.fraction_bits + 1, False), "threshold": state}
        shapes |= {"slope": (self.slope_width, False)}
        return shapes | ({} if self.soft else {"reset_value": state})

    def ranges(self) -> dict[str, tuple[int, int]]:
        return super().ranges() | {
            "decay": (0, 1 << self.fraction_bits),
            "threshold": (0, signed_max(self.state_width)),
        }

    def step(self, given: Inputs) -> Outputs:
        width, parameters, v = self.state_width, given.parameters, given.integrated
        above = cut(let(cut(v) - parameters["threshold"], "above", width + 1))
        spike = fires(self.escape, above, parameters["slope"], self.slope_fraction, given.noise, self.noise_width)
        if self.soft:  # far below the threshold a spike is unlikely, but it may come
            after, limited = narrow(above, width, "lowered")
        else:
            after, limited = parameters["reset_value"], False
        after, spike, limited = cut(after, spike, limited)
        settled = cut(let(select(spike, after, v), "settled", width))
        product = cut(let(settled * parameters["decay"], "decay_product"))
        renewed = let(round_shift(product, self.fraction_bits), "renewed", width)
        return Outputs(renewed, spike, settled, spike & limited)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Stochastic", dict[str, np.ndarray]]:
        escape: Escape = "linear" if switched(cls, values, "linear") else "logistic"
        width, fraction, slope = fitted_slope(
            escape, values["slope"], scale, NOISE_WIDTH, formats.state_width, formats.fraction_bits
        )
        parameters = {
            "decay": factor(cls, "decay", values["decay"], formats.fraction_bits),
            "threshold": scale * values["v_threshold"],
            "slope": slope,
        }
        soft = switched(cls, values, "soft_reset")
        if not soft:
            ordered(cls, values, "v_reset", "v_threshold")
            parameters["reset_value"] = scale * values["v_reset"]
        seed = one_number("Seed of a StochasticLIF", values["seed"])
        model = cls(formats.state_width, formats.fraction_bits, width, fraction, escape, soft, seed=seed)
        return model, parameters
