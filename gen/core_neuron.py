"""The neuron model of a core without a network, in the configuration."""

import numpy as np
from pydantic import Field, model_validator

from ranvier.golden.neurons.fields import filled, models
from ranvier.golden.neurons.neuron import NEURONS

from .section import Section


class CoreNeuron(Section):
    """A neuron model by name, instead of threshold, leak_shift, comparison and reset."""

    model: str
    """One of those in docs/neurons.md, such as KLIF."""
    values: dict[str, float | list[float]] = Field(default_factory=dict)
    """Values of its fields, in units of the weights; those that have a default may be left out."""

    @model_validator(mode="after")
    def _known(self) -> "CoreNeuron":
        if self.model not in models():
            raise ValueError(f"model must be one of {', '.join(models())}, not {self.model!r}")
        self.arrays()
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        """Of every field one value ``[1]``, or the whole array, float64. Raises ValueError."""
        model = NEURONS[self.model]
        found = filled(model, {name: np.atleast_1d(value) for name, value in self.values.items()})
        for name, value in found.items():
            if value.size != 1 and not model.FIELDS[name].whole:
                raise ValueError(f"{self.model} needs one {name}, for all neurons of the core, not {value.size}")
        return {name: np.atleast_1d(value) for name, value in found.items()}
