"""Masked PSN: each step has weights of its own for the last drives, and nothing is reset (Fang et al. 2023).

    h[t] = w[t][t] * x[t] + w[t][t-1] * x[t-1] + … + w[t][t-k+1] * x[t-k+1]      x[t] = 0 for t < 0
    s[t] = h[t] >= v_threshold[t]                                                t = 0 … steps - 1

(Zhou et al. 2024, eqs 8-10, with W masked to its diagonal and the k - 1 beside it.) ``w3_1`` is the weight in step 3 of
what came in step 1, and the order k follows from those that are not 0. A neuron counts its steps. In those after the
last one h is 0 and nothing fires, and each of them counts as saturated.

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
from .taps import check, check_range, chosen, filtered, tap_width

MAX_STEPS = 16


@dataclass(frozen=True)
class MaskedPsn(Neuron, kind="MaskedPSN"):
    """``steps`` of a sample, ``order``: most drives of which one h is the sum; weights of ``tap_width`` bits,
    ``fraction_bits`` of them; ``drive_width``: signed bits of the sum of a step's weights. Raises ValueError for
    formats out of range."""

    state_width: int
    drive_width: int
    steps: int
    order: int
    tap_width: int
    fraction_bits: int
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "steps": Field(1, MAX_STEPS),
        **{f"w{t}_{i}": Field(-np.inf, np.inf, 0.0) for t in range(MAX_STEPS) for i in range(t + 1)},
        **{f"v_threshold{t}": Field(-np.inf, np.inf, 1.0) for t in range(MAX_STEPS)},
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {"steps": 4.0} | {
        f"w{t}_{i}": 0.5 ** (t - i) for t in range(4) for i in range(max(t - 1, 0), t + 1)
    }

    def __post_init__(self) -> None:
        check_range("Steps of a MaskedPSN", self.steps, MAX_STEPS)
        check_range("Order of a MaskedPSN", self.order, self.steps)
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
        steps = one_number("Steps of a MaskedPSN", values["steps"])
        used = [(t, i) for t in range(steps) for i in range(t + 1) if values[f"w{t}_{i}"].any()]
        order = 1 + max((t - i for t, i in used), default=0)
        one, width = 1 << formats.fraction_bits, formats.state_width
        names = [f"w{t}_{i}" for t in range(steps) for i in range(max(t - order + 1, 0), t + 1)]
        weights = {name: one * values[name] for name in names}
        thresholds = {f"threshold{t}": scale * values[f"v_threshold{t}"] for t in range(steps)}
        model = cls(width, width, steps, order, tap_width(weights), formats.fraction_bits)
        return model, weights | thresholds
