"""Stochastic gradient descent with momentum in integers: one weight's update, defined once."""

from dataclasses import dataclass, field

from ..fixed import Value, let, narrow, round_shift, select, shift_right
from ..neurons.leak import Decay, Multiply, Shift
from .gradient import through_leak

MAX_RATE_SHIFT = 30
MAX_MOMENTUM_WIDTH = 32


@dataclass(frozen=True)
class Sgd:
    """Descent with momentum:

        m = decay(m) + gradient / 2**gradient_shift         (rounded to nearest, saturated to momentum_width bits)
        w = w - rate * m / 2**rate_shift                    (rounded to nearest or stochastically, clipped to ±clip)

    ``decay``: the momentum that stays, ``Shift(k)`` for ``1 - 2**-k`` or ``Multiply``; ``Shift(0)``: none.
    ``rate_width``: bits of the factor ``rate`` that comes with each batch; 0 for a rate that is a power of two.
    """

    decay: Decay = field(default_factory=lambda: Shift(3))
    decay_factor: int = 0
    gradient_shift: int = 0
    momentum_width: int = 24
    rate_width: int = 0
    rate_shift: int = 8
    stochastic: bool = True
    clip: int = (1 << 15) - 1

    def __post_init__(self) -> None:
        if not 0 <= self.rate_shift <= MAX_RATE_SHIFT:
            raise ValueError(f"Rate shift must be 0..{MAX_RATE_SHIFT}, not {self.rate_shift}")
        if not 2 <= self.momentum_width <= MAX_MOMENTUM_WIDTH:
            raise ValueError(f"Momentum width must be 2..{MAX_MOMENTUM_WIDTH} bits, not {self.momentum_width}")
        if not 0 <= self.gradient_shift <= MAX_RATE_SHIFT:
            raise ValueError(f"Gradient shift must be 0..{MAX_RATE_SHIFT}, not {self.gradient_shift}")
        if not 0 <= self.rate_width <= 16:
            raise ValueError(f"Rate width must be 0..16 bits, not {self.rate_width}")
        if self.clip < 1:
            raise ValueError(f"Weights must be clipped to ±1 or more, not ±{self.clip}")
        if isinstance(self.decay, Multiply) and not 0 <= self.decay_factor <= 1 << self.decay.fraction_bits:
            raise ValueError(
                f"Momentum factor must be 0..{1 << self.decay.fraction_bits} "
                f"({self.decay.fraction_bits} fraction bits), not {self.decay_factor}"
            )

    @property
    def top_rate(self) -> int:
        """The largest rate that fits."""
        return (1 << self.rate_width) - 1 if self.rate_width else 1


def accumulate(optimiser: Sgd, momentum: Value, gradient: Value) -> tuple[Value, Value]:
    """The momentum after a batch with this ``gradient``; and whether it saturated."""
    kept = through_leak(optimiser.decay, momentum, optimiser.decay_factor)
    return narrow(kept + round_shift(gradient, optimiser.gradient_shift), optimiser.momentum_width, "momentum")


def stride(optimiser: Sgd, momentum: Value, rate: Value) -> Value:
    """What a weight loses, in units of ``2**-rate_shift``."""
    return momentum * rate if optimiser.rate_width else momentum


def move(optimiser: Sgd, weight: Value, lost: Value, noise: Value) -> tuple[Value, Value]:
    """The weight after a step of :func:`stride`; and whether it was clipped.

    ``noise``: a number of ``rate_shift`` bits if rounding is stochastic; ignored otherwise.
    """
    shift, clip = optimiser.rate_shift, optimiser.clip
    if not optimiser.stochastic:
        noise = (1 << shift) >> 1
    moved = let(shift_right(let(weight * (1 << shift) - lost + noise, "fine_weight"), shift), "moved")
    high, low = moved > clip, moved < -clip
    return select(high, clip, select(low, -clip, moved)), high | low


def descend(optimiser: Sgd, weight: Value, momentum: Value, rate: Value, noise: Value) -> tuple[Value, Value]:
    """The weight after a step along ``momentum``; and whether it was clipped."""
    return move(optimiser, weight, stride(optimiser, momentum, rate), noise)
