"""Synapses whose weights are learned: which weight joins which input to which neuron, in all three directions.

    drive       inputs that spiked    → sums of weights at the neurons
    back        gradients of neurons  → sums of weights times gradients at the inputs
    correlate   both                  → sums of gradients at the weights

Weights are a matrix ``[rows, columns]`` whatever the synapses, so that the optimiser need not know them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..product import exact_product


@dataclass(frozen=True)
class Dense:
    """A weight for each input and neuron: ``[inputs, neurons]``."""

    inputs: int
    neurons: int
    kind: Literal["dense"] = "dense"

    @property
    def weight_shape(self) -> tuple[int, int]:
        return self.inputs, self.neurons

    @property
    def fan_out(self) -> int:
        """Most neurons that one input reaches."""
        return self.neurons

    @property
    def shares(self) -> int:
        """Synapses of one weight."""
        return 1

    def drive(self, weights: np.ndarray, spikes: np.ndarray) -> np.ndarray:
        """``spikes`` bool ``[n, inputs]`` to int64 ``[n, neurons]``."""
        return exact_product(spikes, weights)

    def back(self, weights: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """``gradient`` int64 ``[n, neurons]`` to int64 ``[n, inputs]``."""
        return exact_product(gradient, weights.T)

    def correlate(self, spikes: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """The weights' gradient, int64 ``[inputs, neurons]``, from bool ``[n, inputs]`` and int64 ``[n, neurons]``."""
        return exact_product(spikes.T, gradient)


@dataclass(frozen=True)
class Convolution:
    """A two-dimensional cross-correlation, as PyTorch's Conv2d without bias and with one group.

    Inputs are ``[channels, height, width]`` and neurons ``[filters, out_height, out_width]``, both flattened in that
    order. Weights: ``[channels * kernel height * kernel width, filters]``; their transpose, reshaped, is Conv2d's.
    ``kernel``, ``stride`` and ``padding`` (zeros on each side): vertical, then horizontal. Raises ValueError.
    """

    channels: int
    height: int
    width: int
    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    kind: Literal["convolution"] = "convolution"

    def __post_init__(self) -> None:
        sizes = (self.channels, self.height, self.width, self.filters)
        if min(sizes) < 1:
            raise ValueError(f"Channels, height, width and filters of a convolution must be at least 1, not {sizes}")
        if min(self.kernel) < 1 or min(self.stride) < 1 or min(self.padding) < 0:
            raise ValueError(
                "Kernel and stride of a convolution must be at least 1 and its padding at least 0, "
                f"not {self.kernel}, {self.stride} and {self.padding}"
            )
        room = (self.height + 2 * self.padding[0], self.width + 2 * self.padding[1])
        if self.kernel[0] > room[0] or self.kernel[1] > room[1]:
            raise ValueError(f"Kernel of a convolution must fit the padded input {room}, not {self.kernel}")

    @property
    def out_shape(self) -> tuple[int, int]:
        """Rows and columns of neurons of a filter."""
        rows = (self.height + 2 * self.padding[0] - self.kernel[0]) // self.stride[0] + 1
        columns = (self.width + 2 * self.padding[1] - self.kernel[1]) // self.stride[1] + 1
        return rows, columns

    @property
    def inputs(self) -> int:
        return self.channels * self.height * self.width

    @property
    def neurons(self) -> int:
        return self.filters * self.shares

    @property
    def weight_shape(self) -> tuple[int, int]:
        return self.channels * self.kernel[0] * self.kernel[1], self.filters

    @property
    def fan_out(self) -> int:
        """Most neurons that one input reaches."""
        reach = (-(-size // step) for size, step in zip(self.kernel, self.stride, strict=True))
        vertical, horizontal = (min(n, most) for n, most in zip(reach, self.out_shape, strict=True))
        return self.filters * vertical * horizontal

    @property
    def shares(self) -> int:
        """Synapses of one weight, those of the padding included."""
        rows, columns = self.out_shape
        return rows * columns

    def drive(self, weights: np.ndarray, spikes: np.ndarray) -> np.ndarray:
        """``spikes`` bool ``[n, inputs]`` to int64 ``[n, neurons]``."""
        sums = exact_product(self._patches(spikes), weights)
        return sums.reshape(len(spikes), self.shares, self.filters).swapaxes(1, 2).reshape(len(spikes), self.neurons)

    def back(self, weights: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """``gradient`` int64 ``[n, neurons]`` to int64 ``[n, inputs]``."""
        (high, wide), (down, across), (top, left) = self.kernel, self.stride, self.padding
        rows, columns = self.out_shape
        parts = exact_product(self._by_position(gradient), weights.T)
        parts = parts.reshape(len(gradient), rows, columns, self.channels, high, wide).transpose(0, 3, 4, 5, 1, 2)
        padded = np.zeros((len(gradient), self.channels, self.height + 2 * top, self.width + 2 * left), np.int64)
        for i in range(high):
            for j in range(wide):
                padded[:, :, i : i + rows * down : down, j : j + columns * across : across] += parts[:, :, i, j]
        return padded[:, :, top : top + self.height, left : left + self.width].reshape(len(gradient), self.inputs)

    def correlate(self, spikes: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """The weights' gradient, int64 ``weight_shape``, from bool ``[n, inputs]`` and int64 ``[n, neurons]``."""
        return exact_product(self._patches(spikes).T, self._by_position(gradient))

    def _patches(self, spikes: np.ndarray) -> np.ndarray:
        """What the kernel covers at each position: ``[n * positions, rows of the weights]``."""
        top, left = self.padding
        image = spikes.reshape(len(spikes), self.channels, self.height, self.width)
        padded = np.pad(image, ((0, 0), (0, 0), (top, top), (left, left)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.kernel, axis=(2, 3))
        windows = windows[:, :, :: self.stride[0], :: self.stride[1]]
        return windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, self.weight_shape[0])

    def _by_position(self, gradient: np.ndarray) -> np.ndarray:
        """``[n, neurons]`` as ``[n * positions, filters]``."""
        return gradient.reshape(len(gradient), self.filters, self.shares).swapaxes(1, 2).reshape(-1, self.filters)


Synapse = Dense | Convolution
