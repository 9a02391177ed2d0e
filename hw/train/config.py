"""Where everything of a trainer lies: layers, groups of lanes, words of the memories."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ranvier.golden.fixed import signed_width
from ranvier.golden.train.loss import CountError, CrossEntropy
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup

from ..config import index_width

MAX_LANES = 64
REPLY_WIDTH = 32  # bits of a word of the access port
Forward = Literal["events", "lookup", "systolic"]
FUSED = {"events": (1,), "lookup": (2, 4, 8), "systolic": (1, 2, 4, 8, 16)}  # axons at a time


@dataclass(frozen=True)
class LayerGeometry:
    """One layer's place in the memories; ``P`` is the number of lanes.

    ``input_words``: words of ``P`` input spikes. ``groups``: words of ``P`` neurons. ``rows``: axons, those of the
    layer's own spikes beginning with a whole word. ``weight_base``: first word of its weights; the weight of axon
    ``j`` and neuron ``k`` lies in bank ``(j + k) % P`` at ``weight_base + j * groups + k // P``, so that ``P`` neurons
    of an axon, and ``P`` axons of a neuron, are one word of each bank. ``group_base``: first word of its neurons.
    """

    layer: TrainedLayer
    lanes: int
    weight_base: int
    group_base: int

    @property
    def input_words(self) -> int:
        return -(-self.layer.inputs // self.lanes)

    @property
    def groups(self) -> int:
        return -(-self.layer.neurons // self.lanes)

    @property
    def rows(self) -> int:
        if not self.layer.recurrent:
            return self.layer.inputs
        return self.input_words * self.lanes + self.layer.neurons

    @property
    def weight_words(self) -> int:
        return self.rows * self.groups

    @property
    def last_lanes(self) -> int:
        """Neurons of the last group."""
        return self.layer.neurons - (self.groups - 1) * self.lanes


@dataclass(frozen=True)
class TrainerConfig:
    """A trainer of ``setup`` with ``setup.lanes`` lanes in each engine. Raises ValueError.

    ``overlap``: the next sample's forward pass runs beside this one's backward pass, and weight gradients beside
    both: a second copy of the weights and of the traces (H2Learn's end-to-end pipeline). Otherwise one phase after
    the other, the smallest.
    ``forward``: how spikes become sums of weights: ``events`` adds a row for every spike; the others, published ideas
    to compare with, take ``fused`` axons at a time (:mod:`.ablation`).
    ``recompute``: the membrane potentials that the exact path of a hard reset multiplies by are not kept for all steps,
    but computed again, from the sample's beginning, before each step of the backward pass.
    """

    setup: TrainingSetup
    overlap: bool = False
    forward: Forward = "events"
    fused: int = 1
    recompute: bool = False

    def __post_init__(self) -> None:
        if self.forward not in FUSED:
            raise ValueError(f"Forward must be one of {', '.join(FUSED)}, not {self.forward!r}")
        if self.fused not in FUSED[self.forward]:
            allowed = ", ".join(str(number) for number in FUSED[self.forward])
            raise ValueError(f"Fused axons of forward {self.forward} must be one of {allowed}, not {self.fused}")
        lanes = self.setup.lanes
        if not 2 <= lanes <= MAX_LANES or lanes & (lanes - 1):
            raise ValueError(f"Lanes of a trainer must be a power of two of 2..{MAX_LANES}, not {lanes}")
        for layer in self.setup.layers:
            if layer.convolution is not None:
                raise ValueError(
                    f"Layer {layer.name} must be dense to be trained in hardware; golden trains convolutions"
                )

        if self.setup.sum_width > REPLY_WIDTH:  # it could not be read back
            raise ValueError(
                f"the gradient of a batch needs {self.setup.sum_width} bits, more than {REPLY_WIDTH};"
                " set a smaller batch, steps or formats.gradient_width"
            )

        if self.recompute and not self.keeps_membrane:
            raise ValueError("Potentials can only be recomputed where a hard reset has the exact path: none are kept")
        if self.recompute and self.overlap:
            raise ValueError("Potentials cannot be recomputed with overlap: the next sample is on its way forward")

    @property
    def lanes(self) -> int:
        return self.setup.lanes

    @property
    def halves(self) -> int:
        """Samples whose traces are kept."""
        return 2 if self.overlap else 1

    @property
    def every_step(self) -> bool:
        """Whether the loss is assessed at every step, and not once a sample."""
        loss = self.setup.loss
        return isinstance(loss, CrossEntropy) and loss.every_step

    @property
    def assessments(self) -> int:
        """How often a sample is assessed."""
        return self.setup.steps if self.every_step else 1

    @cached_property
    def layers(self) -> tuple[LayerGeometry, ...]:
        result: list[LayerGeometry] = []
        weight_base = group_base = 0
        for layer in self.setup.layers:
            result.append(LayerGeometry(layer, self.lanes, weight_base, group_base))
            weight_base += result[-1].weight_words
            group_base += result[-1].groups
        return tuple(result)

    @property
    def weight_words(self) -> int:
        """Words of each bank."""
        return sum(layer.weight_words for layer in self.layers)

    @property
    def partial_width(self) -> int:
        """Bits of the sum of the weights of ``fused`` axons."""
        return self.setup.weight_width + (self.fused - 1).bit_length()

    def input_blocks(self, layer: LayerGeometry) -> int:
        """Blocks of ``fused`` axons that the words of a layer's inputs take."""
        return -(-layer.input_words * self.lanes // self.fused)

    def blocks(self, layer: LayerGeometry) -> int:
        """All its blocks: those of its own spikes begin with a block of their own."""
        own = -(-layer.groups * self.lanes // self.fused) if layer.layer.recurrent else 0
        return self.input_blocks(layer) + own

    @property
    def forward_words(self) -> int:
        """Words that the forward pass reads from: rows of weights, or blocks of them."""
        if self.forward == "events":
            return self.weight_words
        return sum(self.blocks(layer) * layer.groups for layer in self.layers)

    @property
    def groups(self) -> int:
        """Words of neurons of all layers."""
        return sum(layer.groups for layer in self.layers)

    @property
    def input_words(self) -> int:
        """Words of a step's input spikes."""
        return self.layers[0].input_words

    @property
    def most_groups(self) -> int:
        return max(layer.groups for layer in self.layers)

    @property
    def most_rows(self) -> int:
        return max(layer.rows for layer in self.layers)

    @cached_property
    def accumulator_width(self) -> int:
        """Bits of a neuron's state with the weights of all its axons added, each spiking once."""
        width = self.setup.weight_width
        return max(geometry.layer.model.accumulator_width(geometry.layer.axons, width) for geometry in self.layers)

    @cached_property
    def state_width(self) -> int:
        return max(layer.model.state_width for layer in self.setup.layers)

    @cached_property
    def arrival_width(self) -> int:
        """Bits of the sum of weights times gradients that arrives at a neuron."""
        return max(self.setup.arrival_width(index) for index in range(len(self.layers)))

    @cached_property
    def derivative_width(self) -> int:
        return max((layer.surrogate.width for layer in self.setup.layers if layer.surrogate is not None), default=1)

    @cached_property
    def score_width(self) -> int:
        """Bits of what a loss adds up over the steps: membrane potentials or spikes."""
        if isinstance(self.setup.loss, CountError):
            return signed_width(0, self.setup.steps)
        return self.setup.layers[-1].model.state_width + (self.setup.steps - 1).bit_length()

    @cached_property
    def error_width(self) -> int:
        """Bits of the loss's gradient."""
        loss = self.setup.loss
        if isinstance(loss, CountError):
            least, most = -max(loss.on, loss.off), self.setup.steps - min(loss.on, loss.off)
            return signed_width(least << loss.gain_shift, most << loss.gain_shift)
        return signed_width(-1 << loss.softmax.probability_bits, 1 << loss.softmax.probability_bits)

    @property
    def label_width(self) -> int:
        return index_width(self.setup.classes)

    @property
    def keeps_membrane(self) -> bool:
        """Whether the backward pass needs membrane potentials: the exact path of a hard reset multiplies by them, and
        by a gradient of the step after."""
        models = (layer.model for layer in self.setup.layers)
        setup = self.setup
        return (
            setup.temporal
            and setup.reset_path == "exact"
            and any(model.spiking and model.reset == "hard" for model in models)
        )
