"""LSNN and ASN: leaky integrate-and-fire neurons whose threshold rises with each spike and falls again.

With a threshold ``v_threshold`` at rest (Bellec et al. 2018; Yin et al. 2020; Zhou et al. 2024, section 2.1):

    a[t] = rho * a[t-1] + (1 - rho) * s[t-1]
    B[t] = v_threshold + beta * a[t]
    v[t] = decay * v[t-1] + x[t] - R[t] * s[t-1]
    s[t] = v[t] > B[t]

What a spike takes from the potential in the step after it is the threshold that it passed in LSNN, ``R[t] = B[t-1]``,
and the threshold that it raised in ASN, ``R[t] = B[t]``. With a hard reset (Norse's LSNN) the potential is ``v_reset``
at the end of the spike's step instead. The membranes' input gain, ``1 - decay``, is in ``x``.

Hardware keeps ``rise = beta * a``, to which a spike adds ``jump = beta * (1 - rho)``: two multipliers, none for beta.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..fixed import Value, cut, let, narrow, reaches, round_shift, select, shift_right, signed_max
from .fields import factor, ordered, switched
from .leak import Multiply
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs


@dataclass(frozen=True)
class Lsnn(Neuron, kind="LSNN"):
    """``fraction_bits``: of decay and rho. ``guard_bits``: that the rise has below a unit of the potential, so that a
    slow one does not stop falling at ``1 / 2 / (1 - rho)`` units; the threshold is rounded down, which compares as not
    rounded. ``reset``: the threshold ``passed``, the threshold ``raised``, or ``hard``. A rise saturates."""

    state_width: int
    fraction_bits: int
    guard_bits: int
    reset: Literal["passed", "raised", "hard"] = "passed"
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "decay": Field(0, 1),
        "rho": Field(0, 1),
        "beta": Field(0, np.inf, 1.8),
        "v_threshold": Field(0, np.inf, 1.0),
        "v_reset": Field(-np.inf, np.inf, 0.0),
        "hard_reset": Field(0, 1, 0.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {"decay": 0.9, "rho": 0.95}

    def parameter_shapes(self) -> dict[str, Format]:
        state, leak = (self.state_width, True), (self.fraction_bits + 1, False)
        shapes = {"bias": (self.bias_width, True), "decay": leak, "rho": leak, "jump": self._rise, "threshold": state}
        return shapes | ({"reset_value": state} if self.reset == "hard" else {})

    def states(self) -> dict[str, Format]:
        return {"rise": self._rise}

    def ranges(self) -> dict[str, tuple[int, int]]:
        leak = (0, 1 << self.fraction_bits)
        return super().ranges() | {"decay": leak, "rho": leak, "threshold": (0, signed_max(self.state_width))}

    @property
    def _rise(self) -> Format:
        """From nothing to all that a threshold can be."""
        return self.state_width - 1 + self.guard_bits, False

    def step(self, given: Inputs) -> Outputs:
        width, parameters, v = self.state_width, given.parameters, given.integrated
        rise, threshold = given.state["rise"], parameters["threshold"]
        product = cut(let(rise * parameters["rho"], "rise_product"))
        passed = cut(self._raised(threshold, rise, "passed"))
        spike = let(reaches(v, passed, strictly=True), "spike")
        left = let(round_shift(product, self.fraction_bits), "rise_left", width + self.guard_bits)
        v, spike, passed, left = cut(v, spike, passed, left)
        total = cut(let(left + select(spike, parameters["jump"], 0), "rise_total"))
        rise, saturated = narrow(total, width + self.guard_bits, "rise_next")
        leak = Multiply(self.fraction_bits)
        if self.reset == "hard":
            settled = cut(let(select(spike, parameters["reset_value"], v), "settled", width))
            renewed = let(leak.apply(settled, parameters["decay"]), "renewed", width)
            return Outputs(renewed, spike, settled, saturated, {"rise": rise})
        decayed = cut(let(leak.apply(v, parameters["decay"]), "decayed", width))
        if self.reset == "passed":  # less than v, and no less than 0
            renewed = let(decayed - select(spike, passed, 0), "renewed", width)
            return Outputs(renewed, spike, v, saturated, {"rise": rise})
        raised = self._raised(threshold, cut(rise), "raised")
        renewed, low = narrow(cut(let(decayed - select(spike, raised, 0), "renewed_total")), width, "renewed")
        return Outputs(renewed, spike, v, saturated | low, {"rise": rise})

    def _raised(self, threshold: Value, rise: Value, name: str) -> Value:
        return let(threshold + shift_right(rise, self.guard_bits), name, self.state_width + 1)

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Lsnn", dict[str, np.ndarray]]:
        if not switched(cls, values, "hard_reset"):
            return cls._fitted("passed", values, scale, formats)
        ordered(cls, values, "v_reset", "v_threshold")
        model, parameters = cls._fitted("hard", values, scale, formats)
        return model, parameters | {"reset_value": scale * values["v_reset"]}

    @classmethod
    def _fitted(
        cls,
        reset: Literal["passed", "raised", "hard"],
        values: Mapping[str, np.ndarray],
        scale: np.ndarray,
        formats: Formats,
    ) -> tuple["Lsnn", dict[str, np.ndarray]]:
        bits = formats.fraction_bits
        guarded = scale * (1 << bits)
        parameters = {name: factor(cls, name, values[name], bits) for name in ("decay", "rho")} | {
            "jump": guarded * values["beta"] * (1 - values["rho"]),
            "threshold": scale * values["v_threshold"],
        }
        return cls(formats.state_width, bits, bits, reset), parameters


class Asn(Lsnn, kind="ASN"):
    """An :class:`Lsnn` that a spike takes the raised threshold from."""

    FIELDS: ClassVar[Mapping[str, Field]] = {
        name: field for name, field in Lsnn.FIELDS.items() if name not in ("v_reset", "hard_reset")
    }

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Lsnn", dict[str, np.ndarray]]:
        return cls._fitted("raised", values, scale, formats)
