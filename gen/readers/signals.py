"""Signals between the nodes of a graph: sums of spikes through linear maps."""

from dataclasses import dataclass, replace

import numpy as np

from ranvier.golden.attention import Attention
from ranvier.golden.program import MAX_DELAY
from ranvier.golden.synapse import Dense

from ..network import channels_last
from . import maps
from .graph import NodeError
from .maps import Map, Shape
from .nodes import size_of


@dataclass(frozen=True, eq=False)
class Term:
    """Part of a signal: spikes of layers (-1: the input) through ``map``, made by the nodes of ``path``.

    ``sources``: one, or query, key and value. ``delays``: as those of a :class:`Connection`.
    """

    sources: tuple[int, ...]
    map: Map
    path: tuple[str, ...] = ()
    delays: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Signal:
    """A sum of terms and a bias (channels last) of ``shape``."""

    shape: Shape
    terms: tuple[Term, ...]
    bias: np.ndarray


def numbered(signal: Signal, shape: Shape) -> Signal:
    """``signal``, numbered by another ``shape``. Raises NodeError."""
    if signal.shape == shape:
        return signal
    order = np.argsort(channels_last(signal.shape))[channels_last(shape)]
    if (order == np.arange(order.size)).all():
        same = tuple(replace(term, map=replace(term.map, shape=shape)) for term in signal.terms)
        return Signal(shape, same, signal.bias)
    path = f"numbered by {list(shape)}"
    terms = tuple(
        replace(term, map=maps.reordered(term.map, order, shape), path=(*term.path, path)) for term in signal.terms
    )
    return Signal(shape, terms, signal.bias[order])


def delayed(signal: Signal, steps: np.ndarray, name: str) -> Signal:
    """``signal``, each value so many ``steps`` later. Raises NodeError."""
    if signal.bias.any():
        raise NodeError("a bias comes before it, which would begin late", "give the bias to a node behind it")
    terms = []
    for term in signal.terms:
        delays, axons = steps, size_of(term.map.source)
        if isinstance(term.map.synapses, Attention):
            raise NodeError("an attention comes before it", "put neurons behind the attention")
        if term.map.synapses is not None:
            if not np.ptp(steps):
                delays = np.full(axons, steps[0])
            elif isinstance(term.map.synapses, Dense):
                delays = np.broadcast_to(steps, term.map.synapses.weights.shape)
            else:
                raise NodeError("different delays of neurons follow a convolution", "put the delays before it")
        if term.delays is not None:
            if delays.ndim != term.delays.ndim:
                delays = delays.reshape(axons, -1) + term.delays.reshape(axons, -1)
            else:
                delays = delays + term.delays
        if delays.max() > MAX_DELAY:
            reason = f"with those before it its delays are {delays.max()} steps, and {MAX_DELAY} can be"
            raise NodeError(reason, "use shorter ones")
        terms.append(replace(term, delays=np.ascontiguousarray(delays), path=(*term.path, name)))
    return replace(signal, terms=tuple(terms))
