"""Splits the layers of a program over the tiles of a mesh."""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil

import numpy as np

from ranvier.golden.program import Layer, Program

from ..errors import RanvierError
from .activity import Activity


@dataclass(frozen=True)
class Slice:
    """Neurons ``first … first + neurons - 1`` of a ``layer`` (its number), with all of the layer's axons."""

    layer: int
    first: int
    neurons: int

    def of(self, program: Program) -> Layer:
        """The layer that these neurons are."""
        layer, last = program.layers[self.layer], self.first + self.neurons
        parameters = {
            name: array if array.shape == () else array[self.first : last] for name, array in layer.parameters.items()
        }
        scale = layer.scale if layer.scale.shape == () else layer.scale[self.first : last]
        weights = np.ascontiguousarray(layer.weights[:, self.first : last])
        name = f"{layer.name}_{self.first}"
        return Layer(name, weights, layer.weight_width, layer.model, parameters, scale)


def split(
    program: Program, tiles: int, activity: Activity, lanes: list[int], tile_bits: int | None
) -> tuple[Slice, ...]:
    """Slices for at most ``tiles`` tiles, so that the slowest stage of a step takes the fewest cycles.

    Stages are the sending of a layer's inputs, a packet for each event and slice, and the core's work on them. Weights
    of a slice take at most ``tile_bits``. Raises RanvierError, which says what is missing, if they do not fit.
    """
    least = [_least_slices(layer, tile_bits) for layer in program.layers]
    if sum(least) > tiles:
        needs = ", ".join(f"{layer.name} {count}" for layer, count in zip(program.layers, least, strict=True))
        raise RanvierError(
            f"Program {program.name} must fit {tiles} tiles, but needs {sum(least)} ({needs}): "
            f"take a larger mesh, or more memory for each tile"
        )

    def cycles(counts: list[int]) -> list[float]:
        stages = []
        for number, (layer, count) in enumerate(zip(program.layers, counts, strict=True)):
            events = activity.events[number]
            senders = 1 if number == 0 else counts[number - 1]
            groups = ceil(ceil(layer.neurons / count) / lanes[number])
            stages.append(max((events + 1) * groups, (events / senders + 1) * count))
        return stages

    counts = least
    while sum(counts) < tiles:
        now = cycles(counts)
        worst = int(np.argmax(now))
        more = [count + (number == worst) for number, count in enumerate(counts)]
        if more[worst] > program.layers[worst].neurons or max(cycles(more)) >= max(now):
            break
        counts = more
    return cut(program, counts)


def cut(program: Program, counts: list[int]) -> tuple[Slice, ...]:
    """``counts[k]`` slices of layer k, of sizes that differ by one at most. Raises RanvierError."""
    if len(counts) != len(program.layers):
        raise RanvierError(f"Slices must be given for each of the {len(program.layers)} layers, not for {len(counts)}")
    slices = []
    for number, (layer, count) in enumerate(zip(program.layers, counts, strict=True)):
        if not 1 <= count <= layer.neurons:
            raise RanvierError(f"Slices of layer {layer.name} must be 1..{layer.neurons}, not {count}")
        bounds = [layer.neurons * part // count for part in range(count + 1)]
        slices += [Slice(number, first, end - first) for first, end in pairwise(bounds)]
    return tuple(slices)


def _least_slices(layer: Layer, tile_bits: int | None) -> int:
    if tile_bits is None:
        return 1
    column = layer.axons * layer.weight_width
    if column > tile_bits:
        raise RanvierError(
            f"Layer {layer.name} must fit tiles of {tile_bits:,} bits, but the weights of one neuron take {column:,}"
        )
    return ceil(layer.neurons / (tile_bits // column))
