"""The neuron model of a core without a network, in the configuration."""

import numpy as np
from pydantic import Field, model_validator

from ranvier.golden.neurons.neuron import NEURONS

from .neuron_fields import MODELS, problem
from .section import Section


class CoreNeuron(Section):
    """A neuron model by name, instead of threshold, leak_shift, comparison and reset."""

    model: str
    """One of those in docs/neurons.md, such as KLIF."""
    values: dict[str, float | list[float]] = Field(default_factory=dict)
    """Values of its fields, in units of the weights; those that have a default may be left out."""

    @model_validator(mode="after")
    def _known(self) -> "CoreNeuron":
        if self.model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}, not {self.model!r}")
        fields = NEURONS[self.model].FIELDS
        unknown = sorted(self.values.keys() - fields.keys())
        missing = sorted(name for name, field in fields.items() if field.default is None and name not in self.values)
        if unknown or missing:
            what = f"has no {', '.join(unknown)}" if unknown else f"needs a value of {', '.join(missing)}"
            raise ValueError(f"{self.model} {what}; its fields are {', '.join(sorted(fields))}")
        for name in self.values:
            wrong = problem(self.model, name, np.atleast_1d(self.values[name]))
            if wrong:
                raise ValueError(f"{self.model}: {wrong[0]}; {wrong[1]}")
            if np.ndim(self.values[name]) and not fields[name].whole:
                raise ValueError(f"{self.model}: its {name} must be one number, for all neurons of the core")
        return self

    def arrays(self, neurons: int) -> dict[str, np.ndarray]:
        """Of every field, float64: of each of ``neurons``, or whole."""
        found = {}
        for name, field in NEURONS[self.model].FIELDS.items():
            value = np.asarray(self.values.get(name, field.default), np.float64)
            found[name] = np.atleast_1d(value) if field.whole else np.full(neurons, value)
        return found
