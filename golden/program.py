"""A network in integers: what the hardware loads and the golden models run."""

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .neuron import Current, Keep, Multiply, NeuronModel, Shift, parameter_error, weight_range

MAX_WEIGHT_WIDTH = 16
_DECAYS = {"keep": Keep, "shift": Shift, "multiply": Multiply}


@dataclass(frozen=True)
class Layer:
    """Dense synapses and the neurons behind them.

    ``weights``: int64 ``[axons, neurons]``, each of ``weight_width`` bits. ``parameters``: int64 arrays
    of shape ``()`` (one value for the layer) or ``[neurons]``, named by
    :meth:`NeuronModel.parameter_shapes`. ``scale``: integer units per unit of the float network's
    membrane potential, for reports only. Raises ValueError where these disagree.
    """

    name: str
    weights: np.ndarray
    weight_width: int
    model: NeuronModel
    parameters: dict[str, np.ndarray]
    scale: np.ndarray = field(default_factory=lambda: np.ones(()))

    def __post_init__(self) -> None:
        if not 1 <= self.weight_width <= MAX_WEIGHT_WIDTH:
            raise ValueError(f"Weight width must be 1..{MAX_WEIGHT_WIDTH} bits, not {self.weight_width}")
        if self.weights.ndim != 2 or not self.weights.size or self.weights.dtype != np.int64:
            raise ValueError(f"Weights must be a non-empty int64 matrix, not {self.weights.dtype} {self.weights.shape}")
        low, high = weight_range(self.weight_width)
        if self.weights.min() < low or self.weights.max() > high or (self.weight_width == 1 and not self.weights.all()):
            raise ValueError(f"Weights of layer {self.name} must fit {self.weight_width} bits ({low}..{high})")
        problem = parameter_error(self.model, self.parameters, self.neurons)
        if problem:
            raise ValueError(f"Layer {self.name}: {problem}")

    @property
    def axons(self) -> int:
        return int(self.weights.shape[0])

    @property
    def neurons(self) -> int:
        return int(self.weights.shape[1])

    @property
    def accumulator_width(self) -> int:
        return self.model.accumulator_width(self.axons, self.weight_width)


@dataclass(frozen=True)
class Program:
    """A chain of layers; ``steps`` is the number of time steps that state widths were derived for."""

    name: str
    layers: tuple[Layer, ...]
    steps: int

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("A program must have at least one layer")
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            if before.neurons != after.axons:
                raise ValueError(f"Layer {after.name} must have {before.neurons} axons, not {after.axons}")
            if not before.model.spiking:
                raise ValueError(f"Layer {before.name} must spike: only the last layer may be a readout")

    @property
    def inputs(self) -> int:
        return self.layers[0].axons

    @property
    def outputs(self) -> int:
        return self.layers[-1].neurons

    @cached_property
    def description(self) -> dict[str, Any]:
        """Everything but the arrays, as plain JSON values."""
        return {
            "name": self.name,
            "steps": self.steps,
            "layers": [
                {"name": layer.name, "weight_width": layer.weight_width, "model": asdict(layer.model)}
                for layer in self.layers
            ],
        }

    def save(self, path: Path) -> None:
        """Write the program to ``path`` (NumPy ``.npz``; read again by :meth:`load`)."""
        arrays = {"description": np.array(json.dumps(self.description))}
        for index, layer in enumerate(self.layers):
            arrays[f"{index}.weights"] = layer.weights
            arrays[f"{index}.scale"] = layer.scale
            arrays |= {f"{index}.{name}": array for name, array in layer.parameters.items()}
        with open(path, "wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Program":
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            description = json.loads(str(file["description"]))
            layers = []
            for index, item in enumerate(description["layers"]):
                model = _model(item["model"])
                parameters = {name: file[f"{index}.{name}"] for name in model.parameter_shapes()}
                weights, scale = file[f"{index}.weights"], file[f"{index}.scale"]
                layers.append(Layer(item["name"], weights, item["weight_width"], model, parameters, scale))
        return cls(description["name"], tuple(layers), description["steps"])


def _model(fields: dict[str, Any]) -> NeuronModel:
    current = fields.pop("current")
    if current is not None:
        current = Current(**current | {"decay": _decay(current["decay"])})
    return NeuronModel(**fields | {"membrane_decay": _decay(fields["membrane_decay"]), "current": current})


def _decay(fields: dict[str, Any]) -> Keep | Shift | Multiply:
    decay: Keep | Shift | Multiply = _DECAYS[fields["kind"]](**fields)
    return decay
