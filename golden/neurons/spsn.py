"""SPSN: a leaky integrator that is never reset, and fires at random (Yarga and Wood 2023).

    i[t] = current_decay * i[t-1] + x[t]
    v[t] = decay * v[t-1] + (1 - decay) * i[t]
    s[t] = 1 with probability 1 / (1 + exp(-slope * (v[t] - v_threshold)))

Nothing depends on spikes, so that software computes all steps at once, as a convolution; hardware goes step by step, a
neuron a cycle and lane as any model, and keeps v / (1 - decay), which it shows as the membrane potential: the factor is
one of slope and threshold, and saves a product. The slope is 1 where spikes are drawn from the logistic function of v,
and 2 where by Gumbel-softmax of v and -v.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import cut, let, narrow, round_shift
from .escape import check, fires, fitted_slope
from .fields import factor
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs, one_number
from .stochastic import NOISE_WIDTH


@dataclass(frozen=True)
class Spsn(Neuron, kind="SPSN"):
    """``current_width``: signed bits of the current; ``fraction_bits``: of both decays; ``slope_width``,
    ``slope_fraction``: of the slope. Raises ValueError for widths and seeds out of range."""

    state_width: int
    current_width: int
    fraction_bits: int
    slope_width: int
    slope_fraction: int
    noise_width: int = NOISE_WIDTH
    seed: int = 1
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "decay": Field(0, 1),
        "current_decay": Field(0, 1, 0.0),
        "slope": Field(0, np.inf, 1.0),
        "v_threshold": Field(-np.inf, np.inf, 0.0),
        "seed": Field(1, (1 << 32) - 1, 1.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {"decay": 0.9, "current_decay": 0.5, "slope": 4.0, "v_threshold": 0.5}

    def __post_init__(self) -> None:
        check(self.noise_width, self.slope_width, self.seed)

    @property
    def integrator_width(self) -> int:
        return self.current_width

    def states(self) -> dict[str, Format]:
        return {"membrane": (self.state_width, True)}

    def parameter_shapes(self) -> dict[str, Format]:
        factor = (self.fraction_bits + 1, False)
        return {
            "bias": (self.bias_width, True),
            "decay": factor,
            "current_decay": factor,
            "threshold": (self.state_width, True),
            "slope": (self.slope_width, False),
        }

    def ranges(self) -> dict[str, tuple[int, int]]:
        decay = (0, 1 << self.fraction_bits)
        return super().ranges() | {"decay": decay, "current_decay": decay}

    def step(self, given: Inputs) -> Outputs:
        parameters, i = given.parameters, given.integrated
        total = cut(let(given.state["membrane"] + cut(i), "total"))
        v, saturated = narrow(total, self.state_width, "membrane")
        above = cut(let(cut(v) - parameters["threshold"], "above"))
        spike = fires("logistic", above, parameters["slope"], self.slope_fraction, given.noise, self.noise_width)
        product = cut(let(cut(v) * parameters["decay"], "decay_product"))
        renewed = let(round_shift(product, self.fraction_bits), "renewed", self.state_width)
        product = cut(let(cut(i) * parameters["current_decay"], "current_product"))
        decayed = let(round_shift(product, self.fraction_bits), "current_decayed", self.current_width)
        return Outputs(decayed, spike, v, saturated, {"membrane": renewed})

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Spsn", dict[str, np.ndarray]]:
        gain = 1 - values["decay"]
        if not gain.all():
            raise ValueError("Decay of an SPSN must be less than 1, or nothing ever reaches its potential, not 1")
        digits = formats.fraction_bits
        width, fraction, slope = fitted_slope(
            "logistic", values["slope"] * gain, scale, NOISE_WIDTH, formats.state_width, digits
        )
        parameters = {
            "decay": factor(cls, "decay", values["decay"], digits),
            "current_decay": factor(cls, "current_decay", values["current_decay"], digits),
            "threshold": scale * values["v_threshold"] / gain,
            "slope": slope,
        }
        seed = one_number("Seed of an SPSN", values["seed"])
        return cls(formats.state_width, formats.state_width, digits, width, fraction, seed=seed), parameters
