"""PLIF: a leaky integrate-and-fire neuron with a learned time constant (Zhou et al. 2024, eq. 4; Fang et al. 2021).

With a learned ``w``, ``1 / tau = sigmoid(w)``:

    h[t] = v[t-1] + (x[t] - (v[t-1] - v_reset)) / tau     charge; without decay_input x[t] is not divided by tau
    s[t] = h[t] >= v_threshold
    v[t] = h[t], after a spike v_reset (hard), or less v_threshold (soft)

``h``'s gain of the input is one for each neuron, but weights may be shared. So hardware keeps
``u = tau * (v - v_reset)`` (without decay_input, ``v - v_reset``), in which the input has gain 1:

    u[t] = (1 - 1 / tau) * u[t-1] + x[t],    s[t] = u[t] >= tau * (v_threshold - v_reset),    reset to 0

A soft reset has no ``v_reset``: its leak goes towards 0, and it subtracts ``tau * v_threshold``. The step is
:class:`.lif.Lif`'s.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from .fields import RAW, factor, ordered, sigmoid, switched
from .leak import Multiply
from .lif import Lif
from .neuron import Field, Formats


class Plif(Lif, kind="PLIF"):
    """A :class:`.lif.Lif` whose ``FIELDS`` are those of the module that was trained."""

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "w": RAW,
        "v_threshold": Field(0, np.inf, 1.0),
        "v_reset": Field(-np.inf, np.inf, 0.0),
        "decay_input": Field(0, 1, 1.0),
        "soft_reset": Field(0, 1, 0.0),
    }
    EXAMPLE: ClassVar[Mapping[str, float]] = {"w": -1.0}

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Plif", dict[str, np.ndarray]]:
        gain = sigmoid(values["w"]) if switched(cls, values, "decay_input") else 1.0
        soft = switched(cls, values, "soft_reset")
        above = values["v_threshold"]
        if not soft:
            ordered(cls, values, "v_reset", "v_threshold")
            above = above - values["v_reset"]
        decay = Multiply(formats.fraction_bits)
        parameters = {
            "membrane_factor": factor(cls, "1 - sigmoid(w)", 1 - sigmoid(values["w"]), formats.fraction_bits),
            "threshold": scale * above / gain,
        }
        if not soft:
            parameters["reset_value"] = np.zeros_like(scale)
        return cls(formats.state_width, decay, reset="soft" if soft else "hard"), parameters
