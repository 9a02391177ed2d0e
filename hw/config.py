"""What hardware is built for: everything static, nothing of a network's weights."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ranvier.golden.attention import Tokens
from ranvier.golden.codes.registry import Code
from ranvier.golden.decoding.registry import Decoder
from ranvier.golden.fixed import drive_range, signed_max, signed_min, signed_width
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.program import Layer, Program
from ranvier.golden.synapse import Axis, Geometry

from .liveness import deadlock


def index_width(count: int) -> int:
    """Bits of an index below ``count``, at least one."""
    return max((count - 1).bit_length(), 1)


@dataclass(frozen=True)
class PartialSums:
    """What ``senders`` other cores, which have ``axons`` in all, send: each in each step a sum for each neuron, signed,
    of ``width`` bits."""

    axons: int
    senders: int
    width: int


@dataclass(frozen=True)
class CoreConfig:
    """A core for ``axons`` inputs and ``neurons`` outputs, ``lanes`` of them at a time.

    ``weight_width`` in bits. ``fixed``: values of the parameters that all neurons share and that are built
    in; ``stored``: names of those that lie in the parameter memory. ``partial``: sums that come from other cores.
    ``rows``: of sparse synapses the words that each axon's row takes; ``convolutions``: the synapses are these, one
    behind the other; neither: they are dense. ``fan_in``: most spikes that a neuron can get in a step; None: one from
    each axon. ``repeats``: most spikes of one axon in a step. ``per_channel``: stored parameters are those of a
    convolution's channels. ``attention``: neither weights nor any of these, but products of spikes. ``delays``: spikes
    arrive less than ``slots`` steps later, a power of two, all of an axon together or each at its synapse's time.
    ``negative``: spikes may be, and take weights away.
    """

    name: str
    axons: int
    neurons: int
    lanes: int
    weight_width: int
    model: Lif
    fixed: tuple[tuple[str, int], ...] = ()
    stored: tuple[str, ...] = ()
    partial: PartialSums | None = None
    rows: tuple[int, ...] | None = None
    convolutions: tuple[Geometry, ...] = ()
    fan_in: int | None = None
    repeats: int = 1
    per_channel: bool = False
    attention: Tokens | None = None
    delays: Literal["axonal", "synaptic"] | None = None
    slots: int = 1
    negative: bool = False

    def __post_init__(self) -> None:
        for field in ("axons", "neurons", "lanes"):
            if getattr(self, field) < 1:
                raise ValueError(
                    f"{field.capitalize()} of core {self.name} must be at least 1, not {getattr(self, field)}"
                )
        if self.lanes > self.neurons:
            raise ValueError(f"Lanes of core {self.name} must be at most its {self.neurons} neurons, not {self.lanes}")
        if self.rows is not None and self.weight_width == 1:
            raise ValueError(f"Core {self.name} must not be sparse with weights of 1 bit: they are -1 or 1, never 0")
        if self.rows is not None and self.partial is not None:
            raise ValueError(f"Core {self.name} must not have both sparse synapses and partial sums")
        if self.attention is not None and self.attention.head_channels % self.lanes:
            raise ValueError(
                f"Lanes of core {self.name} must divide the {self.attention.head_channels} channels of a head, "
                f"not {self.lanes}"
            )
        for shape in self.convolutions:
            if not fits(shape, self.lanes, self.weight_width):
                raise ValueError(
                    f"Lanes of core {self.name} must divide the {shape.filters // shape.groups} filters of a group, "
                    f"or be some groups of the {shape.filters} and weights have 2 bits or more, not {self.lanes}"
                )

    @property
    def groups(self) -> int:
        """Cycles that an event, or the update that ends a step, takes: ceil(neurons / lanes)."""
        return -(-self.neurons // self.lanes)

    @property
    def indices(self) -> int:
        """Indices of input events lie below: those of axons, then, with the highest bit set, those of partial sums."""
        return self.axons if self.partial is None else 2 << self._low_bits

    def partial_index(self, neuron: int) -> int:
        """Index of the events that bring partial sums for ``neuron``: its lane in the low bits, then its group."""
        group, lane = divmod(neuron, self.lanes)
        return 1 << self._low_bits | group << self.lane_bits | lane

    def group_of(self, index: int) -> int | None:
        """The group that a partial sum of this ``index`` is for; None for a spike."""
        low = 1 << self._low_bits
        return None if self.partial is None or index < low else (index - low) >> self.lane_bits

    @property
    def lane_bits(self) -> int:
        return (self.lanes - 1).bit_length()

    @property
    def _low_bits(self) -> int:
        return max(index_width(self.axons), self.lane_bits + index_width(self.groups))

    @property
    def most_events(self) -> int:
        """Events that a step can have: one an axon, and a sum for each neuron from each of the other cores."""
        own = self.axons * self.repeats
        if self.fan_in is not None and not self.convolutions and self.attention is None:  # all neurons get all of them
            own = self.fan_in
        return own + (0 if self.partial is None else self.partial.senders * self.neurons)

    @property
    def _spikes(self) -> int:
        """Most spikes whose weights one accumulator adds up in a step."""
        own = self.axons if self.fan_in is None else self.fan_in
        return own + (0 if self.partial is None else self.partial.axons)

    @property
    def organisation(self) -> Literal["attention", "convolution", "dense", "sparse"]:
        """Of the synapses."""
        if self.attention is not None:
            return "attention"
        return "convolution" if self.convolutions else "dense" if self.rows is None else "sparse"

    @property
    def axonal(self) -> bool:
        return self.delays == "axonal"

    @property
    def synaptic(self) -> bool:
        return self.delays == "synaptic"

    @property
    def delay_width(self) -> int:
        """Bits of a delay, and of the place of a step in the ring of pending currents."""
        return (self.slots - 1).bit_length()

    @property
    def gathered(self) -> bool:
        """Whether all that a neuron gets in a step is added up before its state is read."""
        return self.delays is not None or self.attention is not None

    @property
    def drive_width(self) -> int:
        """Width in bits of all that a neuron gets in a step."""
        return signed_width(*drive_range(self._spikes, self.weight_width, self.negative))

    @cached_property
    def accumulator_width(self) -> int:
        return self.model.accumulator_width(self._spikes, self.weight_width, self.negative)

    @cached_property
    def total_width(self) -> int:
        """Width in bits of the accumulator with the bias added."""
        low, high = self.model.accumulator_range(self._spikes, self.weight_width, self.negative)
        width = self.model.parameter_shapes()["bias"][0]
        least, most = (
            (signed_min(width), signed_max(width)) if "bias" in self.stored else (dict(self.fixed)["bias"],) * 2
        )
        return signed_width(min(low, low + least), max(high, high + most))

    @property
    def value_width(self) -> int | None:
        """Width in bits of the value in an output event: a readout's membrane potential; None for spikes."""
        return None if self.model.spiking else self.model.state_width

    @property
    def graded(self) -> bool:
        """Whether spikes have a value, which is sent as so many events."""
        return self.model.spike_width > 1

    @property
    def longest_step(self) -> int:
        """Most events that it sends in a step, without its end."""
        return self.neurons * self.model.levels

    @property
    def weight_words(self) -> int:
        """Words of the weight memory: word ``axon * groups + group`` holds the weights of one group; or rows one behind
        the other, of sparse synapses, and a word of zeros for all that are empty; or kernels, channel by channel; none
        of an attention."""
        if self.attention is not None:
            return 0
        if self.convolutions:
            return sum(kernel_words(shape, self.lanes) for shape in self.convolutions)
        return self.axons * self.groups if self.rows is None else sum(self.rows) + (0 in self.rows)

    @cached_property
    def event_cycles(self) -> tuple[int, ...]:
        """Of each axon's event: one for each word of its weights, at least one."""
        if self.convolutions:
            cycles: list[int] = []
            for shape in self.convolutions:
                rows, columns = (
                    [len(axis_targets(axis, source)) for source in range(axis.size)]
                    for axis in (shape.vertical, shape.horizontal)
                )
                places = np.multiply.outer(rows, columns).reshape(-1) * blocks_of(shape, self.lanes)
                cycles += np.repeat(np.maximum(places, 1), shape.channels).tolist()
            return tuple(cycles)
        if self.attention is not None:
            return (1,) * self.axons
        return (self.groups,) * self.axons if self.rows is None else tuple(max(words, 1) for words in self.rows)

    @property
    def weight_word_width(self) -> int:
        beside = 0 if self.rows is None else (self.groups - 1).bit_length()  # the group that a weight is for
        beside += self.delay_width if self.synaptic else 0
        return self.lanes * (self.weight_width + beside)

    @cached_property
    def parameter_widths(self) -> dict[str, int]:
        """Widths in bits of the stored parameters of one neuron, from the low bit of its part of the word."""
        shapes = self.model.parameter_shapes()
        return {name: shapes[name][0] for name in self.stored}

    @property
    def parameter_words(self) -> int:
        """Words of the parameter memory: one for each group, or for as many as have the channels."""
        return self.convolutions[0].filters // self.lanes if self.per_channel else self.groups

    @property
    def parameter_word_width(self) -> int:
        return self.lanes * sum(self.parameter_widths.values())

    @property
    def memories(self) -> list[tuple[str, int, int]]:
        """Name, words and width of each memory that is loaded."""
        memories = [("weights", self.weight_words, self.weight_word_width)] if self.weight_words else []
        if self.rows is not None:
            pointer = index_width(self.weight_words) + max(self.event_cycles).bit_length()
            memories.append(("rows", self.axons, pointer))
        if self.axonal:
            memories.append(("delays", self.axons, self.delay_width))
        if self.stored:
            memories.append(("parameters", self.parameter_words, self.parameter_word_width))
        return memories


@dataclass(frozen=True)
class MemoryRegion:
    """A memory in the load port's address space; addresses count its words."""

    core: str
    memory: str
    base: int
    words: int
    width: int


def lay_out(memories: Iterable[tuple[str, str, int, int]]) -> tuple[MemoryRegion, ...]:
    """Regions for ``memories`` (core, memory, words, width), each at a multiple of its size rounded up to a power of
    two."""
    regions: list[MemoryRegion] = []
    end = 0
    for core, memory, words, width in memories:
        size = 1 << (words - 1).bit_length()
        base = -(-end // size) * size
        regions.append(MemoryRegion(core, memory, base, words, width))
        end = base + size
    return tuple(regions)


@dataclass(frozen=True)
class Feed:
    """Spikes that a core gets from the core at ``source`` (-1: from the chip's input): each once for each of
    ``offsets``, from which on the source's axons lie. ``back``: those of the step before."""

    source: int
    offsets: tuple[int, ...] = (0,)
    back: bool = False

    @property
    def direct(self) -> bool:
        """Whether events need not be changed or wait."""
        return self.offsets == (0,) and not self.back


@dataclass(frozen=True)
class ChipConfig:
    """Cores joined by streams, in the order of the data; ``feeds`` of each, in the order in which it takes them;
    ``encoder``: the code that makes the input's spikes on the chip; ``decoder``: what reads the answers there. Raises
    ValueError where a core would wait for ever: for each other, for a step that nothing begins, or to be heard."""

    name: str
    cores: tuple[CoreConfig, ...]
    feeds: tuple[tuple[Feed, ...], ...]
    encoder: Code | None = None
    decoder: Decoder | None = None

    def __post_init__(self) -> None:
        for place, (core, feeds) in enumerate(zip(self.cores, self.feeds, strict=True)):
            if all(feed.back for feed in feeds):
                raise ValueError(f"Core {core.name} must hear the input or a layer before it, which begin its steps")
            if place < len(self.cores) - 1 and not self.takers(place):
                raise ValueError(f"Core {core.name} must be heard by another, as it is not the last one")
        ring = deadlock(self.feeds)
        if ring is not None:
            names = " -> ".join(self.cores[core].name for core, _ in reversed(ring))
            raise ValueError(f"Feeds of chip {self.name} must not wait for each other, as do {names}")
        if self.encoder is not None and self.encoder.axons != self.axons_of(-1):
            raise ValueError(
                f"Encoder of chip {self.name} must have the {self.axons_of(-1)} axons of its input, "
                f"not {self.encoder.axons}"
            )

    def takers(self, source: int) -> list[tuple[int, int]]:
        """Who gets the spikes of core ``source`` (-1: the input): places of cores, each with the number of the feed."""
        return [
            (place, number)
            for place, feeds in enumerate(self.feeds)
            for number, feed in enumerate(feeds)
            if feed.source == source
        ]

    def signed(self, source: int) -> bool:
        """Whether spikes of core ``source`` may be negative; those of the input (-1) are not."""
        return source >= 0 and self.cores[source].model.signed

    def axons_of(self, source: int) -> int:
        """Indices of the events that core ``source``, or the input, sends."""
        if source >= 0:
            return self.cores[source].neurons
        place, number = self.takers(-1)[0]
        feeds = self.feeds[place]
        starts = {offset for feed in feeds for offset in feed.offsets}
        first = feeds[number].offsets[0]
        return min({self.cores[place].axons} | {start for start in starts if start > first}) - first

    @cached_property
    def memory_map(self) -> tuple[MemoryRegion, ...]:
        """Every memory, each at a multiple of its size rounded up to a power of two."""
        return lay_out((core.name, *memory) for core in self.cores for memory in core.memories)

    @property
    def load_address_width(self) -> int:
        return index_width(max((region.base + region.words for region in self.memory_map), default=1))

    @property
    def load_data_width(self) -> int:
        return max((region.width for region in self.memory_map), default=1)


def blocks_of(shape: Geometry, lanes: int) -> int:
    """Words of weights, and groups of neurons, of one channel at one place."""
    return max(shape.filters // shape.groups // lanes, 1)


def sharers(shape: Geometry, lanes: int) -> int:
    """Groups of a convolution whose weights lie side by side in one word, as they have fewer filters than lanes."""
    return max(lanes * shape.groups // shape.filters, 1)


def kernel_words(shape: Geometry, lanes: int) -> int:
    """Words of a convolution's weights, without a gap."""
    return int(np.prod(shape.weight_shape)) // lanes


def fits(shape: Geometry, lanes: int, weight_width: int) -> bool:
    """Whether words of ``lanes`` weights can be those of one group, or of some groups."""
    own = shape.filters // shape.groups
    return own % lanes == 0 or (lanes % own == 0 and shape.filters % lanes == 0 and weight_width > 1)


def axis_targets(axis: Axis, source: int) -> list[tuple[int, int]]:
    """Along ``axis`` the outputs that input ``source`` reaches, in their order, each with the weight of the kernel."""
    place = axis.up * (source // axis.pool) + axis.before
    if source // axis.pool >= axis.windows:
        return []
    taps = [(output, place - output * axis.stride) for output in range(axis.outputs)]
    return [
        (output, offset // axis.dilation)
        for output, offset in taps
        if 0 <= offset < axis.span and offset % axis.dilation == 0
    ]


def row_words(weights: np.ndarray, lanes: int) -> tuple[int, ...]:
    """Words of each axon's row (``[axons, neurons]``): in each, every lane has an entry for one of its neurons."""
    padded = np.zeros((len(weights), -(-weights.shape[1] // lanes) * lanes), bool)
    padded[:, : weights.shape[1]] = weights != 0
    return tuple(padded.reshape(len(weights), -1, lanes).sum(axis=1).max(axis=1).tolist())


def core_config(layer: Layer, lanes: int, sparse: bool = False) -> CoreConfig:
    """The core that runs ``layer``: parameters of one value are built in, the others stored. Raises ValueError."""
    if (layer.convolutions or layer.attention) and sparse:
        raise ValueError(f"Layer {layer.name} must not be sparse: it has no matrix of weights")
    rows = row_words(layer.matrix, lanes) if sparse else None
    fixed = tuple((name, int(array)) for name, array in layer.parameters.items() if array.shape == ())
    stored = tuple(name for name, array in layer.parameters.items() if array.shape != ())
    sizes = {layer.parameters[name].size for name in stored}
    return CoreConfig(
        layer.name,
        layer.axons,
        layer.neurons,
        lanes,
        layer.weight_width,
        layer.model,
        fixed,
        stored,
        rows=rows,
        convolutions=layer.convolutions,
        fan_in=None if layer.fan_in == layer.axons else layer.fan_in,
        repeats=max(connection.repeats for connection in layer.connections),
        per_channel=bool(sizes) and sizes == {layer.channels} and layer.channels != layer.neurons,
        attention=layer.attention,
        delays=_kind_of_delays(layer),
        slots=1 << layer.longest_delay.bit_length(),
        negative=layer.negative,
    )


def _kind_of_delays(layer: Layer) -> Literal["axonal", "synaptic"] | None:
    if layer.delays is None or not layer.longest_delay:
        return None
    return "axonal" if layer.delays.ndim == 1 else "synaptic"


def most_lanes(layer: Layer, lanes: int) -> int:
    """At most ``lanes``, as many as ``layer`` can have."""
    if layer.attention is not None:
        channels = layer.attention.head_channels
        return max(count for count in range(1, lanes + 1) if channels % count == 0)
    if not layer.convolutions:
        return min(lanes, layer.neurons)
    width, shapes = layer.weight_width, layer.convolutions
    return max(count for count in range(1, lanes + 1) if all(fits(shape, count, width) for shape in shapes))


def chip_config(program: Program, lanes: int | list[int], sparse: list[bool] | None = None) -> ChipConfig:
    """The chip that runs ``program``, with ``lanes`` for all layers or for each one; ``sparse``: which layers' synapses
    are, None: no one's. Raises ValueError.

    One number is the most that a layer gets: a layer of fewer neurons has a lane for each, a convolution as many as
    :func:`fits`.
    """
    layers = program.layers
    if isinstance(lanes, int):
        lanes = [most_lanes(layer, lanes) for layer in layers]
    if len(lanes) != len(layers):
        raise ValueError(f"Lanes must be one number or one for each of the {len(layers)} layers, not {lanes}")
    sparse = [False] * len(layers) if sparse is None else sparse
    cores = tuple(map(core_config, layers, lanes, sparse))
    return ChipConfig(program.name, cores, _feeds(program))


def _feeds(program: Program) -> tuple[tuple[Feed, ...], ...]:
    feeds = []
    for place, layer in enumerate(program.layers):
        start, offsets = 0, dict[int, list[int]]()  # by the source's place, from the layer's
        for connection in layer.connections:
            for source, (first, _) in zip(connection.sources, connection.heard, strict=True):
                offsets.setdefault(source, []).append(start + first)
            start += connection.synapses.axons
        own = [Feed(place + source, tuple(starts), source >= 0) for source, starts in offsets.items()]
        feeds.append(tuple(sorted(own, key=lambda feed: (feed.back, feed.source))))
    return tuple(feeds)
