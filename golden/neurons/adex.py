"""AdEx: the adaptive exponential integrate-and-fire neuron (Brette and Gerstner 2005; Naud et al. 2008, eqs 1-3).

    v[t] = v[t-1] + dt / tau * (v_rest - v[t-1] + delta_T * exp((v[t-1] - theta_rh) / delta_T) - w[t-1]) + x[t]
    s[t] = v[t] >= v_threshold
    w[t] = w[t-1] + dt / tau_w * (a * (min(v[t], v_threshold) - v_rest) - w[t-1]),   after a spike + b
    v[t] = v_reset after a spike

by Euler's rule; by how much a step overshoots the threshold does not adapt. ``dt``, ``tau`` and ``tau_w`` in ms. Papers
give a capacitance C, a conductance g, and a, b and I in their units: ``tau`` = C / g, ``a`` = a / g, ``b`` = b / g, and
``x[t]``, what weights and bias add to the potential in a step, = dt / tau * I / g. From v[0] = ``v_initial`` and
w[0] = a * (v[0] - v_rest). ``w`` is kept as dt / tau * (w + a * v_rest). The published patterns need a dt of 0.125.
Four multiplications: :mod:`.eif`, :mod:`.recovery`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import cut, let, narrow, reaches, round_shift, select
from . import eif
from .factors import built_in, reset_problem, started
from .fields import ordered
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs
from .recovery import Recovery


@dataclass(frozen=True)
class AdEx(Neuron, kind="AdEx"):
    """``start``: the potential that the first step's weights are added to. Raises ValueError if it does not fit."""

    upswing: eif.Upswing
    recovery: Recovery
    start: float = 0.0
    bias_width: int = 1

    spiking = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        **eif.FIELDS,
        "tau_w": Field(1e-3, 1e6),
        "a": Field(-1e3, 1e3),
        "b": Field(-1e6, 1e6),
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {**eif.Eif.EXAMPLE, "dt": 0.125, "tau_w": 30, "a": 0.2, "b": 5}

    def __post_init__(self) -> None:
        self.initial()

    @property
    def state_width(self) -> int:  # type: ignore[override]
        return self.upswing.table.state_width

    def states(self) -> dict[str, Format]:
        return {"recovery": (self.recovery.width, True)}

    def initial(self) -> dict[str, int]:
        return {"integrator": started("potential", self.start, self.state_width), "recovery": self.recovery.initial()}

    def initial_real(self) -> dict[str, float]:
        return {"integrator": self.start, "recovery": self.recovery.start}

    def parameter_shapes(self) -> dict[str, Format]:
        state = (self.state_width, True)
        shapes = {"bias": (self.bias_width, True), "threshold": state, "reset_value": state}
        return shapes | self.upswing.parameter_shapes() | self.recovery.parameter_shapes()

    def ranges(self) -> dict[str, tuple[int, int]]:
        ranges = super().ranges()
        return ranges | {"threshold": (ranges["threshold"][0], self.upswing.highest)}

    def problem(self, parameters: Mapping[str, np.ndarray]) -> str | None:
        return reset_problem(parameters)

    def step(self, given: Inputs) -> Outputs:
        parameters, v = given.parameters, given.integrated
        threshold = parameters["threshold"]
        spike = cut(let(reaches(v, threshold, False), "spike"))
        settled = cut(let(select(spike, parameters["reset_value"], v), "settled", self.state_width))
        seen = cut(let(select(spike, threshold, v), "seen", self.state_width))
        recovery, taken, far = self.recovery.step(seen, given.state["recovery"], spike, parameters)
        swung = self.upswing.apply(settled, parameters)
        total = cut(let(swung - taken, "swung_recovered"))
        guard = self.upswing.table.guard_bits
        renewed, overflow = narrow(round_shift(total, guard), self.state_width, "renewed")
        return Outputs(renewed, spike, settled, far | overflow, {"recovery": recovery})

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["AdEx", dict[str, np.ndarray]]:
        ordered(cls, values, "v_reset", "v_threshold")
        gain, v = values["dt"] / values["tau"], values["v_initial"]
        coupling = gain * values["a"]
        offset = (gain + coupling) * values["v_rest"]
        upswing, parameters = eif.Upswing.fitted(cls.kind, values, scale, formats, offset)
        recovery, more = Recovery.fitted(
            cls.kind,
            formats,
            upswing.table.guard_bits,
            gain,
            rate=values["dt"] / values["tau_w"],
            coupling=coupling,
            jump=scale * gain * values["b"],
            u=scale * coupling * v,
        )
        parameters |= more | {"threshold": scale * values["v_threshold"], "reset_value": scale * values["v_reset"]}
        start = v + eif.slope_of(values) - coupling * (v - values["v_rest"])
        return cls(upswing, recovery, built_in(cls.kind, "the initial potential", scale * start)), parameters
