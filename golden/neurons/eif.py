"""EIF: the exponential integrate-and-fire neuron (Fourcaud-Trocme et al. 2003), by Euler's rule.

    v[t] = v[t-1] + dt / tau * (v_rest - v[t-1] + delta_T * exp((v[t-1] - theta_rh) / delta_T)) + x[t]
    s[t] = v[t] >= v_threshold, and then v[t] = v_reset

``x[t]`` is what the weights and the bias add to the potential in a step: a current ``I`` (in units of the potential) as
``dt / tau * I``. ``dt`` and ``tau`` in ms; ``v_initial`` is v[0]. The exponential is a look-up table
(:mod:`.exponential`). Two multiplications: the leak's and the table's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import Value, cut, let, narrow, reaches, round_shift, select, signed_max
from .exponential import Exponential
from .factors import built_in, fraction_of, reset_problem, started
from .fields import ordered
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs
from .qif import GUARD_BITS


@dataclass(frozen=True)
class Upswing:
    """A leak of ``leak / 2**leak_shift``, a constant ``offset`` and an exponential ``table``.

    ``leak`` has ``leak_bits`` bits. Raises ValueError where the table's ``guard_bits`` are more than ``leak_shift``.
    """

    table: Exponential
    leak_bits: int
    leak_shift: int

    def __post_init__(self) -> None:
        if not 0 <= self.table.guard_bits <= self.leak_shift:
            raise ValueError(f"Guard bits must be 0..{self.leak_shift}, the leak's, not {self.table.guard_bits}")

    def parameter_shapes(self) -> dict[str, Format]:
        table = self.table
        return {"leak": (self.leak_bits, False), "offset": (table.state_width + table.guard_bits, True)}

    @property
    def highest(self) -> int:
        """The highest threshold below which the table gives every potential its own value, or takes it beyond."""
        table = self.table
        most = signed_max(table.state_width)
        return most if table.entries[-1] == table.limit else min(most, table.high)

    def apply(self, v: Value, parameters: Mapping[str, Value]) -> Value:
        """``v`` a step later, without recovery, in units of ``2**-guard_bits``."""
        guard = self.table.guard_bits
        leaking = cut(let(v * parameters["leak"], "leaking"))
        leaking = cut(let(round_shift(leaking, self.leak_shift - guard), "leaking_rounded"))
        rest = cut(let(v * (1 << guard) + parameters["offset"], "rest"))
        rest = cut(let(rest - leaking, "rest_leaked"))
        return cut(let(rest + self.table.apply(v), "swung"))

    @classmethod
    def fitted(
        cls, kind: str, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats, offset: np.ndarray
    ) -> tuple["Upswing", dict[str, np.ndarray]]:
        """Of the ``FIELDS`` of a neuron; ``offset``: of a step, in their units."""
        gain, width, bits = values["dt"] / values["tau"], formats.state_width, formats.fraction_bits
        guard = min(GUARD_BITS, bits)
        shift = max(fraction_of(gain, bits), guard)
        sharpness = scale * values["delta_T"]
        height, slope, onset = (
            built_in(kind, f"the {name} of the exponential", each)
            for name, each in {
                "height": gain * sharpness,
                "slope": sharpness,
                "onset": scale * values["theta_rh"],
            }.items()
        )
        top = int(np.rint((scale * values["v_threshold"]).max()))
        table = Exponential.fitted(width, guard, height, slope, onset, top)
        return cls(table, bits, shift), {"leak": gain * 2.0**shift, "offset": scale * offset * 2.0**guard}


def slope_of(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """What leak and exponential add to the initial potential in a step, in units of ``values``."""
    v, sharpness = values["v_initial"], values["delta_T"]
    lift = sharpness * np.exp((v - values["theta_rh"]) / sharpness)
    return np.asarray(values["dt"] / values["tau"] * (values["v_rest"] - v + lift))


FIELDS: dict[str, Field] = {
    "dt": Field(1e-3, 1e3),
    "tau": Field(1e-3, 1e6),
    "v_rest": Field(-1e6, 1e6),
    "delta_T": Field(1e-3, 1e6),
    "theta_rh": Field(-1e6, 1e6),
    "v_threshold": Field(-1e6, 1e6),
    "v_reset": Field(-1e6, 1e6),
    "v_initial": Field(-1e6, 1e6, 0.0),
}


@dataclass(frozen=True)
class Eif(Neuron, kind="EIF"):
    """``start``: the potential that the first step's weights are added to. Raises ValueError if it does not fit."""

    upswing: Upswing
    start: float = 0.0
    bias_width: int = 1

    spiking = True

    FIELDS: ClassVar[Mapping[str, Field]] = FIELDS
    EXAMPLE: ClassVar[Mapping[str, float]] = {
        "dt": 1, "tau": 20, "v_rest": -70, "delta_T": 2, "theta_rh": -50, "v_threshold": -40, "v_reset": -58,
        "v_initial": -70,
    }  # fmt: skip

    def __post_init__(self) -> None:
        self.initial()

    @property
    def state_width(self) -> int:  # type: ignore[override]
        return self.upswing.table.state_width

    def initial(self) -> dict[str, int]:
        return {"integrator": started("potential", self.start, self.state_width)}

    def initial_real(self) -> dict[str, float]:
        return {"integrator": self.start}

    def parameter_shapes(self) -> dict[str, Format]:
        state = (self.state_width, True)
        shapes = {"bias": (self.bias_width, True), "threshold": state, "reset_value": state}
        return shapes | self.upswing.parameter_shapes()

    def ranges(self) -> dict[str, tuple[int, int]]:
        ranges = super().ranges()
        return ranges | {"threshold": (ranges["threshold"][0], self.upswing.highest)}

    def problem(self, parameters: Mapping[str, np.ndarray]) -> str | None:
        return reset_problem(parameters)

    def step(self, given: Inputs) -> Outputs:
        parameters, v = given.parameters, given.integrated
        spike = cut(let(reaches(v, parameters["threshold"], False), "spike"))
        settled = cut(let(select(spike, parameters["reset_value"], v), "settled", self.state_width))
        total = self.upswing.apply(settled, parameters)
        guard = self.upswing.table.guard_bits
        renewed, overflow = narrow(round_shift(total, guard), self.state_width, "renewed")
        return Outputs(renewed, spike, settled, overflow)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Eif", dict[str, np.ndarray]]:
        ordered(cls, values, "v_reset", "v_threshold")
        offset = values["dt"] / values["tau"] * values["v_rest"]
        upswing, parameters = Upswing.fitted(cls.kind, values, scale, formats, offset)
        parameters |= {"threshold": scale * values["v_threshold"], "reset_value": scale * values["v_reset"]}
        start = scale * (values["v_initial"] + slope_of(values))
        return cls(upswing, built_in(cls.kind, "the initial potential", start)), parameters
