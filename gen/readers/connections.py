"""Connections of a layer: those that can be one are joined, and all brought to one kind."""

from dataclasses import replace

import numpy as np

from ranvier.golden.attention import Attention
from ranvier.golden.program import Connection
from ranvier.golden.synapse import Convolution, Dense, unshared

from .graph import NodeError


def joined(connections: list[Connection]) -> list[Connection]:
    """``connections``, those of the same spikes through weights that lie apart, with delays of their own, as one whose
    synapses have delays."""
    found: list[Connection] = []
    for new in connections:
        for place, old in enumerate(found):
            delayed = old.delays is not None or new.delays is not None
            a, b = old.synapses, new.synapses
            if delayed and old.sources == new.sources and isinstance(a, Dense) and isinstance(b, Dense):
                if (a.weights * b.weights).any():
                    continue
                delays = np.where(b.weights != 0, _of_weights(new), _of_weights(old))
                found[place] = Connection(Dense(a.weights + b.weights), old.sources, delays)
                break
        else:
            found.append(new)
    return found


def _of_weights(connection: Connection) -> np.ndarray:
    """The delay of each weight, ``[axons, neurons]``."""
    delays = np.zeros(connection.synapses.axons, np.int64) if connection.delays is None else connection.delays
    return np.broadcast_to(delays.reshape(len(delays), -1), connection.synapses.weights.shape)


def alike(connections: list[Connection]) -> list[Connection]:
    """``connections``, all of them convolutions where one is."""
    if len(connections) > 1 and any(isinstance(c.synapses, Attention) for c in connections):
        raise NodeError("an attention and others lead to it", "give the attention neurons of its own")
    shapes = [c.synapses.geometry.out_shape for c in connections if isinstance(c.synapses, Convolution)]
    if not shapes:
        return connections
    if any(c.delays is not None and c.delays.ndim > 1 for c in connections):
        raise NodeError(
            "delays of synapses and convolutions lead to it", "use delays of whole axons beside convolutions"
        )
    return [
        replace(c, synapses=unshared(c.synapses, shapes[0])) if isinstance(c.synapses, Dense) else c
        for c in connections
    ]
