"""Splits the layers of a program over the tiles of a mesh."""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np

from ranvier.golden.fixed import signed_width, weight_range
from ranvier.golden.neurons.leak import Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.program import Layer, Program, dense

from ..errors import RanvierError
from .activity import Activity


@dataclass(frozen=True)
class Slice:
    """Neurons ``first … first + neurons - 1`` of a ``layer`` (its number), with its axons ``first_axon … first_axon +
    axons - 1``: all, or a group of them. Then the slice with axon 0 is the home of these neurons, and the others send
    it partial sums."""

    layer: int
    first: int
    neurons: int
    first_axon: int
    axons: int

    @property
    def partial(self) -> bool:
        """Whether it only adds up weights, for the home of its neurons."""
        return self.first_axon > 0

    def is_home_of(self, other: "Slice") -> bool:
        """Whether ``other`` sends partial sums here."""
        return other.partial and not self.partial and (other.layer, other.first) == (self.layer, self.first)

    def of(self, program: Program, order: list[int]) -> Layer:
        """The layer that this is, with its neurons in ``order``, which counts from the first; partial sums are those of
        neurons that keep nothing."""
        layer, columns = program.layers[self.layer], self.first + np.array(order)
        rows = slice(self.first_axon, self.first_axon + self.axons)
        weights = np.ascontiguousarray(layer.matrix[rows, columns])
        name = f"{layer.name}_{self.first}"
        if self.partial:
            width = signed_width(*(self.axons * weight for weight in weight_range(layer.weight_width)))
            adder = Lif(width, Shift(0), spiking=False)
            return Layer(f"{name}_{self.first_axon}", dense(weights), layer.weight_width, adder, {"bias": np.array(0)})
        parameters = {name: array if array.shape == () else array[columns] for name, array in layer.parameters.items()}
        scale = layer.scale if layer.scale.shape == () else layer.scale[columns]
        return Layer(name, dense(weights), layer.weight_width, layer.model, parameters, scale)


OUTBOX_CYCLES = 2  # of an event of one target
WORTH = 0.25  # of the time that more tiles would save at best they must save so much


@dataclass(frozen=True)
class Cut:
    """A layer in so many parts: of its neurons, and each of these of its axons."""

    neurons: int
    axons: int

    @property
    def tiles(self) -> int:
        return self.neurons * self.axons


def split(
    program: Program, tiles: int, activity: Activity, lanes: list[int], tile_bits: int | None, *, axons: bool = True
) -> tuple[Slice, ...]:
    """Slices for at most ``tiles`` tiles, so that the slowest stage of a step takes the fewest cycles.

    Stages are the sending of a layer's inputs, a packet for each event and slice, and the core's work on them. Weights
    of a slice take at most ``tile_bits``. ``axons``: they may be shared, too. Raises RanvierError, which says what is
    missing, if they do not fit.
    """
    cuts = [_least(layer, tile_bits, axons) for layer in program.layers]
    require_tiles(program, [each.tiles for each in cuts], tiles)

    def cycles(cuts: list[Cut]) -> list[float]:
        stages = []
        for number, (layer, now) in enumerate(zip(program.layers, cuts, strict=True)):
            events = activity.events[number]
            senders = 1 if number == 0 else cuts[number - 1].neurons
            neurons = ceil(layer.neurons / now.neurons)
            work = (events / now.axons + 1) * ceil(neurons / lanes[number]) + neurons * (now.axons - 1)
            sums = OUTBOX_CYCLES * neurons if now.axons > 1 else 0
            stages.append(max(work, sums, events / senders * now.neurons + now.tiles))
        return stages

    while True:
        now = cycles(cuts)
        worst = int(np.argmax(now))
        own, free = cuts[worst], tiles - sum(each.tiles for each in cuts)
        best, gain = cuts, 0.0
        for more in _finer(program.layers[worst], own, free, axons):
            finer = [*cuts[:worst], more, *cuts[worst + 1 :]]
            then = cycles(finer)
            saved = 1 - then[worst] / now[worst]
            if saved < WORTH * (1 - own.tiles / more.tiles) or max(then) >= max(now):
                continue
            if saved / (more.tiles - own.tiles) > gain:
                best, gain = finer, saved / (more.tiles - own.tiles)
        if best is cuts:
            return cut(program, [each.neurons for each in cuts], [each.axons for each in cuts])
        cuts = best


def cut(program: Program, counts: list[int], groups: list[int] | None = None) -> tuple[Slice, ...]:
    """``counts[k]`` slices of the neurons of layer k, each with its axons in ``groups[k]``, of sizes that differ by one
    at most. Raises RanvierError."""
    layers = program.layers
    slices = []
    groups = [1] * len(layers) if groups is None else groups
    for what, given in (("Slices", counts), ("Groups of axons", groups)):
        if len(given) != len(layers):
            raise RanvierError(f"{what} must be given for each of the {len(layers)} layers, not for {len(given)}")
    for number, (layer, count, group) in enumerate(zip(layers, counts, groups, strict=True)):
        if not 1 <= count <= layer.neurons:
            raise RanvierError(f"Slices of layer {layer.name} must be 1..{layer.neurons}, not {count}")
        if not 1 <= group <= layer.axons:
            raise RanvierError(f"Groups of axons of layer {layer.name} must be 1..{layer.axons}, not {group}")
        for first, neurons in _shares(layer.neurons, count):
            slices += [Slice(number, first, neurons, *share) for share in _shares(layer.axons, group)]
    return tuple(slices)


def require_tiles(program: Program, counts: list[int], tiles: int) -> None:
    """Raise RanvierError where there are fewer ``tiles`` than the layers need."""
    if sum(counts) > tiles:
        needs = ", ".join(f"{layer.name} {count}" for layer, count in zip(program.layers, counts, strict=True))
        raise RanvierError(
            f"Program {program.name} must fit {tiles} tiles, but needs {sum(counts)} ({needs}): "
            f"take a larger mesh, fewer slices, or more memory for each tile"
        )


def require_memory(program: Program, slices: tuple[Slice, ...], tile_bits: int) -> None:
    """Raise RanvierError where the weights of a slice do not fit ``tile_bits``."""
    for part in slices:
        layer = program.layers[part.layer]
        bits = part.neurons * part.axons * layer.weight_width
        if bits > tile_bits:
            raise RanvierError(
                f"Slices of layer {layer.name} must fit tiles of {tile_bits:,} bits, but the weights of {part.neurons} "
                f"neurons and {part.axons} axons take {bits:,}: take more slices or groups of axons, or leave them out"
            )


def _shares(of: int, count: int) -> list[tuple[int, int]]:
    """First and number of each share."""
    bounds = [of * part // count for part in range(count + 1)]
    return [(first, end - first) for first, end in pairwise(bounds)]


def _finer(layer: Layer, now: Cut, free: int, axons: bool) -> list[Cut]:
    """All that take at most ``free`` tiles more."""
    most = now.tiles + free
    groups = range(now.axons, min(layer.axons, most // now.neurons) + 1 if axons else now.axons + 1)
    finer = [
        Cut(neurons, group) for group in groups for neurons in range(now.neurons, min(layer.neurons, most // group) + 1)
    ]
    return finer[1:]


def _least(layer: Layer, tile_bits: int | None, axons: bool) -> Cut:
    """The fewest tiles that hold ``layer``."""
    if tile_bits is None:
        return Cut(1, 1)
    column = layer.axons * layer.weight_width
    if not axons and column > tile_bits:
        raise RanvierError(
            f"Layer {layer.name} must fit tiles of {tile_bits:,} bits, but the weights of one neuron take {column:,}: "
            f"take more memory for each tile, or pace = 'credits', which may share the axons"
        )
    if layer.weight_width > tile_bits:
        raise RanvierError(
            f"Layer {layer.name} must fit tiles of {tile_bits:,} bits, but one weight takes {layer.weight_width}"
        )
    fewest = None
    for groups in range(1, layer.axons + 1 if axons else 2):
        columns = tile_bits // (ceil(layer.axons / groups) * layer.weight_width)
        if columns:
            found = Cut(ceil(layer.neurons / columns), groups)
            if fewest is None or found.tiles < fewest.tiles:
                fewest = found
    assert fewest is not None
    return fewest
