"""What is trained and in which formats: everything static that golden and hardware agree on."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..fixed import signed_max, signed_width
from ..neurons.lif import Lif
from ..neurons.neuron import parameter_error
from ..program import MAX_WEIGHT_WIDTH, Layer, Program, dense
from .loss import CountError, Loss
from .optimiser import Sgd
from .surrogate import Surrogate
from .synapse import Convolution, Dense, Synapse

ResetPath = Literal["exact", "detached"]
MAX_STEPS = 256
MAX_FRACTION = 24
MAX_GRADIENT_WIDTH = 32
MAX_PRODUCT_WIDTH = 60  # of a gradient and a potential or surrogate derivative, so that int64 holds all that is added


@dataclass(frozen=True)
class TrainedLayer:
    """Synapses whose weights are learned, and neurons.

    ``recurrent``: the layer's own spikes of the step before are axons too, after the ``inputs``. ``parameters``: one
    integer for each name of :meth:`Lif.parameter_shapes`. ``surrogate`` is None for a readout, which never
    fires. ``convolution`` is None for dense synapses.
    """

    name: str
    inputs: int
    neurons: int
    model: Lif
    parameters: dict[str, int]
    surrogate: Surrogate | None = None
    recurrent: bool = False
    convolution: Convolution | None = None

    def __post_init__(self) -> None:
        if self.inputs < 1 or self.neurons < 1:
            raise ValueError(f"Layer {self.name} must have inputs and neurons, not {self.inputs} and {self.neurons}")
        problem = parameter_error(self.model, {k: np.array(v) for k, v in self.parameters.items()}, self.neurons)
        if problem:
            raise ValueError(f"Layer {self.name}: {problem}")
        if self.model.current is not None:
            raise ValueError(f"Layer {self.name} must have no synaptic current: it cannot be trained yet")
        if self.model.spiking != (self.surrogate is not None):
            raise ValueError(f"Layer {self.name} must have a surrogate if it spikes, and none if it does not")
        if self.recurrent and not self.model.spiking:
            raise ValueError(f"Layer {self.name} must spike to be recurrent")
        if self.parameters["bias"]:
            bias = self.parameters["bias"]
            raise ValueError(f"Layer {self.name} must have bias 0, not {bias}: biases are not trained")
        sizes = self.synapse.inputs, self.synapse.neurons
        if sizes != (self.inputs, self.neurons):
            raise ValueError(
                f"Layer {self.name} must have the {sizes[0]} inputs and {sizes[1]} neurons of its convolution, "
                f"not {self.inputs} and {self.neurons}"
            )
        if self.recurrent and self.convolution is not None:
            raise ValueError(f"Layer {self.name} must be dense to be recurrent")

    @property
    def synapse(self) -> Synapse:
        """What joins the inputs to the neurons."""
        return self.convolution or Dense(self.inputs, self.neurons)

    @property
    def axons(self) -> int:
        """What can spike at the synapses: inputs, then the layer's own neurons if it is recurrent."""
        return self.inputs + (self.neurons if self.recurrent else 0)

    @property
    def weight_shape(self) -> tuple[int, int]:
        """``(axons, neurons)`` of dense synapses; else the convolution's."""
        rows, columns = self.synapse.weight_shape
        return rows + (self.neurons if self.recurrent else 0), columns

    def split(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The weights of the inputs, and those of the layer's own spikes (none unless it is recurrent)."""
        rows = self.synapse.weight_shape[0]
        return weights[:rows], weights[rows:]


@dataclass(frozen=True)
class TrainingSetup:
    """A chain of layers, the loss on the last one, and how its weights descend.

    ``weight_width`` and ``weight_fraction``: bits of a weight, and how many of them are fraction (membrane potentials
    have the same fraction). ``gradient_width``: bits of the gradients of spikes and potentials. ``steps``: time steps
    of a sample; ``batch``: most samples of a batch. ``temporal``: whether gradients go back in time (False: SLTT, Meng
    et al. 2023). ``traces``: without that, weights see leaky traces of their axons' spikes (OTTT, Xiao et al. 2022).
    ``lanes``: generators of the stochastic rounding; lane ``(row + column) % lanes`` rounds a weight.
    """

    name: str
    layers: tuple[TrainedLayer, ...]
    loss: Loss
    optimiser: Sgd
    steps: int
    batch: int = 32
    weight_width: int = 16
    weight_fraction: int = 12
    gradient_width: int = 16
    reset_path: ResetPath = "detached"
    temporal: bool = True
    traces: bool = False
    lanes: int = 8

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError("A training setup must have at least one layer")
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            if before.neurons != after.inputs:
                raise ValueError(f"Layer {after.name} must have {before.neurons} inputs, not {after.inputs}")
            if not before.model.spiking:
                raise ValueError(f"Layer {before.name} must spike: only the last layer may be a readout")
        if not 2 <= self.steps <= MAX_STEPS:
            raise ValueError(
                f"Steps must be 2..{MAX_STEPS}, not {self.steps}: there is nothing to propagate through time"
            )
        if self.batch < 1:
            raise ValueError(f"Batch must be at least 1, not {self.batch}")
        if not 2 <= self.weight_width <= MAX_WEIGHT_WIDTH:
            raise ValueError(f"Weight width must be 2..{MAX_WEIGHT_WIDTH} bits to be trained, not {self.weight_width}")
        if self.optimiser.clip > signed_max(self.weight_width):
            raise ValueError(
                f"Clip must be at most {signed_max(self.weight_width)} ({self.weight_width} bits), "
                f"not {self.optimiser.clip}"
            )
        if not 0 <= self.weight_fraction <= MAX_FRACTION:
            raise ValueError(f"Weight fraction must be 0..{MAX_FRACTION} bits, not {self.weight_fraction}")
        if not 2 <= self.gradient_width <= MAX_GRADIENT_WIDTH:
            raise ValueError(f"Gradient width must be 2..{MAX_GRADIENT_WIDTH} bits, not {self.gradient_width}")
        for layer in self.layers:
            widest = max(layer.model.state_width, 0 if layer.surrogate is None else layer.surrogate.width)
            if self.gradient_width + widest > MAX_PRODUCT_WIDTH:
                raise ValueError(
                    f"Layer {layer.name} must have potentials and surrogate derivatives of at most "
                    f"{MAX_PRODUCT_WIDTH - self.gradient_width} bits beside gradients of {self.gradient_width}, "
                    f"not {widest}"
                )
        if self.traces and self.temporal:
            raise ValueError(
                "Traces of axons (OTTT) must stand in for gradients that go back in time: temporal must be False"
            )
        if self.lanes < 1:
            raise ValueError(f"Lanes must be at least 1, not {self.lanes}")
        last = self.layers[-1]
        classes = self.loss.classes if isinstance(self.loss, CountError) else self.loss.softmax.classes
        if classes != last.neurons:
            raise ValueError(
                f"Layer {last.name} must have one neuron for each of the {classes} classes, not {last.neurons}"
            )
        if isinstance(self.loss, CountError) != last.model.spiking:
            kind = "spike, for a loss on its counts" if isinstance(self.loss, CountError) else "be a readout"
            raise ValueError(f"Layer {last.name} must {kind}")

    @property
    def inputs(self) -> int:
        return self.layers[0].inputs

    @property
    def classes(self) -> int:
        return self.layers[-1].neurons

    @property
    def sum_width(self) -> int:
        """Width in bits of a weight's gradient over the largest batch, which therefore cannot overflow."""
        shares = max(layer.synapse.shares for layer in self.layers)
        most = self.steps * self.batch * shares << (self.gradient_width - 1)
        return signed_width(-most, most)

    def arrival_width(self, index: int) -> int:
        """Width in bits of the sum of weights times gradients that arrives at a spike of layer ``index``."""
        layer = self.layers[index]
        terms = layer.neurons if layer.recurrent else 0
        if index + 1 < len(self.layers):
            terms += self.layers[index + 1].synapse.fan_out
        most = terms << (self.weight_width + self.gradient_width - 2)
        return signed_width(-most, most)

    def program(self, weights: list[np.ndarray]) -> Program:
        """The trained network as a Program for inference, convolutions unrolled."""
        layers = []
        for layer, matrix in zip(self.layers, weights, strict=True):
            parameters = {name: np.array(value, np.int64) for name, value in layer.parameters.items()}
            scale = np.array(float(1 << self.weight_fraction))
            incoming, own = layer.split(matrix)
            connections = dense(layer.synapse.drive(incoming, np.eye(layer.inputs, dtype=bool)))
            if layer.recurrent:
                connections += dense(own, 0)
            layers.append(Layer(layer.name, connections, self.weight_width, layer.model, parameters, scale))
        return Program(self.name, tuple(layers), self.steps)
