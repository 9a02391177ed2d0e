"""The fields of neuron models (:mod:`ranvier.golden.neurons`), as files and configurations give them."""

import numpy as np

from ranvier.golden.neurons.neuron import NEURONS

MODELS = tuple(sorted(kind for kind, model in NEURONS.items() if model.FIELDS))


def problem(kind: str, name: str, value: np.ndarray) -> tuple[str, str] | None:
    """Why ``value`` is none of field ``name`` of the model ``kind``, and the remedy; or None."""
    field = NEURONS[kind].FIELDS[name]
    if not value.size:
        return f"its {name} is empty", "give one value, or one for each neuron"
    low, high = float(value.min()), float(value.max())
    if field.low <= low and high <= field.high and np.isfinite(value).all():
        return None
    held = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
    bounds = f"of at least {field.low:g}" if field.high == np.inf else f"of {field.low:g} to {field.high:g}"
    return f"its {name} is {held}", f"use values {'that are finite' if field.low == -np.inf else bounds}"
