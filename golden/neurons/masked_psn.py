"""Masked PSN: each step has weights of its own for the last drives, and nothing is reset (Fang et al. 2023).

    h[t] = weight[t][t-k+1] * x[t-k+1] + … + weight[t][t-1] * x[t-1] + weight[t][t] * x[t]      x[t] = 0 for t < 0
    s[t] = h[t] >= v_thresholds[t]                                                              t = 0 … T - 1

(Zhou et al. 2024, eqs 8-10, with W masked to its diagonal and the k - 1 below it; k is the ``order``.) A neuron counts
its steps. In those after the last one h is 0 and nothing fires, and each of them counts as saturated.

In software all steps are one product with a matrix of T × T. Hardware goes step by step, a neuron a cycle and lane, and
has k multipliers in each lane, which take the weights of the step: beside their events T steps of N neurons take
T * ceil(N / lanes) cycles, as of any model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import cut, let, reaches, select
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs, one_number
from .taps import check, check_range, chosen, filtered, square, tap_width

MAX_STEPS = 64


@dataclass(frozen=True)
class MaskedPsn(Neuron, kind="MaskedPSN"):
    """``steps``: T; ``order``: most drives of which one h is the sum; weights, ``w3_1`` that of row 3 and column 1, of
    ``tap_width`` bits, ``fraction_bits`` of them; ``drive_width``: signed bits of the sum of a step's weights. Raises
    ValueError for formats out of range."""

    state_width: int
    drive_width: int
    steps: int
    order: int
    tap_width: int
    fraction_bits: int
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "weight": Field(-np.inf, np.inf, whole=True),
        "order": Field(1, MAX_STEPS),
        "v_thresholds": Field(-np.inf, np.inf, 1.0, whole=True),
    }
    EXAMPLE: ClassVar[Mapping[str, float | tuple[float, ...]]] = {
        "weight": tuple(0.5 ** abs(t - i) for t in range(4) for i in range(4)),
        "order": 2,
    }

    def __post_init__(self) -> None:
        check_range("Steps of a MaskedPSN", self.steps, MAX_STEPS)
        check_range("Order of a MaskedPSN", self.order, self.steps)
        check(self.kind, tap_width=self.tap_width, fraction_bits=self.fraction_bits)

    @property
    def integrator_width(self) -> int:
        return self.drive_width

    def states(self) -> dict[str, Format]:
        drives = {f"drive{ago}": (self.drive_width, True) for ago in range(1, self.order)}
        return drives | {"now": (self.steps.bit_length(), False)}

    def parameter_shapes(self) -> dict[str, Format]:
        shapes = {"bias": (self.bias_width, True)}
        shapes |= {f"threshold{t}": (self.state_width, True) for t in range(self.steps)}
        return shapes | dict.fromkeys(self._weights(), (self.tap_width, True))

    def _weights(self) -> list[str]:
        return [f"w{t}_{i}" for t in range(self.steps) for i in range(max(t - self.order + 1, 0), t + 1)]

    def step(self, given: Inputs) -> Outputs:
        now, parameters = given.state["now"], given.parameters
        drives = [given.integrated, *(given.state[f"drive{ago}"] for ago in range(1, self.order))]
        taps = [
            cut(let(chosen(now, [parameters.get(f"w{t}_{t - ago}", 0) for t in range(self.steps)], 0), f"tap{ago}"))
            for ago in range(self.order)
        ]
        h, saturated = filtered([cut(each) for each in drives], taps, self.fraction_bits, self.state_width)
        thresholds = [parameters[f"threshold{t}"] for t in range(self.steps)]
        threshold = cut(let(chosen(now, thresholds, 0), "threshold"))
        fires, over = cut(let(now < self.steps, "fires"), let(now >= self.steps, "over"))
        h, saturated = cut(h, saturated)
        spike = cut(let(reaches(h, threshold, strictly=False) & fires, "spike"))
        state = {f"drive{ago}": drives[ago - 1] for ago in range(1, self.order)}
        state["now"] = let(select(now >= self.steps, self.steps, now + 1), "following", self.steps.bit_length() + 1)
        return Outputs(0, spike, h, saturated | over, state)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["MaskedPsn", dict[str, np.ndarray]]:
        steps, weight, thresholds = square(cls.kind, values)
        order, width = one_number("Order of a MaskedPSN", values["order"]), formats.state_width
        taps = {
            f"w{t}_{i}": np.full(scale.shape, (1 << formats.fraction_bits) * weight[t, i])
            for t in range(steps)
            for i in range(max(t - order + 1, 0), t + 1)
        }
        model = cls(width, width, steps, order, tap_width(taps), formats.fraction_bits)
        return model, taps | {f"threshold{t}": scale * thresholds[t] for t in range(steps)}
