"""PSN: spikes of each step from the drives of all steps, those that come later among them (Fang et al. 2023).

    h[t] = weight[t][0] * x[0] + weight[t][1] * x[1] + … + weight[t][T-1] * x[T-1]
    s[t] = h[t] >= v_thresholds[t]                                                    t = 0 … T - 1

(Zhou et al. 2024, eqs 8-10.) The last drive must be there before the first spike: s[t] comes out in step T - 1 + t. A
sample has 2T - 1 steps, and nothing but the bias arrives in its last T - 1; what does arrive is ignored, and each such
step of a neuron counts as saturated, as does each step after them all, in which nothing fires. In the first T - 1 steps
h is 0.

In software all steps are one product with a matrix of T × T. Hardware goes step by step, a neuron a cycle and lane,
keeps T drives of each neuron, and has T multipliers in each lane, which take the row of the step: beside their events
the 2T - 1 steps of N neurons take (2T - 1) * ceil(N / lanes) cycles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import cut, let, narrow, reaches, select
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs
from .taps import check, check_range, chosen, filtered, square, tap_width

MAX_STEPS = 64


@dataclass(frozen=True)
class Psn(Neuron, kind="PSN"):
    """``steps``: T; weights, ``w3_1`` that of row 3 and column 1, of ``tap_width`` bits, ``fraction_bits`` of them;
    ``drive_width``: signed bits of the sum of a step's weights. Raises ValueError for formats out of range."""

    state_width: int
    drive_width: int
    steps: int
    tap_width: int
    fraction_bits: int
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "weight": Field(-np.inf, np.inf, whole=True),
        "v_thresholds": Field(-np.inf, np.inf, 1.0, whole=True),
    }
    EXAMPLE: ClassVar[Mapping[str, float | tuple[float, ...]]] = {
        "weight": tuple(0.5 ** abs(t - i) for t in range(4) for i in range(4))
    }

    def __post_init__(self) -> None:
        check_range("Steps of a PSN", self.steps, MAX_STEPS)
        check(self.kind, tap_width=self.tap_width, fraction_bits=self.fraction_bits)

    @property
    def integrator_width(self) -> int:
        return self.drive_width

    @property
    def end(self) -> int:
        """Steps of a sample."""
        return 2 * self.steps - 1

    def states(self) -> dict[str, Format]:
        drives = {f"drive{i}": (self.drive_width, True) for i in range(self.steps)}
        return drives | {"now": (self.end.bit_length(), False)}

    def parameter_shapes(self) -> dict[str, Format]:
        shapes = {"bias": (self.bias_width, True)}
        shapes |= {f"threshold{t}": (self.state_width, True) for t in range(self.steps)}
        return shapes | {f"w{t}_{i}": (self.tap_width, True) for t in range(self.steps) for i in range(self.steps)}

    def step(self, given: Inputs) -> Outputs:
        now, parameters, steps = given.state["now"], given.parameters, self.steps
        row = let(now - (steps - 1), "row")  # of the spikes that come out
        taps = [
            cut(let(chosen(row, [parameters[f"w{t}_{i}"] for t in range(steps)], 0), f"tap{i}")) for i in range(steps)
        ]
        drives = [
            cut(let(select(now == i, given.integrated, given.state[f"drive{i}"]), f"kept{i}", self.drive_width))
            for i in range(steps)
        ]
        h, saturated = filtered(drives, taps, self.fraction_bits, self.state_width)
        thresholds = [parameters[f"threshold{t}"] for t in range(steps)]
        threshold = cut(let(chosen(row, thresholds, 0), "threshold"))
        fires = cut(let((row >= 0) & (now < self.end), "fires"))
        bias, _ = narrow(parameters["bias"], self.drive_width, "nothing")
        stray = cut(let((row > 0) & (given.integrated != bias), "stray"))
        lost = cut(let(stray | cut(now >= self.end), "lost"))
        h, saturated = cut(h, saturated)
        spike = cut(let(reaches(h, threshold, strictly=False) & fires, "spike"))
        state = {f"drive{i}": drive for i, drive in enumerate(drives)}
        state["now"] = let(select(now >= self.end, self.end, now + 1), "following", self.end.bit_length() + 1)
        return Outputs(0, spike, h, saturated | lost, state)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Psn", dict[str, np.ndarray]]:
        steps, weight, thresholds = square(cls.kind, values)
        width, one = formats.state_width, 1 << formats.fraction_bits
        taps = {f"w{t}_{i}": np.full(scale.shape, one * weight[t, i]) for t in range(steps) for i in range(steps)}
        model = cls(width, width, steps, tap_width(taps), formats.fraction_bits)
        return model, taps | {f"threshold{t}": scale * thresholds[t] for t in range(steps)}
