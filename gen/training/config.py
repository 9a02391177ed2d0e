"""The ``[training]`` table: what is trained, how, and on what, in the units of its user."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, field_validator

from ranvier.golden.neurons.lif import Comparison, Reset, ResetTiming
from ranvier.golden.train.setup import ResetPath

from ..section import Section

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Schedule = Literal["constant", "linear", "cosine"]


class NeuronSettings(Section):
    """The neurons of all layers. Potentials and weights have the same unit."""

    leak: Share = 0.875
    """Part of the membrane potential that a step keeps; 1 - 2**-k (0.875, 0.9375, ..., 0, or 1) takes no multiplier."""
    readout_leak: Share = 0.9375
    """The same of the last layer, where it is a readout: leaky integrators that never fire."""
    threshold: Positive = 1.0
    """Firing threshold."""
    comparison: Comparison = "greater_equal"
    """A neuron fires when its membrane potential is greater than the threshold, or also when it equals it."""
    reset: Reset = "hard"
    """After a spike: hard sets 0, soft subtracts the threshold, none leaves the potential."""
    reset_timing: ResetTiming = "same_step"
    """Whether the reset acts in the step of the spike or in the one after."""
    reset_path: ResetPath = "detached"
    """Whether gradients also go back through the reset (exact), or not."""


class SurrogateSettings(Section):
    """What stands for the derivative of a spike, around the threshold."""

    kind: Literal["rectangle", "triangle", "sigmoid", "arctan", "tanh", "fast_sigmoid", "dspike"] = "rectangle"
    """Its shape; a rectangle takes no multiplier, the smooth ones a table."""
    width: Positive = 1.0
    """From end to end of a rectangle (of height 1) or of a triangle's base, in thresholds."""
    slope: Positive = 5.0
    """Steepness of the smooth ones, over potentials in thresholds."""


class LossSettings(Section):
    """What is made small."""

    kind: Literal["cross_entropy", "tet", "count_error"] = "cross_entropy"
    """Cross-entropy of the readout's potentials summed over the steps, or of those of each step (tet); or the squared
    error of the last layer's spike counts, which then fires."""
    unit: Positive = 4.0
    """Potential that is one nat of the cross-entropy; a power of two."""
    on: int | None = Field(default=None, ge=1)
    """Spikes that count_error wants of the right neuron; left out: three quarters of the steps."""
    off: int = Field(default=0, ge=0)
    """Spikes that it wants of the others."""


class OptimiserSettings(Section):
    """Stochastic gradient descent with momentum: m = momentum * m + gradient, weight = weight - rate * m."""

    momentum: Share = 0.875
    """Part of the momentum that a batch keeps; 1 - 2**-k takes no multiplier."""
    rate: Positive = 0.01556
    """Learning rate at its highest, for the mean gradient of a batch."""
    schedule: Schedule | list[Share] = "cosine"
    """How the rate falls over the run: a shape, or factors of equal duration, as [1, 0.5, 0.1]."""
    changes: PositiveInt = 1
    """How often in an epoch a linear or cosine schedule moves the rate."""
    stochastic: bool = True
    """Whether the weights' last bit is rounded at random, so that small steps add up."""
    clip: Positive | None = None
    """Largest weight; left out: as the format has it."""


class FormatSettings(Section):
    """Integer formats, in bits."""

    weight_width: int = Field(default=12, ge=2, le=16)
    """Weights."""
    weight_fraction: int = Field(default=9, ge=0, le=24)
    """How many of a weight's bits, and of a potential's, are fraction."""
    state_width: int = Field(default=16, ge=2, le=32)
    """Membrane potentials, saturating."""
    gradient_width: int = Field(default=16, ge=2, le=32)
    """Gradients of spikes and potentials, saturating."""
    momentum_width: int = Field(default=20, ge=2, le=32)
    """Momenta, saturating."""
    probability_bits: int = Field(default=10, ge=1, le=20)
    """Fraction of the loss's gradient."""
    rate_width: int = Field(default=8, ge=0, le=16)
    """The factor that is the learning rate; 0: the rate is the nearest power of two and needs no multiplier."""
    leak_fraction_bits: int = Field(default=8, ge=1, le=16)
    """Fraction of a leak or momentum that is not of the form 1 - 2**-k."""


class Training(Section):
    """A network that ranvier train trains by backpropagation through time, on chip or by the golden model."""

    data: str = "digits"
    """Samples: digits (scikit-learn's), mnist (after scripts/fetch_mnist.py), or a .npz file beside this one."""
    levels: PositiveInt | None = None
    """Value of a pixel that spikes in every step; left out: 16 for digits, else 256."""
    shifted: Share = 0.0
    """Share of the training images that are moved by up to a pixel each way, anew in every epoch."""
    layers: list[PositiveInt]
    """Inputs, then the neurons of each layer; the last has one for each class."""
    recurrent: list[PositiveInt] = Field(default=[])
    """Numbers of the layers (1 is the first) whose own spikes of the step before are inputs too."""
    steps: int = 8
    """Time steps of a sample."""
    batch: int = 16
    """Samples of a batch."""
    epochs: PositiveInt = 20
    """Passes over the training samples."""
    seed: int = Field(default=0, ge=0, lt=1 << 32)
    """Of the first weights, the order of the samples, their shifts and the rounding."""
    propagation: Literal["bptt", "sltt", "ottt"] = "bptt"
    """Gradients go back through all steps (bptt), through none (sltt), or traces go forward instead (ottt)."""
    lanes: int = 8
    """Neurons or weights at a time in each engine: a power of two. They share the random numbers, so that training on
    other lanes gives other weights."""
    overlap: bool = False
    """Whether the next sample's forward pass runs beside this one's backward pass: faster, with more memory."""
    recompute: bool = False
    """Whether the potentials that the exact path of a hard reset needs are computed again for each step of the backward
    pass instead of kept: slower, with less memory."""
    neurons: NeuronSettings = NeuronSettings()
    surrogate: SurrogateSettings = SurrogateSettings()
    loss: LossSettings = LossSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    formats: FormatSettings = FormatSettings()

    @field_validator("layers")
    @classmethod
    def _at_least_two(cls, layers: list[int]) -> list[int]:
        if len(layers) < 2:
            raise ValueError("must be the number of inputs, then the neurons of each layer")
        return layers

    def beside(self, folder: Path) -> "Training":
        """The same with the path of a data file taken from ``folder``."""
        if not self.data.endswith(".npz"):
            return self
        return self.model_copy(update={"data": str(folder / self.data)})
