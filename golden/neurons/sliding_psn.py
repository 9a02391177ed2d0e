"""Sliding PSN: a neuron that fires by a filter over its last drives, and is never reset (Fang et al. 2023).

    h[t] = tap0 * x[t] + tap1 * x[t-1] + … + tap(k-1) * x[t-k+1]      x[t] = 0 for t < 0
    s[t] = h[t] >= v_threshold

(Zhou et al. 2024, eqs 8-10, with a row of W that slides along.) The order k is the place of the last tap that is not 0.

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
    """``order``: number of taps, of ``tap_width`` bits, ``fraction_bits`` of them; ``drive_width``: signed bits of the
    sum of a step's weights. Raises ValueError for formats out of range."""

    state_width: int
    drive_width: int
    order: int
    tap_width: int
    fraction_bits: int
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "tap0": Field(-np.inf, np.inf),
        **{f"tap{place}": Field(-np.inf, np.inf, 0.0) for place in range(1, MAX_ORDER)},
        "v_threshold": Field(-np.inf, np.inf, 1.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {"tap0": 1.0, "tap1": 0.5, "tap2": 0.25, "tap3": 0.125}

    def __post_init__(self) -> None:
        check_range("Order of a SlidingPSN", self.order, MAX_ORDER)
        check(
            self.kind,
            tap_width=self.tap_width,
            fraction_bits=self.fraction_bits,
            drive_width=self.drive_width,
            bias_width=self.bias_width,
        )

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
        order = 1 + max(place for place in range(MAX_ORDER) if not place or values[f"tap{place}"].any())
        taps = {f"tap{place}": (1 << formats.fraction_bits) * values[f"tap{place}"] for place in range(order)}
        width = formats.state_width
        model = cls(width, width, order, tap_width(taps), formats.fraction_bits)
        return model, taps | {"threshold": scale * values["v_threshold"]}
