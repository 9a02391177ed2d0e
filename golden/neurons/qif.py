"""QIF: the quadratic integrate-and-fire neuron (Ermentrout and Kopell 1986; Latham et al. 2000), by Euler's rule.

    v[t] = v[t-1] + dt / tau * a0 * (v[t-1] - v_rest) * (v[t-1] - v_c) + x[t]
    s[t] = v[t] >= v_threshold, and then v[t] = v_reset

``x[t]`` is what the weights and the bias add to the potential in a step: a current ``I`` as ``dt / tau * I``, the
factor being in the weights, as with other models. ``dt`` and ``tau`` in ms; ``v_initial`` is v[0]. What does not depend
on x[t] is computed when the step before ends, so that weights are added to the potential itself. The square is
completed,

    a0 * (v - v_rest) * (v - v_c) = a0 * (v - centre)**2 + offset

so that a step takes two multiplications: the square and its factor; the second is wires at a scale at which
``curvature`` is a power of two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import Value, cut, let, narrow, reaches, round_shift, select
from .factors import built_in, fraction_of, reset_problem, started
from .fields import ordered
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs

GUARD_BITS = 3  # of what is added to a potential in a step, before it is rounded


@dataclass(frozen=True)
class Parabola:
    """``curvature * (v - centre)**2 + offset``, in units of ``2**-guard_bits`` of the potential's.

    ``state_width``: signed bits of ``v`` and of ``centre``. The square is divided by ``2**shift`` and limited to two
    bits more; ``curvature`` has ``fraction_bits`` bits, all fraction. Raises ValueError for more guard bits than those.
    """

    state_width: int
    fraction_bits: int
    guard_bits: int
    shift: int

    def __post_init__(self) -> None:
        if not 0 <= self.guard_bits <= self.fraction_bits:
            raise ValueError(f"Guard bits must be 0..{self.fraction_bits}, the fraction's, not {self.guard_bits}")

    def parameter_shapes(self) -> dict[str, Format]:
        width = self.state_width
        return {
            "centre": (width, True),
            "curvature": (self.fraction_bits, False),
            "offset": (width + self.guard_bits, True),
        }

    def apply(self, v: Value, parameters: Mapping[str, Value]) -> tuple[Value, Value]:
        """The value less ``offset``, and whether the square was limited."""
        distance = cut(let(v - parameters["centre"], "from_centre"))
        square = cut(let(distance * distance, "square"))
        square, overflow = cut(*narrow(round_shift(square, self.shift), self.state_width + 2, "scaled_square"))
        curved = cut(let(square * parameters["curvature"], "curved"))
        return let(round_shift(curved, self.fraction_bits - self.guard_bits), "curve"), overflow

    @classmethod
    def fitted(
        cls, formats: Formats, curvature: np.ndarray, centre: np.ndarray, offset: np.ndarray
    ) -> tuple["Parabola", dict[str, np.ndarray]]:
        """Of floats in units of the potential."""
        bits = formats.fraction_bits
        guard, shift = min(GUARD_BITS, bits), max(fraction_of(curvature, bits) - bits, 0)
        parameters = {
            "centre": centre,
            "curvature": curvature * 2.0 ** (bits + shift),
            "offset": offset * 2.0**guard,
        }
        return cls(formats.state_width, bits, guard, shift), parameters


@dataclass(frozen=True)
class Qif(Neuron, kind="QIF"):
    """``start``: the potential that the first step's weights are added to. Raises ValueError if it does not fit."""

    parabola: Parabola
    start: float = 0.0
    bias_width: int = 1

    spiking = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "dt": Field(1e-3, 1e3),
        "tau": Field(1e-3, 1e6),
        "a0": Field(1e-6, 1e6, 1.0),
        "v_rest": Field(-1e6, 1e6),
        "v_c": Field(-1e6, 1e6),
        "v_threshold": Field(-1e6, 1e6),
        "v_reset": Field(-1e6, 1e6),
        "v_initial": Field(-1e6, 1e6, 0.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {
        "dt": 1, "tau": 2, "v_rest": 0, "v_c": 0.8, "v_threshold": 1, "v_reset": -0.1,
    }  # fmt: skip

    def __post_init__(self) -> None:
        self.initial()

    @property
    def state_width(self) -> int:  # type: ignore[override]
        return self.parabola.state_width

    def initial(self) -> dict[str, int]:
        return {"integrator": started("potential", self.start, self.state_width)}

    def initial_real(self) -> dict[str, float]:
        return {"integrator": self.start}

    def parameter_shapes(self) -> dict[str, Format]:
        state = (self.state_width, True)
        shapes = {"bias": (self.bias_width, True), "threshold": state, "reset_value": state}
        return shapes | self.parabola.parameter_shapes()

    def problem(self, parameters: Mapping[str, np.ndarray]) -> str | None:
        return reset_problem(parameters)

    def step(self, given: Inputs) -> Outputs:
        parameters, guard = given.parameters, self.parabola.guard_bits
        v, spike = cut(given.integrated, let(reaches(given.integrated, parameters["threshold"], False), "spike"))
        settled = cut(let(select(spike, parameters["reset_value"], v), "settled", self.state_width))
        curve, limited = self.parabola.apply(settled, parameters)
        rest = cut(let(settled * (1 << guard) + parameters["offset"], "rest"))
        total = cut(let(curve + rest, "renewed_total"))
        renewed, overflow = narrow(round_shift(total, guard), self.state_width, "renewed")
        return Outputs(renewed, spike, settled, limited | overflow)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Qif", dict[str, np.ndarray]]:
        ordered(cls, values, "v_reset", "v_threshold")
        lift = values["dt"] / values["tau"] * values["a0"]
        rest, critical, start = (values[name] for name in ("v_rest", "v_c", "v_initial"))
        parabola, parameters = Parabola.fitted(
            formats, lift / scale, scale * (rest + critical) / 2, -scale * lift * ((critical - rest) / 2) ** 2
        )
        parameters |= {"threshold": scale * values["v_threshold"], "reset_value": scale * values["v_reset"]}
        start = start + lift * (start - rest) * (start - critical)
        return cls(parabola, built_in(cls.kind, "the initial potential", scale * start)), parameters
