"""Izhikevich: a quadratic neuron with a recovery variable (Izhikevich 2003; 2004, figure 1), by Euler's rule.

    v[t] = v[t-1] + dt * (square * v[t-1]**2 + linear * v[t-1] + constant - u[t-1]) + x[t]
    s[t] = v[t] >= v_threshold
    u[t] = u[t-1] + dt * a * (b * v[t] - u[t-1]),   after a spike + d
    v[t] = c after a spike

``x[t]`` is what the weights and the bias add to the potential in a step: a current ``I`` as ``dt * I``. ``dt`` in ms,
potentials in mV; from v[0] = ``v_initial`` and u[0] = b * v[0]. The published patterns need a dt of 0.25 to 0.5, and no
half steps then. ``u`` is kept as dt * u. Four multiplications: :mod:`.qif`, :mod:`.recovery`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import cut, let, narrow, reaches, round_shift, select
from .factors import built_in, reset_problem, started
from .fields import ordered
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs
from .qif import Parabola
from .recovery import Recovery


@dataclass(frozen=True)
class Izhikevich(Neuron, kind="Izhikevich"):
    """``start``: the potential that the first step's weights are added to. Raises ValueError if it does not fit."""

    parabola: Parabola
    recovery: Recovery
    start: float = 0.0
    bias_width: int = 1

    spiking = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "dt": Field(1e-3, 1e3, 0.5),
        "a": Field(-1e3, 1e3),
        "b": Field(-1e3, 1e3),
        "c": Field(-1e6, 1e6),
        "d": Field(-1e6, 1e6),
        "square": Field(1e-6, 1e6, 0.04),
        "linear": Field(-1e6, 1e6, 5.0),
        "constant": Field(-1e6, 1e6, 140.0),
        "v_threshold": Field(-1e6, 1e6, 30.0),
        "v_initial": Field(-1e6, 1e6, -65.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {"a": 0.02, "b": 0.2, "c": -65, "d": 6}

    def __post_init__(self) -> None:
        self.initial()

    @property
    def state_width(self) -> int:  # type: ignore[override]
        return self.parabola.state_width

    def states(self) -> dict[str, Format]:
        return {"recovery": (self.recovery.width, True)}

    def initial(self) -> dict[str, int]:
        return {"integrator": started("potential", self.start, self.state_width), "recovery": self.recovery.initial()}

    def initial_real(self) -> dict[str, float]:
        return {"integrator": self.start, "recovery": self.recovery.start}

    def parameter_shapes(self) -> dict[str, Format]:
        state = (self.state_width, True)
        shapes = {"bias": (self.bias_width, True), "threshold": state, "reset_value": state}
        return shapes | self.parabola.parameter_shapes() | self.recovery.parameter_shapes()

    def problem(self, parameters: Mapping[str, np.ndarray]) -> str | None:
        return reset_problem(parameters)

    def step(self, given: Inputs) -> Outputs:
        parameters, guard, v = given.parameters, self.parabola.guard_bits, given.integrated
        spike = cut(let(reaches(v, parameters["threshold"], False), "spike"))
        settled = cut(let(select(spike, parameters["reset_value"], v), "settled", self.state_width))
        recovery, taken, far = self.recovery.step(v, given.state["recovery"], spike, parameters)
        curve, limited = self.parabola.apply(settled, parameters)
        rest = cut(let(settled * (1 << guard) + parameters["offset"], "rest"))
        rest = cut(let(rest - taken, "rest_recovered"))
        total = cut(let(curve + rest, "renewed_total"))
        renewed, overflow = narrow(round_shift(total, guard), self.state_width, "renewed")
        return Outputs(renewed, spike, settled, far | limited | overflow, {"recovery": recovery})

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Izhikevich", dict[str, np.ndarray]]:
        ordered(cls, values, "c", "v_threshold")
        dt, b, square, linear, v = (values[name] for name in ("dt", "b", "square", "linear", "v_initial"))
        least = values["constant"] - linear**2 / (4 * square)
        parabola, parameters = Parabola.fitted(
            formats, dt * square / scale, -scale * linear / (2 * square), scale * dt * least
        )
        recovery, more = Recovery.fitted(
            cls.kind,
            formats,
            parabola.guard_bits,
            dt,
            rate=dt * values["a"],
            coupling=dt * b,
            jump=scale * dt * values["d"],
            u=scale * dt * b * v,
        )
        parameters |= more | {"threshold": scale * values["v_threshold"], "reset_value": scale * values["c"]}
        start = v + dt * (square * v**2 + (linear - b) * v + values["constant"])
        return cls(parabola, recovery, built_in(cls.kind, "the initial potential", scale * start)), parameters
