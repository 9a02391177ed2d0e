"""The metrics of NeuroBench (Yik et al. 2025) for an integer network, by their names there.

NeuroBench hooks into PyTorch modules; here the same quantities are counted on the program and on its spikes.
"""

from collections.abc import Sequence

import numpy as np

from ranvier.golden.attention import Attention
from ranvier.golden.fixed import signed_width, weight_range
from ranvier.golden.inference import LayerTrace, arriving
from ranvier.golden.program import Layer, Program
from ranvier.golden.synapse import counts


def footprint(program: Program) -> int:
    """``Footprint``: bytes of all weights, delays, parameters and states (pending currents and spikes of an attention
    among them), each at the width that it has in hardware."""
    return -(-sum(_bits(layer) for layer in program.layers) // 8)


def connection_sparsity(program: Program) -> float:
    """``ConnectionSparsity``: zero weights over all weights, four decimals as NeuroBench rounds it."""
    weights = [weights for layer in program.layers for weights in layer.weights]
    return round(sum(int((each == 0).sum()) for each in weights) / sum(each.size for each in weights), 4)


def activation_sparsity(program: Program, outputs: Sequence[np.ndarray]) -> float | None:
    """``ActivationSparsity``: neuron-steps without a spike over all neuron-steps of the spiking layers.

    ``outputs``: spikes of each layer, ``[samples, steps, neurons]``. None where no layer spikes.
    """
    spiking = [spikes for layer, spikes in zip(program.layers, outputs, strict=True) if layer.model.spiking]
    if not spiking:
        return None
    return 1 - sum(np.count_nonzero(spikes) for spikes in spiking) / sum(spikes.size for spikes in spiking)


def synaptic_operations(program: Program, spikes: np.ndarray, traces: Sequence[LayerTrace]) -> dict[str, float]:
    """``SynapticOperations``, mean over the samples.

    ``spikes``: of the input, bool ``[samples, steps, inputs]``, and ``traces`` of the layers. ``Effective_ACs``:
    additions of a weight that is not zero for an input that spiked, three for a spike of 3 or of -3;
    ``Effective_MACs``: 0; ``Dense``: additions if every input of every step were added with every weight.
    """
    samples, steps, _ = spikes.shape
    effective = dense = 0
    for place, layer in enumerate(program.layers):
        for connection, given in zip(layer.connections, arriving(program, place, spikes, traces), strict=True):
            synapses, everyone = connection.synapses, np.ones((1, given.shape[-1]), np.int64)
            linear = not isinstance(synapses, Attention)  # so that the steps may be added up first
            given = np.abs(given) if given.dtype != bool else given
            sent = given.sum(axis=(0, 1))[None] if linear else given
            effective += int(counts(synapses, zeros=False).drive(sent).sum())
            every_step = int(counts(synapses, zeros=True).drive(everyone).sum())
            dense += samples * steps * connection.repeats * every_step
    return {"Effective_MACs": 0.0, "Effective_ACs": effective / samples, "Dense": dense / samples}


def classification_accuracy(predictions: np.ndarray, labels: np.ndarray) -> float:
    """``ClassificationAccuracy``: samples whose prediction is their label, over all samples."""
    return float((predictions == labels).mean())


def _bits(layer: Layer) -> int:
    shapes, state = layer.model.parameter_shapes(), layer.model.state_bits
    parameters = sum(array.size * shapes[name][0] for name, array in layer.parameters.items())
    weights = sum(weights.size for weights in layer.weights) * layer.weight_width
    if layer.attention is not None:
        weights = layer.axons  # its spikes lie in memory, its one weight does not
    if layer.delays is not None:
        slot = layer.longest_delay.bit_length()
        low, high = weight_range(layer.weight_width)
        state += signed_width(layer.fan_in * low, layer.fan_in * high) << slot
        weights += layer.delays.size * slot
    return weights + parameters + layer.neurons * state
