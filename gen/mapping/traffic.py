"""Who sends to whom in a mapped program, and what."""

import numpy as np

from ranvier.golden.program import Program
from ranvier.hw.manycore.timing import Flow

from .activity import sent_rasters
from .placement import Mapping


def flows(mapping: Mapping) -> list[Flow]:
    """Of each slice, then of the gate."""
    places, parts = [*mapping.places, mapping.gate], mapping.parts
    return [
        Flow(
            place,
            tuple(places[target] for target in fan_out.targets),
            tuple(places[source] for source in parts.sources(number)),
            fan_out.lists,
            fan_out.starts,
        )
        for number, (place, fan_out) in enumerate(zip(places, parts.fan_outs, strict=True))
    ]


def sent_events(program: Program, mapping: Mapping, spikes: np.ndarray) -> list[list[list[int]]]:
    """Indices of the events that each slice, then the gate, sends in each step of a sample (bool ``[steps,
    inputs]``)."""
    rasters = [raster[0] for raster in sent_rasters(program, spikes[None])]
    sent = []
    for part in mapping.parts.slices:
        raster = rasters[part.layer][:, part.first : part.first + part.neurons]
        sent.append(np.ones_like(raster) if part.partial else raster)
    return [[np.flatnonzero(row).tolist() for row in raster] for raster in [*sent, spikes]]
