"""Several thresholds: spikes whose value is the number of thresholds that are reached.

``MT``, one potential (Wang et al. 2023, MT-SNN, whose synapses add up the spikes of all thresholds with the same
weights):

    v[t] = decay * v[t-1] + x[t]
    s[t] = number of v_thresholds that v[t] reaches
    v[t] = v_reset where any is reached (hard), or less the highest that is (soft)

``MLF``, a potential for each threshold (Feng et al. 2022, multi-level firing), all with the same input:

    v_k[t] = decay * v_k[t-1] + x[t]
    s[t] = number of the v_k[t] that reach their threshold, each of which becomes 0
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np

from ..fixed import Value, cut, let, narrow, reaches, select, signed_max
from .fields import factor, switched
from .leak import Multiply
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs

_FIELDS = {"decay": Field(0, 1), "v_thresholds": Field(1e-6, np.inf, whole=True)}


@dataclass(frozen=True)
class _Levels(Neuron):
    """``levels``: the number of thresholds, ``threshold0`` the lowest; ``fraction_bits``: of the decay."""

    state_width: int
    fraction_bits: int
    levels: int
    bias_width: int = 1
    spiking: bool = True

    def parameter_shapes(self) -> dict[str, Format]:
        shapes = {"bias": (self.bias_width, True), "decay": (self.fraction_bits + 1, False)}
        return shapes | dict.fromkeys(self.thresholds, (self.state_width, True))

    def ranges(self) -> dict[str, tuple[int, int]]:
        thresholds = {name: (1, signed_max(self.state_width)) for name in self.thresholds}
        return super().ranges() | {"decay": (0, 1 << self.fraction_bits)} | thresholds

    def problem(self, parameters: Mapping[str, np.ndarray]) -> str | None:
        values = [parameters[name] for name in self.thresholds]
        for lower, higher in pairwise(values):
            if (lower >= higher).any():
                return "Thresholds must grow from one to the next"
        return None

    @property
    def thresholds(self) -> list[str]:
        return [f"threshold{number}" for number in range(self.levels)]

    def _leaked(self, v: Value, given: Inputs, name: str) -> Value:
        return let(Multiply(self.fraction_bits).apply(v, given.parameters["decay"]), name, self.state_width)

    @classmethod
    def _fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats, **options: Any
    ) -> tuple[Self, dict[str, np.ndarray]]:
        thresholds = values["v_thresholds"].reshape(-1)
        if (np.diff(thresholds) <= 0).any():
            raise ValueError(f"{cls.kind}: v_thresholds must grow from one to the next, not {thresholds.tolist()}")
        parameters = {f"threshold{number}": scale * value for number, value in enumerate(thresholds)}
        parameters["decay"] = factor(cls, "decay", values["decay"], formats.fraction_bits)
        return cls(formats.state_width, formats.fraction_bits, thresholds.size, **options), parameters


@dataclass(frozen=True)
class MultiThreshold(_Levels, kind="MT"):
    """``soft``: the reset subtracts."""

    soft: bool = False

    FIELDS: ClassVar[Mapping[str, Field]] = _FIELDS | {
        "soft_reset": Field(0, 1, 1.0),
        "v_reset": Field(-np.inf, np.inf, 0.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float | tuple[float, ...]]] = {"decay": 0.9, "v_thresholds": (1.0, 2.0, 3.0)}

    def parameter_shapes(self) -> dict[str, Format]:
        return super().parameter_shapes() | ({} if self.soft else {"reset_value": (self.state_width, True)})

    def step(self, given: Inputs) -> Outputs:
        v, parameters = given.integrated, given.parameters
        reached = [
            let(reaches(v, parameters[name], strictly=False), f"reached{number}")
            for number, name in enumerate(self.thresholds)
        ]
        v, *reached = cut(v, *reached)
        spike = _count(reached)
        after = v
        for name, each in zip(self.thresholds, reached, strict=True):
            after = select(each, v - parameters[name] if self.soft else parameters["reset_value"], after)
        settled, spike = cut(let(after, "settled", self.state_width), spike)
        return Outputs(self._leaked(settled, given, "renewed"), spike, settled)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["MultiThreshold", dict[str, np.ndarray]]:
        soft, lowest = switched(cls, values, "soft_reset"), values["v_thresholds"].flat[0]
        if not soft and values["v_reset"].max() > lowest:
            raise ValueError(
                f"MT needs v_reset at or below the lowest of v_thresholds, not {values['v_reset'].max():g} above"
                f" {lowest:g}"
            )
        model, parameters = cls._fitted(values, scale, formats, soft=soft)
        return model, parameters | ({} if soft else {"reset_value": scale * values["v_reset"]})


@dataclass(frozen=True)
class MultiLevel(_Levels, kind="MLF"):
    """Its integrator is the input of a step; ``membrane`` is the potential of the lowest threshold."""

    FIELDS: ClassVar[Mapping[str, Field]] = _FIELDS
    EXAMPLE: ClassVar[Mapping[str, float | tuple[float, ...]]] = {"decay": 0.9, "v_thresholds": (0.6, 1.6, 2.6)}

    def states(self) -> dict[str, Format]:
        return {f"v{number}": (self.state_width, True) for number in range(self.levels)}

    def step(self, given: Inputs) -> Outputs:
        x, width = cut(given.integrated), self.state_width
        limited, reached, settled = False, [], []
        for number, name in enumerate(self.thresholds):
            v, overflow = narrow(let(given.state[f"v{number}"] + x, f"sum{number}"), width, f"charged{number}")
            v, overflow = cut(v, overflow)
            fired = let(reaches(v, given.parameters[name], strictly=False), f"reached{number}")
            v, fired, overflow = cut(v, fired, overflow)
            settled.append(let(select(fired, 0, v), f"settled{number}", width))
            reached.append(fired)
            limited = overflow | limited
        spike, limited, *settled = cut(_count(reached), limited, *settled)
        state = {f"v{number}": self._leaked(v, given, f"renewed{number}") for number, v in enumerate(settled)}
        return Outputs(0, spike, settled[0], limited, state)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["MultiLevel", dict[str, np.ndarray]]:
        return cls._fitted(values, scale, formats)


def _count(conditions: list[Value]) -> Value:
    """How many hold."""
    total: Value = 0
    for condition in conditions:
        total = select(condition, 1, 0) + total
    return let(total, "spike", len(conditions).bit_length() + 1)
