"""LIFB: a leaky integrate-and-fire neuron that rests, spikes, or bursts (Shen et al. 2023; Zhou et al. 2024, section
2.1).

With a second threshold ``v_burst`` and a learned density ``k`` of the burst:

    h[t] = decay * v[t-1] + x[t]
    s[t] = 0 where h[t] < v_threshold,    1 where v_threshold <= h[t] < v_burst,    k where v_burst <= h[t]
    v[t] = h[t], after a spike or a burst v_reset

A burst is one event of ``k`` spikes, which hardware counts: ``k`` is rounded to a whole number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import cut, let, reaches, select
from .fields import factor, ordered
from .leak import Multiply
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs


@dataclass(frozen=True)
class Lifb(Neuron, kind="LIFB"):
    """``fraction_bits``: of the decay. ``levels``: most spikes of a burst. Raises ValueError for fewer than 2."""

    state_width: int
    fraction_bits: int
    levels: int = 2
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "decay": Field(0, 1),
        "k": Field(1, 255),
        "v_burst": Field(0, np.inf),
        "v_threshold": Field(0, np.inf, 1.0),
        "v_reset": Field(-np.inf, np.inf, 0.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {"decay": 0.5, "k": 3.0, "v_burst": 1.75}

    def __post_init__(self) -> None:
        if self.levels < 2:
            raise ValueError(f"Levels of a LIFB neuron must be 2 or more, not {self.levels}")

    def parameter_shapes(self) -> dict[str, Format]:
        state = (self.state_width, True)
        return {
            "bias": (self.bias_width, True),
            "decay": (self.fraction_bits + 1, False),
            "burst": (self.levels.bit_length(), False),
            "threshold": state,
            "burst_threshold": state,
            "reset_value": state,
        }

    def ranges(self) -> dict[str, tuple[int, int]]:
        return super().ranges() | {"decay": (0, 1 << self.fraction_bits), "burst": (1, self.levels)}

    def step(self, given: Inputs) -> Outputs:
        v, parameters = given.integrated, given.parameters
        fires = let(reaches(v, parameters["threshold"], strictly=False), "fires")
        bursts = let(reaches(v, parameters["burst_threshold"], strictly=False), "bursts")
        v, fires, bursts = cut(v, fires, bursts)
        spike = select(fires, select(bursts, parameters["burst"], 1), 0)
        settled = cut(let(select(fires, parameters["reset_value"], v), "settled", self.state_width))
        decayed = Multiply(self.fraction_bits).apply(settled, parameters["decay"])
        return Outputs(let(decayed, "renewed", self.state_width), spike, settled)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Lifb", dict[str, np.ndarray]]:
        ordered(cls, values, "v_threshold", "v_burst")
        ordered(cls, values, "v_reset", "v_threshold")
        parameters = {
            "decay": factor(cls, "decay", values["decay"], formats.fraction_bits),
            "burst": values["k"],
            "threshold": scale * values["v_threshold"],
            "burst_threshold": scale * values["v_burst"],
            "reset_value": scale * values["v_reset"],
        }
        levels = max(int(np.rint(values["k"]).max()), 2)
        return cls(formats.state_width, formats.fraction_bits, levels), parameters
