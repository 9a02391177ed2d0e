"""Models as plain JSON values, and back."""

from dataclasses import fields, is_dataclass
from typing import Any

from .eif import Upswing
from .exponential import Exponential
from .leak import Keep, Multiply, Shift, Shifts
from .lif import Current
from .neuron import NEURONS, Neuron
from .qif import Parabola
from .recovery import Recovery

_BIOLOGICAL = (Parabola, Recovery, Exponential, Upswing)
_PARTS = {part.__name__: part for part in (Keep, Shift, Shifts, Multiply, Current, *_BIOLOGICAL)}


def described(value: Any) -> Any:
    """A model, or a part of one, as dictionaries with a ``type`` each, lists and numbers."""
    if isinstance(value, tuple):
        return [described(item) for item in value]
    if not is_dataclass(value):
        return value
    name = value.kind if isinstance(value, Neuron) else type(value).__name__
    return {"type": name} | {field.name: described(getattr(value, field.name)) for field in fields(value)}


def restored(record: Any) -> Any:
    """What :func:`described` described."""
    if isinstance(record, list):
        return tuple(restored(item) for item in record)
    if not isinstance(record, dict):
        return record
    options = {name: restored(value) for name, value in record.items() if name != "type"}
    return (NEURONS | _PARTS)[record["type"]](**options)
