"""LTMD: a leaky integrate-and-fire neuron with a learned threshold (Zhou et al. 2024, section 2.1; Wang et al. 2022).

With a learned ``k``:

    h[t] = decay * v[t-1] + x[t]
    s[t] = h[t] >= tanh(k)
    v[t] = h[t], after a spike 0

The step is :class:`.lif.Lif`'s.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from .fields import RAW, factor
from .leak import Multiply
from .lif import Lif
from .neuron import Field, Formats


class Ltmd(Lif, kind="LTMD"):
    """A :class:`.lif.Lif` whose ``FIELDS`` are those of the module that was trained. A threshold below the reset, so a
    negative ``k``, is none that a neuron can have."""

    FIELDS: ClassVar[Mapping[str, Field]] = {"k": Field(0, RAW.high), "decay": Field(0, 1)}
    EXAMPLE: ClassVar[Mapping[str, float]] = {"k": 0.6, "decay": 0.5}

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Ltmd", dict[str, np.ndarray]]:
        parameters = {
            "membrane_factor": factor(cls, "decay", values["decay"], formats.fraction_bits),
            "threshold": scale * np.tanh(values["k"]),
            "reset_value": np.zeros_like(scale),
        }
        return cls(formats.state_width, Multiply(formats.fraction_bits)), parameters
