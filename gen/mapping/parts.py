"""Slices of layers with their cores, and who sends what to whom."""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from ranvier.golden.program import Layer, Program
from ranvier.hw.config import CoreConfig, PartialSums, core_config

from ..errors import RanvierError
from .activity import Activity
from .partition import Slice

Entry = tuple[int, int]  # the number of a target, and what added to the event's index makes the target's axon


@dataclass(frozen=True)
class FanOut:
    """Where events go. ``targets``: numbers of slices; that of the gate is one more than the last. ``lists``: entries
    with a place in ``targets``, and ``starts``: which list each event has."""

    targets: tuple[int, ...]
    lists: tuple[tuple[Entry, ...], ...]
    starts: tuple[int, ...]

    def packets(self, rates: np.ndarray) -> np.ndarray:
        """To each target, if event k is sent ``rates[k]`` times."""
        of_list = np.bincount(self.starts, rates, len(self.lists))
        sent = np.zeros(len(self.targets))
        for rate, entries in zip(of_list, self.lists, strict=True):
            sent[[target for target, _ in entries]] += rate
        return sent


@dataclass(frozen=True)
class Parts:
    """``slices``, the layer that each is, its core, and what it sends; ``fan_outs[-1]`` is that of the gate."""

    slices: tuple[Slice, ...]
    layers: tuple[Layer, ...]
    cores: tuple[CoreConfig, ...]
    fan_outs: tuple[FanOut, ...]

    def sources(self, number: int) -> tuple[int, ...]:
        """Who sends to slice, or gate, ``number``."""
        return tuple(sender for sender, fan_out in enumerate(self.fan_outs) if number in fan_out.targets)

    def rates(self, number: int, activity: Activity) -> np.ndarray:
        """Mean events a step of slice, or gate, ``number``; float ``[indices]``."""
        if number == len(self.slices):
            return activity.rates[0]
        part = self.slices[number]
        if part.partial:
            return np.ones(part.neurons)
        return activity.rates[part.layer + 1][part.first : part.first + part.neurons]


def parts_of(program: Program, slices: tuple[Slice, ...], lanes: list[int], sparse: list[bool] | None = None) -> Parts:
    """``slices`` of ``program``, with at most ``lanes[k]`` lanes in cores of layer k, whose synapses are sparse where
    ``sparse[k]``. Raises RanvierError for a sparse layer that shares its axons."""
    sparse = [False] * len(program.layers) if sparse is None else sparse
    for part in slices:
        if part.partial and sparse[part.layer]:
            raise RanvierError(
                f"Layer {program.layers[part.layer].name} must be dense to share its axons: take fewer groups of "
                f"axons, larger tiles, or synapses = 'dense'"
            )
    orders = [_order(part, slices, lanes[part.layer]) for part in slices]
    layers = tuple(part.of(program, order) for part, order in zip(slices, orders, strict=True))
    cores = tuple(
        _core(number, slices, layers, lanes[part.layer], sparse[part.layer]) for number, part in enumerate(slices)
    )
    gate, last = len(slices), slices[-1].layer

    def ways(layer: int, neuron: int) -> list[Entry]:
        """Slices, and axons there, that hear ``neuron`` of ``layer``; -1 is the input."""
        if layer == last:
            return [(gate, neuron)]
        return [
            (number, neuron - part.first_axon)
            for number, part in enumerate(slices)
            if part.layer == layer + 1 and 0 <= neuron - part.first_axon < part.axons
        ]

    fan_outs = []
    for part, order in zip(slices, orders, strict=True):
        if part.partial:
            home = next(number for number, other in enumerate(slices) if other.is_home_of(part))
            fan_outs.append(_fan_out([[(home, cores[home].partial_index(k))] for k in order]))
        else:
            fan_outs.append(_fan_out([ways(part.layer, part.first + k) for k in range(part.neurons)]))
    return Parts(slices, layers, cores, (*fan_outs, _fan_out([ways(-1, axon) for axon in range(program.inputs)])))


def _order(part: Slice, slices: tuple[Slice, ...], lanes: int) -> list[int]:
    """The order of its neurons, from its first. Of partial sums one for each group of the home, then again, those of
    different cores from different groups on: the home takes sums for different groups faster."""
    if not part.partial:
        return list(range(part.neurons))
    senders = [other for other in slices if other.partial and (other.layer, other.first) == (part.layer, part.first)]
    lanes = min(lanes, part.neurons)
    groups = ceil(part.neurons / lanes)
    first = groups * senders.index(part) // len(senders)
    order = [(first + group) % groups * lanes + lane for lane in range(lanes) for group in range(groups)]
    return [neuron for neuron in order if neuron < part.neurons]


def _core(number: int, slices: tuple[Slice, ...], layers: tuple[Layer, ...], lanes: int, sparse: bool) -> CoreConfig:
    core = core_config(layers[number], min(lanes, layers[number].neurons), sparse)
    senders = [layer for other, layer in zip(slices, layers, strict=True) if slices[number].is_home_of(other)]
    if not senders:
        return core
    width = max(layer.model.state_width for layer in senders)
    return replace(core, partial=PartialSums(sum(layer.axons for layer in senders), len(senders), width))


def _fan_out(ways: list[list[Entry]]) -> FanOut:
    """Event k goes to the targets of ``ways[k]``, as the axon beside each; events of equal offsets share a list."""
    targets = sorted({target for way in ways for target, _ in way})
    places = {target: place for place, target in enumerate(targets)}
    lists: dict[tuple[Entry, ...], int] = {}
    starts = [
        lists.setdefault(tuple((places[target], axon - index) for target, axon in way), len(lists))
        for index, way in enumerate(ways)
    ]
    return FanOut(tuple(targets), tuple(lists), tuple(starts))
