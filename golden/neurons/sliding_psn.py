"""Sliding PSN: a neuron that fires by a filter over its last drives, and is never reset (Fang et al. 2023).

    h[t] = weight[0] * x[t-k+1] + … + weight[k-2] * x[t-1] + weight[k-1] * x[t]      x[t] = 0 for t < 0
    s[t] = h[t] >= v_threshold

(Zhou et al. 2024, eqs 8-10, with a row of W that slides along.) The order k is the number of weights.

In software all steps are one product with a matrix of T × T. Hardware goes step by step, a neuron a cycle and lane,
keeps the last k - 1 drives of each neuron, and has a multiplier for each tap in each lane: beside their events T steps
of N neurons take T * ceil(N / lanes) cycles, as of any model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import cut, let, reaches
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs
from .taps import check, check_range, filtered, tap_width

MAX_ORDER = 32


@dataclass(frozen=True)
class SlidingPsn(Neuron, kind="SlidingPSN"):
    """``order``: number of weights, which are ``tap0`` of this step's drive to ``tap<k-1>``, of ``tap_width`` bits,
    ``fraction_bits`` of them; ``drive_width``: signed bits of the
    sum of a step's weights. Raises ValueError for formats out of range."""

    state_width: int
    drive_width: int
    order: int
    tap_width: int
    fraction_bits: int
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "weight": Field(-np.inf, np.inf, whole=True),
        "v_threshold": Field(-np.inf, np.inf, 1.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float | tuple[float, ...]]] = {"weight": (0.125, 0.25, 0.5, 1.0)}

    def __post_init__(self) -> None:
        check_range("Order of a SlidingPSN", self.order, MAX_ORDER)
        check(self.kind, tap_width=self.tap_width, fraction_bits=self.fraction_bits)

    @property
    def integrator_width(self) -> int:
        return self.drive_width

    def states(self) -> dict[str, Format]:
        return {f"drive{ago}": (self.drive_width, True) for ago in range(1, self.order)}

    def parameter_shapes(self) -> dict[str, Format]:
        shapes = {"bias": (self.bias_width, True), "threshold": (self.state_width, True)}
        return shapes | {f"tap{place}": (self.tap_width, True) for place in range(self.order)}

    def step(self, given: Inputs) -> Outputs:
        drives = [given.integrated, *(given.state[f"drive{ago}"] for ago in range(1, self.order))]
        taps = [given.parameters[f"tap{place}"] for place in range(self.order)]
        h, saturated = filtered([cut(each) for each in drives], taps, self.fraction_bits, self.state_width)
        h, saturated = cut(h, saturated)
        spike = cut(let(reaches(h, given.parameters["threshold"], strictly=False), "spike"))
        state = {f"drive{ago}": drives[ago - 1] for ago in range(1, self.order)}
        return Outputs(0, spike, h, saturated, state)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["SlidingPsn", dict[str, np.ndarray]]:
        weight, width = values["weight"].reshape(-1), formats.state_width
        newest_first = enumerate((1 << formats.fraction_bits) * weight[::-1])
        taps = {f"tap{ago}": np.full(scale.shape, value) for ago, value in newest_first}
        model = cls(width, width, len(taps), tap_width(taps), formats.fraction_bits)
        return model, taps | {"threshold": scale * values["v_threshold"]}
