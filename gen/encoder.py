"""The encoder that a configuration asks for: its section, and the code for a network's inputs."""

from dataclasses import MISSING, fields
from typing import Any, Literal

from pydantic import Field, model_validator

from ranvier.golden.codes.population import Curve
from ranvier.golden.codes.registry import CODES, Code

from .errors import RanvierError
from .section import Section

_DERIVED = {"inputs", "steps", "levels"}  # of the network and its quantisation
_SEED = 0x9E3779B9  # the golden ratio, of mixed bits


class Encoder(Section):
    """A code that makes the input's spikes, on the chip: values_in takes the place of events_in, and a stimulus holds
    values (or a camera's events) instead of spikes. docs/codes.md lists the codes."""

    code: Literal["rate", "regular", "latency", "population", "direct", "delta", "address"]
    """rate: spikes at random, as often as the value says; regular: as many, spread evenly; latency: one spike, the
    earlier the greater the value; population: several inputs a value, by tuning curves; direct: the value itself in
    every step; delta: events where a signal has moved; address: events of a camera, binned."""
    maximum: int | None = Field(default=None, ge=1)
    """Greatest value; of all codes but address."""
    seed: int = Field(default=_SEED, ge=1)
    """Of the generator (rate, population), which begins anew with each sample: 32 mixed bits, as a small number makes
    its first ones small."""
    neurons: int | None = Field(default=None, ge=2)
    """Inputs of a value (population)."""
    curve: Curve = "gaussian"
    """Tuning curve (population)."""
    width: float = Field(default=0.5, gt=0)
    """Of the tuning curve: sigma, or half the triangle's base, in distances of neighbouring centres (population)."""
    threshold: int | None = Field(default=None, ge=0)
    """An event where the signal has moved by more (delta)."""
    rows: int | None = Field(default=None, ge=1)
    """Of the camera (address); left out: those of the network's input."""
    columns: int | None = Field(default=None, ge=1)
    """Of the camera (address); left out: those of the network's input."""
    interval: int | None = Field(default=None, ge=1)
    """Length of a step in the unit of the events' times (address)."""

    @model_validator(mode="after")
    def _of_its_code(self) -> "Encoder":
        known = {field.name: field.default for field in fields(CODES[self.code])}
        for name in sorted(self.model_fields_set - {"code"}):
            if name not in known:
                raise ValueError(f"code {self.code} has no '{name}'")
        for name, default in known.items():
            given = default is not MISSING or name in _DERIVED or getattr(self, name) is not None
            if not given and name not in ("rows", "columns"):
                raise ValueError(f"code {self.code} needs '{name}'")
        return self


def build_code(encoder: Encoder, inputs: int, shape: tuple[int, ...], steps: int, levels: int) -> Code:
    """The code of ``encoder`` for a network of ``inputs`` of ``shape`` (channels first; () for one axis), that runs
    ``steps`` steps and takes up to ``levels`` events of an input in a step. Raises RanvierError."""
    parameters = {
        field.name: getattr(encoder, field.name) for field in fields(CODES[encoder.code]) if field.name not in _DERIVED
    }
    if encoder.code == "address":
        parameters |= _camera(encoder, inputs, shape) | {"levels": levels}
    else:
        units = {"population": encoder.neurons or 1, "delta": 2}.get(encoder.code, 1)
        parameters |= {"inputs": _values(encoder.code, inputs, shape, units)}
    try:
        code = CODES[encoder.code](**parameters, steps=steps)
    except ValueError as error:
        raise RanvierError(f"Encoder: {error}") from None
    if code.levels > levels:
        raise RanvierError(
            f"Encoder: code {encoder.code} sends up to {code.levels} events of an input in a step, but"
            f" quantisation.input_levels is {levels}; set it to {code.levels}"
        )
    return code


def _values(code: str, inputs: int, shape: tuple[int, ...], units: int) -> int:
    """How many values there are: each has ``units`` inputs, of an image channels of one pixel."""
    whole, of = (
        (shape[0], f"the network's input has {shape[0]} channels")
        if len(shape) > 1
        else (
            inputs,
            f"the network has {inputs} inputs",
        )
    )
    if whole % units:
        raise RanvierError(f"Encoder: code {code} makes {units} inputs of each value, but {of}: choose another number")
    return inputs // units


def _camera(encoder: Encoder, inputs: int, shape: tuple[int, ...]) -> dict[str, Any]:
    rows, columns = encoder.rows, encoder.columns
    if len(shape) == 3 and shape[0] == 2:
        rows, columns = rows or shape[1], columns or shape[2]
    if rows is None or columns is None:
        raise RanvierError(
            "Encoder: code address needs 'rows' and 'columns', as the network's input is no image of two channels"
        )
    if (len(shape) == 3 and shape != (2, rows, columns)) or rows * columns * 2 != inputs:
        has = f"an input of {list(shape)}" if shape else f"{inputs} inputs"
        raise RanvierError(
            f"Encoder: a camera of {rows} rows and {columns} columns has {rows * columns * 2} inputs, two for each"
            f" pixel, but the network has {has}; correct 'rows' and 'columns'"
        )
    return {"rows": rows, "columns": columns}
