"""DIET-SNN: a leaky integrate-and-fire neuron with learned leak and threshold (Zhou et al. 2024, section 2.1; Rathi
and Roy 2023).

    u[t] = leak * u[t-1] + x[t] - v_threshold * s[t-1]
    s[t] = u[t] > v_threshold

The spike's threshold is subtracted in the step that follows, not decayed. The step is :class:`.lif.Lif`'s.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from .fields import factor
from .leak import Multiply
from .lif import Lif
from .neuron import Field, Formats


class Diet(Lif, kind="DIET"):
    """A :class:`.lif.Lif` whose ``FIELDS`` are those of the module that was trained."""

    FIELDS: ClassVar[Mapping[str, Field]] = {"leak": Field(0, 1), "v_threshold": Field(0, np.inf)}
    EXAMPLE: ClassVar[Mapping[str, float]] = {"leak": 0.95, "v_threshold": 1.2}

    @classmethod
    def fitted(
        cls, values: Mapping[str, np.ndarray], scale: np.ndarray, formats: Formats
    ) -> tuple["Diet", dict[str, np.ndarray]]:
        parameters = {
            "membrane_factor": factor(cls, "leak", values["leak"], formats.fraction_bits),
            "threshold": scale * values["v_threshold"],
        }
        decay = Multiply(formats.fraction_bits)
        return cls(formats.state_width, decay, comparison="greater", reset="soft", reset_timing="next_step"), parameters
