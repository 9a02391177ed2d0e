"""How often each unit of a training engine works in one training step: one sample, all time steps, batch of 1.

Five counters, one for each kind of work, named as hardware would name them (equations: training specification,
section 1; ``s`` spikes, ``gu`` gradients of membrane potentials):

| counter | counts | dense | with sparsity |
|---|---|---|---|
| ``forward`` | ``u[k] += W[j,k]`` | T · synapses | one for each synapse of an input that spiked |
| ``neuron`` | leak, threshold, reset | T · neurons | the same |
| ``neuron_gradient`` | surrogate, leak of ``gu`` | T · neurons | the same |
| ``backward`` | ``g_in[j] += W[j,k] · gu[k]`` | T · synapses | one for each synapse of a neuron with ``gu ≠ 0`` |
| ``weight_gradient`` | ``dW[j,k] += gu[k]`` | T · synapses | one for each synapse with both |
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np

from .layers import Dense, Layer

Phase = Literal["forward", "neuron", "neuron_gradient", "backward", "weight_gradient"]
PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True)
class Operations:
    """What one work of a unit takes, as numbers of operations of 16 bits."""

    multiply: int = 0
    accumulate: int = 0
    add: int = 0
    and_: int = 0
    compare: int = 0
    mux: int = 0
    register: int = 0
    shift: int = 0

    def named(self) -> dict[str, int]:
        return {field.name.rstrip("_"): getattr(self, field.name) for field in fields(self)}


Units = Mapping[Phase, Operations]

ENGINE: Units = {
    "forward": Operations(accumulate=1),
    "neuron": Operations(shift=1, add=2, compare=3, mux=1, register=2),
    "neuron_gradient": Operations(shift=1, add=2, mux=2, register=2),
    "backward": Operations(multiply=1, accumulate=1),
    "weight_gradient": Operations(accumulate=1),
}
"""Our engines, for a leak ``1 - 2**-k`` and a rectangle as surrogate: the leak is a shift and a subtraction, the
rectangle a subtraction and two comparisons beside the threshold's; a gradient is masked, not multiplied; events need
no AND. Registers: the two stages of a lane. Source: training specification, section 1, and the lanes in
``hw.train``."""


@dataclass(frozen=True)
class Activity:
    """Shares (0…1) of a layer's inputs that spike in a step, and of its neurons that have a gradient ``gu ≠ 0``
    then."""

    spikes: float
    gradients: float

    def __post_init__(self) -> None:
        for name, share in (("spikes", self.spikes), ("gradients", self.gradients)):
            if not 0 <= share <= 1:
                raise ValueError(f"Share of {name} must be 0…1, not {share}")


DENSE = Activity(1.0, 1.0)


@dataclass(frozen=True)
class Rules:
    """What is counted. ``padding``: the zeros around a convolution's maps as inputs. ``input_gradient``: the gradient
    of the network's input, which nobody needs. ``pairs``: weight gradients only where both a spike and a gradient
    are; else wherever a spike is."""

    padding: bool
    input_gradient: bool
    pairs: bool


OURS = Rules(padding=False, input_gradient=False, pairs=True)


@dataclass(frozen=True)
class Work:
    """Counters of one layer: ``spikes`` that came in, neurons' ``gradients`` that are not 0, and the five of the
    phases.

    Whole numbers where tensors were counted (:func:`counted`), means where shares were given (:func:`expected`).
    """

    spikes: float
    gradients: float
    forward: float
    neuron: float
    neuron_gradient: float
    backward: float
    weight_gradient: float

    def of(self, phase: Phase) -> float:
        value: float = getattr(self, phase)
        return value


def expected(layer: Layer, steps: int, activity: Activity, rules: Rules = OURS, *, first: bool = False) -> Work:
    """The mean :class:`Work` of ``steps`` time steps; spikes and gradients are independent of each other and of the
    place.

    ``first``: the layer's inputs are the network's.
    """
    synapses = steps * (layer.positions if rules.padding else layer.synapses)
    s, d = activity.spikes, activity.gradients
    return Work(
        spikes=s * steps * layer.inputs,
        gradients=d * steps * layer.neurons,
        forward=s * synapses,
        neuron=steps * layer.neurons,
        neuron_gradient=steps * layer.neurons,
        backward=d * synapses if rules.input_gradient or not first else 0.0,
        weight_gradient=(s * d if rules.pairs else s) * synapses,
    )


def counted(layer: Layer, spikes: np.ndarray, gradients: np.ndarray, *, first: bool = False) -> Work:
    """The exact :class:`Work`, by :data:`OURS`, for what happened.

    ``spikes``: bool ``[steps, inputs]``, for a convolution ``[steps, channels, size, size]``; ``gradients``: bool,
    where ``gu ≠ 0``, likewise with neurons or filters. Raises ValueError for other shapes.
    """
    steps = len(spikes)
    for name, array, channels in (("spikes", spikes, layer.channels), ("gradients", gradients, layer.filters)):
        shape = (steps, channels) if isinstance(layer, Dense) else (steps, channels, layer.size, layer.size)
        if array.shape != shape:
            raise ValueError(f"Layer {layer.name} must have {name} of shape {shape}, not {array.shape}")
    forward, backward, pairs = _touched(layer, spikes != 0, gradients != 0)
    return Work(
        spikes=int(np.count_nonzero(spikes)),
        gradients=int(np.count_nonzero(gradients)),
        forward=forward,
        neuron=steps * layer.neurons,
        neuron_gradient=steps * layer.neurons,
        backward=0 if first else backward,
        weight_gradient=pairs,
    )


def _touched(layer: Layer, spikes: np.ndarray, gradients: np.ndarray) -> tuple[int, int, int]:
    """Synapses behind a spike, before a gradient, and between the two."""
    s, g = spikes.sum(axis=1, dtype=np.int64), gradients.sum(axis=1, dtype=np.int64)  # channels, filters at a place
    if isinstance(layer, Dense):
        return int(s.sum()) * layer.filters, int(g.sum()) * layer.channels, int((s * g).sum())
    forward = backward = pairs = 0
    offsets = range(-(layer.kernel // 2), layer.kernel // 2 + 1)
    for dy in offsets:
        for dx in offsets:
            source = s[:, _window(dy, layer.size), _window(dx, layer.size)]
            target = g[:, _window(-dy, layer.size), _window(-dx, layer.size)]
            forward += int(source.sum()) * layer.filters
            backward += int(target.sum()) * layer.channels
            pairs += int((source * target).sum())
    return forward, backward, pairs


def _window(offset: int, size: int) -> slice:
    """Where a map still is inside, moved by ``offset``; empty if it is moved out."""
    return slice(min(max(offset, 0), size), max(size + min(offset, 0), 0))


def energy_pj(work: Iterable[Work], units: Units, table_pj: Mapping[str, float]) -> dict[Phase, float]:
    """Energy of each phase in pJ: counters × operations of the unit × energy of an operation (``table_pj``, by
    name)."""
    layers = list(work)
    return {
        phase: sum(layer.of(phase) for layer in layers)
        * sum(number * table_pj[name] for name, number in units[phase].named().items())
        for phase in PHASES
    }
