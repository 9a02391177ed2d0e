"""Linear maps from spikes to what they add to neurons: one of synapses for all linear nodes in a row.

Weights are float64. A map is built up from the side of the spikes: ``matrix.after(convolution.after(identity))``.
Signals are numbered with channels last, on both sides.
"""

from dataclasses import dataclass, replace

import numpy as np

from ranvier.golden.attention import Attention, Tokens
from ranvier.golden.synapse import Axis, Convolution, Dense, Geometry, Synapses

from ..network import channels_last
from ..simulate import driven
from .graph import NodeError

MAX_SYNAPSES = 1 << 26
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Map:
    """From a signal of shape ``source`` to one of ``shape``, channels first; ``synapses`` None: the identity."""

    source: Shape
    shape: Shape
    synapses: Synapses | None = None

    def made(self) -> Synapses:
        """The synapses, made for the identity: a weight of 1 for each neuron. Raises NodeError."""
        if self.synapses is not None:
            return self.synapses
        if len(self.shape) > 1:
            return _one_to_one(self.shape, (1, 1), 1.0)
        return Dense(_diagonal(np.ones(self.shape)))

    @property
    def windows(self) -> Geometry | None:
        """Its geometry, where it does no more than to add up windows with one weight."""
        if not isinstance(self.synapses, Convolution):
            return None
        geometry = self.synapses.geometry
        axes = (geometry.vertical, geometry.horizontal)
        simple = all(axis == Axis(axis.size, 1, pool=axis.pool) for axis in axes) and not np.ptp(self.synapses.weights)
        return geometry if simple and geometry.groups == geometry.channels == geometry.filters else None


def multiplied(before: Map, matrix: np.ndarray) -> Map:
    """``before``, then a ``matrix`` ``[values, outputs]`` of values in the model's order. Raises NodeError."""
    rows = matrix[channels_last(before.shape)]
    shape = (matrix.shape[1],)
    if before.synapses is None:
        return Map(before.source, shape, Dense(rows))
    geometry = before.windows
    if geometry is None:
        return Map(before.source, shape, Dense(_matrix(before.synapses) @ rows))
    y, x = (Axis(axis.size, axis.windows, pool=axis.pool) for axis in (geometry.vertical, geometry.horizontal))
    weights = rows.reshape(y.windows, x.windows, geometry.channels, -1).transpose(3, 2, 0, 1)
    kernel = np.ascontiguousarray(weights) * before.synapses.weights.reshape(-1)[0]
    whole = Geometry(geometry.channels, len(kernel), y, x)
    return Map(before.source, shape, Convolution(kernel, whole))


def convolution(before: Map, weights: np.ndarray, axes: tuple[Axis, Axis], groups: int) -> Map:
    """``before``, then a convolution of ``weights`` ``[filters, channels of a group, rows, columns]`` along ``axes``.
    Raises ValueError where they do not fit, NodeError where there is no such map."""
    channels = before.shape[0]
    geometry = Geometry(channels, len(weights), *axes, groups)
    own = Convolution(weights, geometry)
    shape = (len(weights), *(axis.outputs for axis in axes))
    if len(before.shape) == 2:
        shape = shape[::2]
    if before.synapses is None:
        return Map(before.source, shape, own)
    windows = before.windows
    if windows is None:
        return Map(before.source, shape, Dense(_matrix(before.synapses) @ _matrix(own)))
    y, x = (
        replace(axis, size=window.size, pool=window.pool)
        for axis, window in zip(axes, (windows.vertical, windows.horizontal), strict=True)
    )
    kernel = weights * before.synapses.weights.reshape(-1)[0]
    return Map(before.source, shape, Convolution(kernel, Geometry(channels, len(weights), y, x, groups)))


def pooled(
    before: Map, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], weight: float
) -> Map:
    """``before``, then sums over windows, times ``weight``. Raises as :func:`convolution` does."""
    channels, *sizes = before.shape
    if kernel == stride and padding == (0, 0) and (before.synapses is None or before.windows):
        shape = (channels, *(size // window for size, window in zip(sizes, kernel, strict=True)))
        geometry = before.windows
        if geometry is not None:
            assert before.synapses is not None
            kernel = kernel[0] * geometry.vertical.pool, kernel[1] * geometry.horizontal.pool
            weight *= float(before.synapses.weights.reshape(-1)[0])
        return Map(before.source, shape, _one_to_one(before.source, kernel, weight))
    rows, columns = (
        Axis(size, window, step, beside, beside)
        for size, window, step, beside in zip(sizes, kernel, stride, padding, strict=True)
    )
    return convolution(before, np.full((channels, 1, *kernel), weight), (rows, columns), channels)


def upsampled(before: Map, factors: tuple[int, int]) -> Map:
    """``before``, then each value as often along rows and columns as ``factors`` say. Raises NodeError."""
    channels, *sizes = before.shape
    y, x = (
        Axis(size, factor, before=factor - 1, after=factor - 1, up=factor)
        for size, factor in zip(sizes, factors, strict=True)
    )
    return convolution(before, np.ones((channels, 1, *factors)), (y, x), channels)


def attended(shape: Shape, heads: int, scale: float) -> Map:
    """Spiking self-attention over the places of a signal of ``shape``."""
    tokens = Tokens(int(np.prod(shape[1:], dtype=np.int64)), shape[0], heads)
    return Map(shape, shape, Attention(np.array([scale]), tokens))


def scaled(before: Map, factors: np.ndarray) -> Map:
    """``before``, its outputs times ``factors``, channels last. Raises NodeError."""
    if not np.any(factors != 1):
        return before
    synapses = before.synapses
    if synapses is None and len(before.shape) == 1:
        return replace(before, synapses=Dense(_diagonal(factors)))
    synapses = before.made()
    if isinstance(synapses, Dense):
        return replace(before, synapses=Dense(synapses.weights * factors))
    if isinstance(synapses, Attention):
        if np.ptp(factors):
            raise NodeError("its neurons weigh an attention differently", "give all of them one tau and r")
        return replace(before, synapses=replace(synapses, weights=synapses.weights * factors[0]))
    channels = factors.reshape(-1, synapses.geometry.filters)
    if np.ptp(channels, axis=0).any():
        return replace(before, synapses=Dense(_matrix(synapses) * factors))
    return replace(before, synapses=replace(synapses, weights=synapses.weights * channels[0][:, None, None, None]))


def reordered(before: Map, order: np.ndarray, shape: Shape) -> Map:
    """``before``, of its outputs those of ``order``, as a signal of ``shape``. Raises NodeError."""
    return Map(before.source, shape, Dense(np.ascontiguousarray(_matrix(before.made())[:, order])))


def _one_to_one(shape: Shape, pool: tuple[int, int], weight: float) -> Convolution:
    """One weight for each channel of ``shape``, over windows of ``pool``."""
    channels, *sizes, columns = shape
    rows = int(np.prod(sizes, dtype=np.int64))
    geometry = Geometry(channels, channels, Axis(rows, 1, pool=pool[0]), Axis(columns, 1, pool=pool[1]), channels)
    return Convolution(np.full((channels, 1, 1, 1), weight), geometry)


def _diagonal(values: np.ndarray) -> np.ndarray:
    _check_size(values.size, values.size)
    return np.diag(values)


def _matrix(synapses: Synapses) -> np.ndarray:
    """All weights, ``[axons, neurons]``. Raises NodeError where they are too many."""
    if isinstance(synapses, Dense):
        return synapses.weights
    if isinstance(synapses, Attention):
        raise NodeError("an attention comes before it without neurons between them", "put neurons behind the attention")
    _check_size(synapses.axons, synapses.neurons)
    return driven(synapses, np.eye(synapses.axons))


def _check_size(axons: int, neurons: int) -> None:
    if axons * neurons > MAX_SYNAPSES:
        raise NodeError(
            f"together with the linear nodes before it, it needs a matrix of {axons} x {neurons} weights,"
            f" more than {MAX_SYNAPSES}",
            "put neurons between them, or a Linear node that shrinks the signal before them",
        )
