"""Spiking self-attention: products of spikes in the place of weights (Zhou et al. 2024, eqs 18-20)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .product import exact_product


@dataclass(frozen=True)
class Tokens:
    """The shape of an attention: ``tokens`` of ``channels`` each, which ``heads`` share among them."""

    tokens: int
    channels: int
    heads: int = 1

    def __post_init__(self) -> None:
        if min(self.tokens, self.channels, self.heads) < 1:
            sizes = self.tokens, self.channels, self.heads
            raise ValueError(f"An attention's tokens, channels and heads must be at least 1, not {sizes}")
        if self.channels % self.heads:
            raise ValueError(f"An attention's heads must divide its {self.channels} channels, not {self.heads}")

    @property
    def size(self) -> int:
        """Values of each of query, key and value."""
        return self.tokens * self.channels

    @property
    def head_channels(self) -> int:
        return self.channels // self.heads


@dataclass(frozen=True, eq=False)
class Attention:
    """Axons are the spikes of query, key and value, one behind the other, each ``[tokens, channels]``. Channel ``c`` of
    token ``n`` gets ``weights[0]`` times the sum over tokens ``m`` of the channels of c's head that spike in both query
    ``n`` and key ``m``, where value ``c`` of ``m`` spikes: ``(Q Kᵀ) V``, without softmax."""

    weights: np.ndarray
    shape: Tokens

    def __post_init__(self) -> None:
        if self.weights.shape != (1,):
            raise ValueError(f"An attention must have one weight, not {list(self.weights.shape)}")

    @property
    def axons(self) -> int:
        return 3 * self.shape.size

    @property
    def neurons(self) -> int:
        return self.shape.size

    @property
    def fan_in(self) -> int:
        """Most times that the weight is added to one neuron in a step."""
        return self.shape.tokens * self.shape.head_channels

    def drive(self, spikes: np.ndarray) -> np.ndarray:
        """``[…, axons]`` to int64 ``[…, neurons]``; keys meet values first."""
        tokens, heads = self.shape.tokens, self.shape.heads
        parts = spikes.reshape(-1, 3, tokens, heads, self.shape.head_channels).transpose(1, 0, 3, 2, 4)
        query, key, value = parts  # [samples, heads, tokens, channels of a head]
        sums = exact_product(query, exact_product(key.swapaxes(-1, -2), value)) * self.weights[0]
        return np.asarray(sums.transpose(0, 2, 1, 3).reshape(*spikes.shape[:-1], self.neurons))

    def totals(self, values: np.ndarray) -> np.ndarray:
        """Of the one value for its weight, the sum at each neuron: ``[neurons]``."""
        return np.full(self.neurons, values[0] * self.fan_in)

    @property
    def description(self) -> dict[str, Any]:
        shape = self.shape
        return {"kind": "attention", "tokens": shape.tokens, "channels": shape.channels, "heads": shape.heads}
