"""Bytes that our training scheme moves in one training step: one sample, all time steps, batch of 1, plain SGD.

The scheme, of the engines in ``hw.train``: spikes are kept as bit maps and surrogates as a mask of one bit (a
rectangle); membrane potentials are not kept (detached reset); forward reads a weight once for each spike of its axon,
backward once for each ``gu ≠ 0`` of its neuron; weight gradients grow in a memory beside their adders. Every read and
every write of a memory counts; registers and wires do not, as in SATA's formulas.

The engines are built for dense layers only. A convolution is counted as if they followed its synapses: an event
touches the ``R²`` places around it.

Where sums are while they grow is the ``order`` of the loops:

``"event"``
    for each event, for each group of ``lanes`` targets: as the engines are built. The sum (membrane potential, or
    gradient that arrives) is read and written for each synapse.
``"group"``
    for each group, for each event: not built. The sum stays in the lanes' registers, is read and written once a step;
    in return bit maps and operands are read again for each group. Weights are read equally often.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from .layers import Layer
from .operations import Work

Order = Literal["event", "group"]
Traffic = dict[str, dict[str, float]]
"""Bytes, by phase (``forward``, ``backward``, ``weight_gradient``, ``update``, ``refill``) and by what is moved."""


@dataclass(frozen=True)
class Formats:
    """Widths in bits. ``state``: a membrane potential while it grows; ``gradient``: ``gu``; ``arrival``: the gradient
    of a spike while it grows; ``total``: a weight's gradient while it grows."""

    weight: int = 8
    state: int = 8
    gradient: int = 8
    arrival: int = 8
    total: int = 8


LIKE_SATA = Formats()
"""Every value a word of SATA's formulas (``VALUE_BITS``)."""

TRAINER = Formats(weight=16, state=30, gradient=16, arrival=42, total=20)
"""Defaults of ``golden.train.TrainingSetup`` (16-bit weights and gradients) and sums that cannot overflow on VGG5:
8192 weights of 16 bits and a potential, 1152 products of 31 bits, 8 gradients of 16 bits."""


@dataclass(frozen=True)
class Scheme:
    """``lanes``: neurons that work side by side (at most 64 in ``hw.train``)."""

    order: Order = "group"
    lanes: int = 64
    formats: Formats = LIKE_SATA

    def __post_init__(self) -> None:
        if self.lanes < 1:
            raise ValueError(f"Lanes must be at least 1, not {self.lanes}")


def layer_traffic(layer: Layer, work: Work, steps: int, scheme: Scheme, *, first: bool = False) -> Traffic:
    """Bytes in and out of the memories on chip for one layer.

    ``f``, ``b``, ``p``: synapses of :class:`Work` (forward, backward, weight gradient), ``g`` its gradients; ``n``
    neurons, ``m`` inputs, ``W`` weights, ``T`` steps, ``G`` and ``H`` groups of filters and of channels. In bits, the
    width of what is moved in front; in braces, order ``event`` first, then ``group``:

        forward          weight·f + state·{2f + 2Tn | 2Tn} + {Tm | T·G·synapses/filters} + 2Tn
        backward         weight·b + arrival·{2b + 2Tm | 2Tm} + 2Tn
                         + gradient·2Tn + gradient·{g | H·b/channels} + {Tn | T·H·synapses/channels}
        weight gradient  total·2p + (gradient + index)·(g + p) + Tm
        update           (weight + total)·2W

    Terms without a width are bit maps: forward, spikes that are scanned, then spikes and masks that are written;
    backward, both read, and neurons with a gradient that are scanned; weight gradient, spikes that are scanned.
    ``gradient·2Tn``: a step's gradients are written for the step before, and read there.
    ``(gradient + index)·(g + p)``: the engine's lists of gradients that are not 0, written once, read for each pair;
    ``index``: bits of a group's number. The first layer sends nothing back, and its input spikes are first written
    (Tm). A readout keeps no spikes and masks. Of a word that is not full, only the lanes with a neuron count.
    """
    formats, T, n, m = scheme.formats, steps, layer.neurons, layer.inputs
    groups, input_groups = -(-layer.filters // scheme.lanes), -(-layer.channels // scheme.lanes)
    by_event = scheme.order == "event"
    scan = T * m if by_event else T * groups * (layer.synapses // layer.filters)
    scan_back = T * n if by_event else T * input_groups * (layer.synapses // layer.channels)
    operands = work.gradients if by_event else input_groups * work.backward / layer.channels
    entry = formats.gradient + (groups - 1).bit_length()
    kept = T * n if layer.spiking else 0
    bits: Traffic = {
        "forward": {
            "weights": formats.weight * work.forward,
            "sums": formats.state * 2 * work.forward if by_event else 0,
            "states": formats.state * 2 * T * n,
            "spikes and masks": scan + 2 * kept + (T * m if first else 0),
        },
        "backward": {
            "weights": formats.weight * work.backward,
            "sums": formats.arrival * 2 * work.backward if by_event else 0,
            "states": 0 if first else formats.arrival * 2 * T * m,
            "spikes and masks": 2 * kept,
            "gradients": formats.gradient * 2 * T * n + (0 if first else formats.gradient * operands + scan_back),
        },
        "weight_gradient": {
            "weight gradients": formats.total * 2 * work.weight_gradient,
            "gradients": entry * (work.gradients + work.weight_gradient),
            "spikes and masks": T * m,
        },
        "update": {
            "weights": formats.weight * 2 * layer.weights,
            "weight gradients": formats.total * 2 * layer.weights,
        },
    }
    return {phase: {what: value / 8 for what, value in moved.items()} for phase, moved in bits.items()}


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


def without_sums(traffic: Traffic) -> Traffic:
    """The rest, where a sum that grows belongs to its adder, as in SATA's formulas (``accumulate`` has a register)."""
    return {phase: {what: value for what, value in moved.items() if what != "sums"} for phase, moved in traffic.items()}


def total_bytes(traffic: Traffic) -> float:
    return sum(phase_bytes(traffic).values())


def phase_bytes(traffic: Traffic) -> dict[str, float]:
    return {phase: sum(moved.values()) for phase, moved in traffic.items()}
