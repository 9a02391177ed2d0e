"""Synapses of a layer: which weight joins which axon to which neuron, and the sums that spikes make of them.

Signals of an image are numbered with channels last: ``(row * width + column) * channels + channel``. A sequence is
an image of one row.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .attention import Attention, Tokens
from .product import exact_product


@dataclass(frozen=True, eq=False)
class Dense:
    """A weight for each axon and neuron: ``weights`` ``[axons, neurons]``."""

    weights: np.ndarray

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or not self.weights.size:
            raise ValueError(f"Weights must be a non-empty matrix, not {list(self.weights.shape)}")

    @property
    def axons(self) -> int:
        return int(self.weights.shape[0])

    @property
    def neurons(self) -> int:
        return int(self.weights.shape[1])

    @property
    def fan_in(self) -> int:
        """Most spikes that one neuron can get in a step."""
        return self.axons

    def drive(self, spikes: np.ndarray) -> np.ndarray:
        """Sums of the weights of the axons that spiked: ``[…, axons]`` to int64 ``[…, neurons]``."""
        return exact_product(spikes, self.weights)

    def totals(self, values: np.ndarray) -> np.ndarray:
        """Of ``values``, one for each weight, the sum at each neuron: ``[neurons]``."""
        return np.asarray(values.sum(axis=0))

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": "dense"}


@dataclass(frozen=True)
class Axis:
    """One direction of a convolution: of ``size`` inputs, kernels of ``kernel`` weights.

    Neuron ``y`` adds weight ``k`` of input ``i`` where ``up * (i // pool) + before - y * stride = k * dilation``: sums
    over windows of ``pool``, ``up - 1`` zeros between them, zeros ``before`` and ``after``, then the kernel, which
    moves by ``stride``. Inputs that fill no window are left out.
    """

    size: int
    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    pool: int = 1
    up: int = 1

    def __post_init__(self) -> None:
        for name in ("size", "kernel", "stride", "dilation", "pool", "up"):
            if getattr(self, name) < 1:
                raise ValueError(f"A convolution's {name} must be at least 1, not {getattr(self, name)}")
        if min(self.before, self.after) < 0:
            raise ValueError(f"A convolution's padding must be at least 0, not {self.before} and {self.after}")
        if self.windows < 1:
            raise ValueError(f"A pooling window must fit its {self.size} inputs, not {self.pool}")
        if self.outputs < 1:
            raise ValueError(f"A kernel must fit the padded input of {self.padded}, not span {self.span}")

    @property
    def windows(self) -> int:
        """Sums over windows."""
        return self.size // self.pool

    @property
    def padded(self) -> int:
        return (self.windows - 1) * self.up + 1 + self.before + self.after

    @property
    def span(self) -> int:
        """Inputs from the first weight of a kernel to its last."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def outputs(self) -> int:
        return (self.padded - self.span) // self.stride + 1

    @property
    def fan_in(self) -> int:
        """Most inputs that one output gets something of."""
        spread = np.zeros(self.padded, np.int64)
        spread[self.before : self.padded - self.after : self.up] = self.pool
        return max(
            int(spread[first : first + self.span : self.dilation].sum())
            for first in range(0, self.outputs * self.stride, self.stride)
        )


@dataclass(frozen=True)
class Geometry:
    """A convolution but for its weights: ``channels`` to ``filters`` in ``groups``, along both axes."""

    channels: int
    filters: int
    vertical: Axis
    horizontal: Axis
    groups: int = 1

    def __post_init__(self) -> None:
        if min(self.channels, self.filters, self.groups) < 1:
            sizes = self.channels, self.filters, self.groups
            raise ValueError(f"A convolution's channels, filters and groups must be at least 1, not {sizes}")
        if self.channels % self.groups or self.filters % self.groups:
            raise ValueError(
                f"A convolution's groups must divide its {self.channels} channels and {self.filters} filters, "
                f"not {self.groups}"
            )

    @property
    def in_shape(self) -> tuple[int, int, int]:
        """Rows, columns, channels."""
        return self.vertical.size, self.horizontal.size, self.channels

    @property
    def out_shape(self) -> tuple[int, int, int]:
        return self.vertical.outputs, self.horizontal.outputs, self.filters

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Filters, channels of a group, rows, columns: that of PyTorch's Conv2d."""
        return self.filters, self.channels // self.groups, self.vertical.kernel, self.horizontal.kernel


@dataclass(frozen=True, eq=False)
class Convolution:
    """A cross-correlation: ``weights`` of ``geometry.weight_shape``, shared by all positions."""

    weights: np.ndarray
    geometry: Geometry

    def __post_init__(self) -> None:
        if self.weights.shape != self.geometry.weight_shape:
            wanted, got = list(self.geometry.weight_shape), list(self.weights.shape)
            raise ValueError(f"Weights of a convolution must have shape {wanted}, not {got}")

    @property
    def axons(self) -> int:
        return int(np.prod(self.geometry.in_shape))

    @property
    def neurons(self) -> int:
        return int(np.prod(self.geometry.out_shape))

    @property
    def fan_in(self) -> int:
        """Most spikes that one neuron can get in a step."""
        axes = self.geometry.vertical.fan_in * self.geometry.horizontal.fan_in
        return axes * self.geometry.channels // self.geometry.groups

    def drive(self, spikes: np.ndarray) -> np.ndarray:
        """Sums of the weights of the axons that spiked: ``[…, axons]`` to int64 ``[…, neurons]``."""
        geometry, groups = self.geometry, self.geometry.groups
        patches = self._patches(spikes.reshape(-1, *geometry.in_shape))
        sums = []
        for group, weights in zip(np.split(patches, groups, axis=3), np.split(self.weights, groups), strict=True):
            columns = group.reshape(-1, weights[0].size)
            sums.append(exact_product(columns, weights.reshape(len(weights), -1).T))
        return np.concatenate(sums, axis=-1).reshape(*spikes.shape[:-1], self.neurons)

    def _patches(self, images: np.ndarray) -> np.ndarray:
        """What each kernel covers: ``[images, rows, columns, channels, kernel rows, kernel columns]``."""
        along = self.geometry.vertical, self.geometry.horizontal
        (rows, down), (columns, across) = ((axis.windows, axis.pool) for axis in along)
        images = images[:, : rows * down, : columns * across].astype(np.float64)
        if down * across > 1:
            images = images.reshape(-1, rows, down, columns, across, images.shape[-1]).sum(axis=(2, 4))
        padded = np.zeros((len(images), *(axis.padded for axis in along), images.shape[-1]))
        inside = tuple(slice(axis.before, axis.padded - axis.after, axis.up) for axis in along)
        padded[:, *inside] = images
        windows = np.lib.stride_tricks.sliding_window_view(padded, tuple(axis.span for axis in along), axis=(1, 2))
        (top, down), (left, across) = ((axis.stride, axis.dilation) for axis in along)
        return windows[:, ::top, ::left, :, ::down, ::across]

    def totals(self, values: np.ndarray) -> np.ndarray:
        """Of ``values``, one for each weight, the sum at each neuron away from the borders: ``[neurons]``."""
        positions = self.neurons // self.geometry.filters
        return np.tile(values.sum(axis=(1, 2, 3)), positions)

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": "convolution", "geometry": asdict(self.geometry)}


Synapses = Dense | Convolution | Attention


def unshared(synapses: Dense, shape: tuple[int, int, int]) -> Convolution:
    """Dense ``synapses`` as a convolution, to stand beside others before neurons of ``shape`` (rows, columns,
    channels): axons are the channels of one place, and the kernel reaches all neurons from there."""
    rows, columns, channels = shape
    weights = synapses.weights.reshape(-1, *shape)[:, ::-1, ::-1].transpose(3, 0, 1, 2)
    y, x = (Axis(1, size, before=size - 1, after=size - 1) for size in (rows, columns))
    return Convolution(np.ascontiguousarray(weights), Geometry(synapses.axons, channels, y, x))


def restored(weights: np.ndarray, description: dict[str, Any]) -> Synapses:
    """The synapses whose ``description`` was saved beside their ``weights``."""
    if description["kind"] == "dense":
        return Dense(weights)
    if description["kind"] == "attention":
        return Attention(weights, Tokens(*(description[name] for name in ("tokens", "channels", "heads"))))
    fields = dict(description["geometry"])
    fields |= {name: Axis(**fields[name]) for name in ("vertical", "horizontal")}
    return Convolution(weights, Geometry(**fields))


def counts(synapses: Synapses, *, zeros: bool) -> Synapses:
    """``synapses`` with weights of 1, so that they drive by how many weights are added; those that are 0 count if
    ``zeros``. An attention adds its weight once for each pair of spikes that a value meets."""
    weights = np.ones_like(synapses.weights) if zeros else synapses.weights != 0
    return replace(synapses, weights=weights.astype(np.int64))


def bounds(synapses: Synapses) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest drive of each neuron, every axon free to spike or not: int64 ``[neurons]`` each."""
    if isinstance(synapses, Attention):
        most = np.full(synapses.neurons, synapses.fan_in * synapses.weights[0])
        return np.minimum(most, 0), np.maximum(most, 0)
    everyone = np.ones((1, synapses.axons), bool)
    least, most = (
        replace(synapses, weights=clipped).drive(everyone)[0]
        for clipped in (np.minimum(synapses.weights, 0), np.maximum(synapses.weights, 0))
    )
    return least, most
