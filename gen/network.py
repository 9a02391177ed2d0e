"""A spiking network in floating point, discretised in time: what readers return and the quantiser reads."""

from dataclasses import dataclass, replace

import numpy as np

from ranvier.golden.neurons.lif import Comparison, CurrentTiming, Reset, ResetTiming
from ranvier.golden.neurons.neuron import NEURONS, Neuron
from ranvier.golden.program import Connection, input_axons


@dataclass(frozen=True)
class Neurons:
    """A population in discrete time; arrays are float64 of shape ``[neurons]``.

        i[t] = current_decay * i[t-1] + drive[t]                    (only with a synaptic current)
        v[t] = membrane_decay * v[t-1] + (i or drive)[t] + membrane_bias
        s[t] = v[t] > threshold                                     (or >=)

    ``drive`` is the layer's ``weights`` summed over the inputs that spiked, plus its ``bias``; input
    gains and resistances are folded into both. IF has decay 1, Threshold decay 0; LI and I have
    ``threshold`` None. ``current_decay`` is None without a synaptic current; with ``current_timing``
    ``next_step`` the membrane adds ``i[t-1]``. A reset of the ``next_step`` acts on ``v[t-1]`` where
    ``s[t-1]``: a hard one before the decay, a soft one after it.
    """

    membrane_decay: np.ndarray
    threshold: np.ndarray | None
    reset_value: np.ndarray
    membrane_bias: np.ndarray
    current_decay: np.ndarray | None = None
    comparison: Comparison = "greater_equal"
    reset: Reset = "hard"
    reset_timing: ResetTiming = "same_step"
    current_timing: CurrentTiming = "same_step"

    @property
    def spiking(self) -> bool:
        """Whether they spike; else they are a readout."""
        return self.threshold is not None

    def ordered(self, order: np.ndarray) -> "Neurons":
        """The same, numbered anew."""
        values = {name: value[order] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, **values)


@dataclass(frozen=True, eq=False)
class ModelNeurons:
    """A population of a model of :data:`ranvier.golden.neurons.neuron.NEURONS`, with ``values`` for its FIELDS.

    In units of these, ``drive`` is as that of :class:`Neurons`; what a step does, says the model's ``step``.
    """

    kind: str
    values: dict[str, np.ndarray]
    size: int

    @property
    def model(self) -> type[Neuron]:
        return NEURONS[self.kind]

    @property
    def threshold(self) -> np.ndarray | None:
        """What a potential is compared with, where there is one number for it."""
        return self.values.get("v_threshold")

    @property
    def reset_value(self) -> np.ndarray:
        return self.values.get("v_reset", np.zeros(self.size))

    @property
    def membrane_bias(self) -> np.ndarray:
        return np.zeros(self.size)

    current_decay, spiking = None, True

    def ordered(self, order: np.ndarray) -> "ModelNeurons":
        """The same, numbered anew."""
        fields = self.model.FIELDS
        values = {name: value if fields[name].whole else value[order] for name, value in self.values.items()}
        return replace(self, values=values)


@dataclass(frozen=True, eq=False)
class NetworkLayer:
    """Neurons and the synapses before them: ``connections`` with float64 weights, ``bias`` ``[neurons]``.

    ``node``: the model's own name of the node that the layer's spikes and membrane belong to. ``shape``: of its signal,
    channels first, as the model has it; () for one axis.
    """

    name: str
    connections: tuple[Connection, ...]
    bias: np.ndarray
    neurons: Neurons | ModelNeurons
    node: str = ""
    shape: tuple[int, ...] = ()

    @property
    def weights(self) -> np.ndarray:
        """All of them, one behind the other."""
        return np.concatenate([connection.synapses.weights.reshape(-1) for connection in self.connections])


@dataclass(frozen=True, eq=False)
class Network:
    """Layers in the order of the data. ``notes``: one line for each choice a reader made, with its reason.

    Here and in all that follows, signals of several channels are numbered with channels last
    (:mod:`ranvier.golden.synapse`). ``shape``: of the input, as a layer's.
    """

    name: str
    layers: tuple[NetworkLayer, ...]
    notes: tuple[str, ...] = ()
    dt_s: float = 1.0
    input_node: str = "input"
    shape: tuple[int, ...] = ()

    @property
    def inputs(self) -> int:
        inputs = input_axons([layer.connections for layer in self.layers])
        assert inputs is not None  # the reader sees to it that all hear the input
        return inputs


def channels_last(shape: tuple[int, ...]) -> np.ndarray:
    """Places in a signal of ``shape``, channels first and flattened, of the values with channels last."""
    places = np.arange(int(np.prod(shape, dtype=np.int64))).reshape(shape)
    return np.moveaxis(places, 0, -1).reshape(-1) if len(shape) > 1 else places.reshape(-1)
