"""Who sends to whom in a mapped program, and how much."""

import numpy as np

from ranvier.golden.program import Program
from ranvier.hw.manycore.timing import Flow

from .activity import sent_rasters
from .placement import Mapping


def flows(mapping: Mapping) -> list[Flow]:
    """Of each slice, then of the gate."""
    last = mapping.slices[-1].layer
    places = [tuple(place for _, place in mapping.of_layer(layer)) for layer in range(last + 1)]
    gate = (mapping.gate,)
    found = []
    for part, place in zip(mapping.slices, mapping.places, strict=True):
        targets = gate if part.layer == last else places[part.layer + 1]
        sources = gate if part.layer == 0 else places[part.layer - 1]
        found.append(Flow(place, targets, sources))
    return [*found, Flow(mapping.gate, places[0], places[last])]


def sent_events(program: Program, mapping: Mapping, spikes: np.ndarray) -> list[list[int]]:
    """Events that each slice, then the gate, sends in each step of a sample (bool ``[steps, inputs]``)."""
    rasters = [raster[0] for raster in sent_rasters(program, spikes[None])]
    sent = [rasters[part.layer][:, part.first : part.first + part.neurons].sum(axis=1) for part in mapping.slices]
    return [counts.tolist() for counts in [*sent, spikes.sum(axis=1)]]
