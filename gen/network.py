"""A spiking network in floating point, discretised in time: what readers return and the quantiser reads."""

from dataclasses import dataclass

import numpy as np

from ranvier.golden.neuron import Comparison, CurrentTiming, Reset, ResetTiming


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


@dataclass(frozen=True)
class NetworkLayer:
    """Dense synapses (``weights`` float64 ``[axons, neurons]``, ``bias`` ``[neurons]``) and their neurons.

    ``node``: the model's own name of the node that the layer's spikes and membrane belong to.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    neurons: Neurons
    node: str = ""


@dataclass(frozen=True)
class Network:
    """A feed-forward chain. ``notes``: one line for each choice a reader made, with its reason."""

    name: str
    layers: tuple[NetworkLayer, ...]
    notes: tuple[str, ...] = ()
    dt_s: float = 1.0
    input_node: str = "input"

    @property
    def inputs(self) -> int:
        return int(self.layers[0].weights.shape[0])
