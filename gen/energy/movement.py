"""Bytes that our training scheme moves in one training step: one sample, all time steps, batch of 1, plain SGD.

The scheme is that of the engines in ``hw.train``: spikes are kept as bit maps and surrogates as a mask of one bit (a
rectangle); membrane potentials are not kept (detached reset). Neurons are worked on in groups of ``lanes``, for each
group all events (spikes forward, gradients backward) are gone through, so that the sum that grows (membrane potential,
or gradient that arrives) stays in registers. Events are found once, and come again from a list for every further group.
A weight is read for each spike of its axon, and for each ``gu ≠ 0`` of its neuron. Weight gradients grow in a memory
beside their adders. Every read and every write of a memory counts; registers and wires do not, as in SATA's formulas.

The engines are built for dense layers only. A convolution is counted as if they followed its synapses: an event
comes again for the ``R²`` places around it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .layers import Layer
from .operations import Work

Traffic = dict[str, dict[str, float]]
"""Bytes, by phase (``forward``, ``backward``, ``weight_gradient``, ``update``, ``refill``) and by what is moved."""


@dataclass(frozen=True)
class Formats:
    """Widths in bits. ``state``: a membrane potential; ``gradient``: ``gu``; ``arrival``: the gradient of a spike
    before it is rounded; ``total``: a weight's gradient while it grows."""

    weight: int = 8
    state: int = 8
    gradient: int = 8
    arrival: int = 8
    total: int = 8


LIKE_SATA = Formats()
"""Every value a word of SATA's formulas (``VALUE_BITS``)."""

TRAINER = Formats(weight=16, state=16, gradient=16, arrival=42, total=20)
"""Defaults of ``golden.train.TrainingSetup`` (16-bit weights and gradients), 16-bit potentials, and sums that cannot
overflow on VGG5: 1152 products of 31 bits, 8 gradients of 16 bits."""


@dataclass(frozen=True)
class Scheme:
    """``lanes``: neurons that work side by side (at most 64 in ``hw.train``)."""

    lanes: int = 64
    formats: Formats = LIKE_SATA

    def __post_init__(self) -> None:
        if self.lanes < 1:
            raise ValueError(f"Lanes must be at least 1, not {self.lanes}")


def layer_traffic(layer: Layer, work: Work, steps: int, scheme: Scheme, *, first: bool = False) -> Traffic:
    """Bytes in and out of the memories on chip for one layer.

    ``f``, ``b``, ``p``: synapses of :class:`Work` (forward, backward, weight gradient), ``g`` its gradients; ``n``
    neurons, ``m`` inputs, ``W`` weights, ``T`` steps, ``G`` and ``H`` groups of filters and of channels, ``axon``
    and ``neuron`` bits of an input's and a neuron's number, ``place`` and ``group`` those of a group of inputs and
    of filters. In bits, the width of what is moved in front:

        forward          weight·f + state·2Tn + axon·G·f/filters + 2Tn + Tm
        backward         weight·b + arrival·2Tm + gradient·(2Tn + g) + (neuron + gradient)·H·b/channels
                         + place·2Tm + 3Tn + 2Tm
        weight gradient  total·2p + (gradient + group)·(g + p) + Tm
        update           (weight + total)·2W

    Terms without a width are bit maps: forward, spikes and masks that are written, spikes that are scanned; backward,
    both and the neurons with a gradient read, and the mask of the inputs written and read. ``axon·…``: the list of
    spikes, written once and read for every group but the first, which sees them as they are found; ``(neuron +
    gradient)·…``: the list of gradients, in the same way. ``place·2Tm``: the lists of the neurons inside the window,
    here all of them: SATA's formulas have no share of these. ``gradient·(2Tn + g)``: a step's gradients are written
    for the step before, and read there; those that are not 0 are read once more. ``(gradient + group)·(g + p)``: the
    weight-gradient engine's lists, written once, read for each pair. The first layer sends nothing back, and its input
    spikes are first written (Tm). A readout keeps no spikes and masks. Of a word that is not full, only the lanes with
    a neuron count.
    """
    formats, T, n, m = scheme.formats, steps, layer.neurons, layer.inputs
    groups, input_groups = -(-layer.filters // scheme.lanes), -(-layer.channels // scheme.lanes)
    axon, neuron, place = _bits(m), _bits(n), _bits(m // layer.channels * input_groups)
    listed = groups * work.forward / layer.filters
    listed_back = input_groups * work.backward / layer.channels
    entry = formats.gradient + _bits(groups)
    kept = T * n if layer.spiking else 0
    back: dict[str, float] = {
        "states": formats.arrival * 2 * T * m,
        "gradients": formats.gradient * work.gradients,
        "lists": (neuron + formats.gradient) * listed_back + place * 2 * T * m,
        "spikes and masks": T * n + 2 * T * m,
    }
    bits: Traffic = {
        "forward": {
            "weights": formats.weight * work.forward,
            "states": formats.state * 2 * T * n,
            "lists": axon * listed,
            "spikes and masks": T * m + 2 * kept + (T * m if first else 0),
        },
        "backward": {
            "weights": formats.weight * work.backward,
            "states": 0 if first else back["states"],
            "gradients": formats.gradient * 2 * T * n + (0 if first else back["gradients"]),
            "lists": 0 if first else back["lists"],
            "spikes and masks": 2 * kept + (0 if first else back["spikes and masks"]),
        },
        "weight_gradient": {
            "weight gradients": formats.total * 2 * work.weight_gradient,
            "lists": entry * (work.gradients + work.weight_gradient),
            "spikes and masks": T * m,
        },
        "update": {
            "weights": formats.weight * 2 * layer.weights,
            "weight gradients": formats.total * 2 * layer.weights,
        },
    }
    return {phase: {what: value / 8 for what, value in moved.items()} for phase, moved in bits.items()}


def _bits(count: int) -> int:
    """Width of a number below ``count``."""
    return (count - 1).bit_length()


def on_chip(network: Sequence[Layer], work: Sequence[Work], steps: int, scheme: Scheme) -> Traffic:
    """:func:`layer_traffic` of all layers."""
    pairs = zip(network, work, strict=True)
    return combined(
        layer_traffic(layer, counts, steps, scheme, first=index == 0) for index, (layer, counts) in enumerate(pairs)
    )


def off_chip_resident(network: Sequence[Layer], steps: int) -> Traffic:
    """Bytes over the chip's edge where every weight has its place on chip: the input's spikes, and no more."""
    return {"forward": {"spikes and masks": steps * network[0].inputs / 8}}


def off_chip_streamed(network: Sequence[Layer], steps: int, formats: Formats = LIKE_SATA) -> Traffic:
    """Bytes over the chip's edge where weights do not fit (SATA's buffer: 144 KB) and no trace is kept on chip.

    A tile of weights comes in once for all steps of the forward pass, once for all steps of the backward pass, in
    which its gradients are complete when it leaves, updated: ``3W``. No gradient of a weight leaves the chip. That
    needs one layer's gradients of all steps on chip: at most T · 32768 values, SATA's 256 KB, on VGG5. Spikes and
    masks leave and come back: ``4Tn`` bits of spiking layers.
    """
    weights = sum(layer.weights for layer in network) * formats.weight / 8
    kept = steps * sum(layer.neurons for layer in network if layer.spiking) / 8
    return {
        "forward": {"weights": weights, "spikes and masks": 2 * kept + steps * network[0].inputs / 8},
        "backward": {"weights": weights, "spikes and masks": 2 * kept},
        "update": {"weights": weights},
    }


def refill(off_chip: Traffic) -> Traffic:
    """What crosses the chip's edge is also written to, or read from, a memory on chip."""
    return {"refill": {"all": total_bytes(off_chip)}}


def combined(parts: Iterable[Traffic]) -> Traffic:
    """The sum of all."""
    result: Traffic = {}
    for part in parts:
        for phase, moved in part.items():
            into = result.setdefault(phase, {})
            for what, value in moved.items():
                into[what] = into.get(what, 0.0) + value
    return result


def total_bytes(traffic: Traffic) -> float:
    return sum(phase_bytes(traffic).values())


def phase_bytes(traffic: Traffic) -> dict[str, float]:
    return {phase: sum(moved.values()) for phase, moved in traffic.items()}
