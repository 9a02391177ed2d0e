"""The scale of a layer: integer units per unit of membrane potential, and what weights become by it.

The scale that fills the weight range is not always the best at few bits: a few are tried that clip the largest weights,
or that make the threshold an integer, and the one with the least squared error of a step's drive and threshold is
taken.
"""

import numpy as np

from ranvier.golden.attention import Attention
from ranvier.golden.fixed import signed_max, weight_range
from ranvier.golden.synapse import Convolution, Synapses

from .errors import RanvierError
from .network import NetworkLayer

_CLIPS = np.linspace(1, 0.25, 16)  # part of the largest weight that the weight range ends at
_ACTIVITY = 0.1  # share of the inputs that spike in a step, for weighing weight errors against the threshold's
_TINY = float(np.finfo(np.float32).tiny)  # smaller weights are none that a framework trained


def best_scale(layer: NetworkLayer, width: int, per_channel: bool) -> np.ndarray:
    """Integer units per unit of membrane potential, ``[neurons]``: one for all, or for each channel."""
    magnitudes, neurons = np.abs(layer.weights), layer.bias.size
    if not np.isfinite(magnitudes).all() or not np.isfinite(layer.bias).all():
        raise RanvierError(f"Layer {layer.name}: weights times gains are not finite; check tau and r of its neurons")
    largest = float(magnitudes.max())
    if 0 < largest < _TINY:
        raise RanvierError(
            f"Layer {layer.name}: its weights times gains are at most {largest:.3g}, too small to compute with; train"
            " it, or check tau and r of its neurons"
        )
    if largest == 0:
        raise RanvierError(f"Layer {layer.name}: all weights are 0, so that nothing can be computed; train it")
    if width == 1:
        zeros = int(np.count_nonzero(layer.weights == 0))
        if zeros:
            raise RanvierError(
                f"Layer {layer.name}: {zeros} of {magnitudes.size} weights are 0, but a weight of 1 bit is -1 or +1;"
                " set quantisation.weight_width to 2 or more"
            )
    channels = _channels(layer) if per_channel else np.zeros(neurons, np.int64)
    greatest, mean = _magnitudes(layer, channels)
    if width == 1:
        return np.asarray(1 / mean[channels])  # least squared error of ±1/scale
    scales = [(signed_max(width) / (clip * greatest))[channels] for clip in _CLIPS]
    threshold = None if layer.neurons.threshold is None else np.abs(layer.neurons.threshold)
    if threshold is not None and threshold.all() and all(not np.ptp(threshold[channels == k]) for k in set(channels)):
        scales += [whole / threshold for s in scales if (whole := np.rint(s * threshold)).all()]
    errors = np.array([_error(layer, scale, width) for scale in scales])
    best = np.array([errors[:, channels == k].mean(axis=1).argmin() for k in range(channels.max() + 1)])
    return np.asarray(np.array(scales)[best[channels], np.arange(neurons)])


def _channels(layer: NetworkLayer) -> np.ndarray:
    """Of each neuron its channel: of a convolution the filter, else the neuron itself."""
    synapses, neurons = layer.connections[0].synapses, layer.bias.size
    return np.arange(neurons) % (synapses.geometry.filters if isinstance(synapses, Convolution) else neurons)


def _magnitudes(layer: NetworkLayer, channels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Greatest and mean magnitude of the weights of each channel; where all are 0, those of the layer."""
    count, everything = int(channels.max()) + 1, np.abs(layer.weights)
    if count == 1:
        return everything.max(keepdims=True), everything.mean(keepdims=True)
    parts = [np.abs(c.synapses.weights) for c in layer.connections]
    flat = [
        each.reshape(count, -1) if isinstance(c.synapses, Convolution) else each.T
        for each, c in zip(parts, layer.connections, strict=True)
    ]
    together = np.concatenate(flat, axis=1)
    greatest, mean = together.max(axis=1), together.mean(axis=1)
    return np.where(greatest > _TINY, greatest, everything.max()), np.where(mean > _TINY, mean, everything.mean())


def _error(layer: NetworkLayer, scale: np.ndarray, width: int) -> np.ndarray:
    """Squared error of a step's drive and threshold, of each neuron."""
    error = np.zeros(layer.bias.size)
    for connection, weights in zip(layer.connections, integer_weights(layer, scale, width), strict=True):
        synapses = connection.synapses
        error += _ACTIVITY * synapses.totals(_squared(synapses.weights, weights / _beside(synapses, scale)))
    values = [layer.bias, layer.neurons.membrane_bias]
    values += [] if layer.neurons.threshold is None else [layer.neurons.threshold]
    for value in values:
        error = error + _squared(value, np.rint(scale * value) / scale)
    return error


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray((a - b) ** 2)


def _beside(synapses: Synapses, scale: np.ndarray) -> np.ndarray:
    """``scale`` of the neurons, shaped to meet the weights."""
    if isinstance(synapses, Convolution):
        return scale[: synapses.geometry.filters, None, None, None]
    return scale[:1] if isinstance(synapses, Attention) else scale


def integer_weights(layer: NetworkLayer, scale: np.ndarray, width: int) -> list[np.ndarray]:
    """Integers of each connection."""
    if width == 1:
        return [np.where(connection.synapses.weights > 0, 1, -1) for connection in layer.connections]
    return [
        np.clip(np.rint(_beside(c.synapses, scale) * c.synapses.weights), *weight_range(width)).astype(np.int64)
        for c in layer.connections
    ]
