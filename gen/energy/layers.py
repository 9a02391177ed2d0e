"""Shapes of layers, as far as counting needs them."""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Dense:
    """``channels`` inputs, each with a synapse to each of ``filters`` neurons."""

    name: str
    channels: int
    filters: int
    spiking: bool = True

    def __post_init__(self) -> None:
        _require_positive(self.name, channels=self.channels, filters=self.filters)

    @property
    def inputs(self) -> int:
        return self.channels

    @property
    def neurons(self) -> int:
        return self.filters

    @property
    def weights(self) -> int:
        return self.channels * self.filters

    @property
    def synapses(self) -> int:
        return self.weights

    @property
    def positions(self) -> int:
        return self.weights


@dataclass(frozen=True)
class Convolution:
    """``filters`` maps of ``size`` × ``size`` neurons over ``channels`` maps of the same size: stride 1, odd
    ``kernel``, zeros around.

    ``synapses``: pairs of an input and a neuron that a weight joins. ``positions``: the same with the zeros around the
    maps counted as inputs, ``C·R²·K·E²`` in SATA's letters; what an array computes that does not leave them out.
    """

    name: str
    channels: int
    filters: int
    size: int
    kernel: int = 3
    spiking: bool = True

    def __post_init__(self) -> None:
        _require_positive(self.name, channels=self.channels, filters=self.filters, size=self.size, kernel=self.kernel)
        if self.kernel % 2 == 0:
            raise ValueError(f"Layer {self.name} must have an odd kernel, not {self.kernel}")

    @property
    def inputs(self) -> int:
        return self.channels * self.size**2

    @property
    def neurons(self) -> int:
        return self.filters * self.size**2

    @property
    def weights(self) -> int:
        return self.channels * self.filters * self.kernel**2

    @cached_property
    def synapses(self) -> int:
        reach = self.kernel // 2
        along = sum(max(self.size - abs(offset), 0) for offset in range(-reach, reach + 1))
        return self.channels * self.filters * along**2

    @property
    def positions(self) -> int:
        return self.weights * self.size**2


Layer = Dense | Convolution


def _require_positive(name: str, **sizes: int) -> None:
    for size, value in sizes.items():
        if value < 1:
            raise ValueError(f"Layer {name} must have {size} of at least 1, not {value}")
