"""GLIF: a leaky integrate-and-fire neuron whose gates blend two leaks, two drives and two resets.

With learned gates alpha, beta, gamma, leaks tau and linear_decay, a reset v_subreset and a gain of the input for each
step, conduct (Yao et al. 2022; Zhou et al. 2024, section 2.1); each a sigmoid of what was learned, so 0 to 1, and
constant at inference:

    keep = 1 - alpha * (1 - tau)                            exponential leak
    v[t] = keep * v[t-1] * (1 - gamma * s[t-1])             hard reset, of a part
         - (1 - gamma) * v_subreset * s[t-1]                soft reset
         - (1 - alpha) * linear_decay                       linear leak
         + (1 - beta * (1 - conduct[t])) * x[t]
    s[t] = v[t] >= v_threshold

A step needs two multiplications: of its drive, and of the potential, by keep or by what keep is after a spike. The
first two lines act when a step ends. There are ``steps`` gains; further steps have the last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..fixed import Value, cut, let, narrow, reaches, round_shift, select, signed_max
from .fields import RAW, factor, sigmoid
from .neuron import Field, Format, Formats, Inputs, Neuron, Outputs


@dataclass(frozen=True)
class Glif(Neuron, kind="GLIF"):
    """``fraction_bits``: of gains and leaks. Raises ValueError for ``steps`` below 1."""

    state_width: int
    fraction_bits: int
    steps: int = 1
    bias_width: int = 1
    spiking: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = dict.fromkeys(
        ("alpha", "beta", "gamma", "tau", "v_threshold", "linear_decay", "v_subreset", "conduct"), RAW
    )
    EXAMPLE: ClassVar[Mapping[str, float]] = {
        "alpha": 1.0,
        "beta": -0.5,
        "gamma": 0.5,
        "tau": -1.0,
        "v_threshold": 0.0,
        "linear_decay": -2.5,
        "v_subreset": 0.0,
        "conduct": 0.0,
    }

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"Steps of a GLIF neuron that have a gain must be 1 or more, not {self.steps}")

    def parameter_shapes(self) -> dict[str, Format]:
        state, share = (self.state_width, True), (self.fraction_bits + 1, False)
        shapes = {"bias": (self.bias_width, True)} | {f"gain{t}": share for t in range(self.steps)}
        return shapes | {"keep": share, "keep_spiked": share, "leak": state, "fall": state, "threshold": state}

    def ranges(self) -> dict[str, tuple[int, int]]:
        shares = [name for name, (_, signed) in self.parameter_shapes().items() if not signed]
        ranges = super().ranges() | dict.fromkeys(shares, (0, 1 << self.fraction_bits))
        return ranges | dict.fromkeys(("leak", "fall", "threshold"), (0, signed_max(self.state_width)))

    def states(self) -> dict[str, Format]:
        counter = {"time": ((self.steps - 1).bit_length(), False)} if self.steps > 1 else {}
        return {"kept": (self.state_width, True)} | counter

    def step(self, given: Inputs) -> Outputs:
        width, parameters = self.state_width, given.parameters
        gain, state = self._gain(given)
        base = cut(let(given.state["kept"] - parameters["leak"], "leaked", width + 1))
        product = cut(let(given.integrated * gain, "driven_product"))
        drive = cut(let(round_shift(product, self.fraction_bits), "driven", width))
        v, saturated = narrow(cut(let(base + drive, "charged_total")), width, "charged")
        spike = let(reaches(v, parameters["threshold"], strictly=False), "spike")
        v, spike, saturated = cut(v, spike, saturated)
        share = let(select(spike, parameters["keep_spiked"], parameters["keep"]), "share", self.fraction_bits + 2)
        kept = cut(let(v * cut(share), "kept_product"))
        kept = cut(let(round_shift(kept, self.fraction_bits), "kept_share", width))
        kept = let(kept - select(spike, parameters["fall"], 0), "kept_next", width)  # a spike's v is not negative
        return Outputs(0, spike, v, saturated, state | {"kept": kept})

    def _gain(self, given: Inputs) -> tuple[Value, dict[str, Value]]:
        """The gain of this step, and the counter of steps after it."""
        gain, last = given.parameters[f"gain{self.steps - 1}"], self.steps - 1
        if not last:
            return gain, {}
        time = given.state["time"]
        for t in reversed(range(last)):
            gain = select(time == t, given.parameters[f"gain{t}"], gain)
        gain = cut(let(gain, "gain", self.fraction_bits + 2))
        return gain, {"time": let(select(time < last, time + 1, last), "time_next", last.bit_length() + 1)}

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Glif", dict[str, np.ndarray]]:
        """``conduct`` may be ``[neurons, steps]``."""
        gates = {name: sigmoid(value) for name, value in values.items()}
        alpha, gamma, bits = gates["alpha"], gates["gamma"], formats.fraction_bits
        conduct = gates["conduct"] if gates["conduct"].ndim == 2 else gates["conduct"][..., None]
        keep = factor(cls, "1 - alpha * (1 - tau)", 1 - alpha * (1 - gates["tau"]), bits)
        reset = (1 - gamma) * gates["v_subreset"]
        parameters = {
            f"gain{t}": (1 << bits) * (1 - gates["beta"] * (1 - conduct[..., t])) for t in range(conduct.shape[-1])
        } | {
            "keep": keep,
            "keep_spiked": keep * (1 - gamma),
            "leak": scale * (1 - alpha) * gates["linear_decay"],
            "fall": scale * reset,
            "threshold": scale * gates["v_threshold"],
        }
        return cls(formats.state_width, bits, conduct.shape[-1]), parameters
