"""A design over a mesh: its activity, slices, places and chips."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ranvier.hw.manycore.chip import MeshChip
from ranvier.hw.manycore.config import MeshChipConfig, TileConfig
from ranvier.hw.manycore.row import ChipRow
from ranvier.hw.manycore.timing import Prediction, predict

from ..design import Design
from ..errors import RanvierError
from .activity import profile
from .config import Mesh
from .partition import cut, require_memory, require_tiles, split
from .parts import parts_of
from .placement import Mapping, place_parts
from .tables import contents, mesh_chips
from .traffic import flows, sent_events

PROFILED_SAMPLES = 100


@dataclass(frozen=True)
class MeshDesign:
    """``design`` over ``mesh``. Raises RanvierError, at the first use of its mapping, where it does not fit."""

    design: Design
    mesh: Mesh

    @property
    def name(self) -> str:
        """Of the top module and the build folder."""
        return self.mesh.named(self.design.program.name)

    @cached_property
    def mapping(self) -> Mapping:
        program, mesh = self.design.program, self.mesh
        for layer, core in zip(program.layers, self.design.chip.cores, strict=True):
            if core.convolutions or core.gathered:
                what = "a convolution" if core.convolutions else "delayed" if core.delays else "an attention"
                raise RanvierError(f"Layer {layer.name} is {what}, which no mesh holds yet: leave the mesh out")
            if layer.model.spike_width > 1 or layer.model.noise_width:
                what = "draws random numbers" if layer.model.noise_width else "sends spikes of several values"
                raise RanvierError(f"Layer {layer.name} {what}, which no mesh takes yet: leave the mesh out")
        if program.levels > 1:
            raise RanvierError(f"Program {program.name} has graded inputs, which no mesh takes yet: leave the mesh out")
        if not program.is_chain:
            raise RanvierError(f"Program {program.name} must be a chain of layers for a mesh: leave the mesh out")
        activity = profile(program, self.design.measured.spikes[:PROFILED_SAMPLES])
        bits = None if mesh.tile_kib is None else int(mesh.tile_kib * 8192)
        tiles = mesh.chips * mesh.width * mesh.height
        if mesh.slices is None:
            shared = mesh.pace == "credits" and all(core.rows is None for core in self.design.chip.cores)
            slices = split(program, tiles, activity, self._lanes, bits, axons=shared)
        else:
            slices = cut(program, mesh.slices, mesh.axon_groups)
            counts = [sum(part.layer == number for part in slices) for number in range(len(program.layers))]
            require_tiles(program, counts, tiles)
            if bits is not None:
                require_memory(program, slices, bits)
        parts = parts_of(program, slices, self._lanes, [core.rows is not None for core in self.design.chip.cores])
        return place_parts(parts, activity, mesh.width, mesh.height, mesh.seed, mesh.chips)

    @cached_property
    def chips(self) -> tuple[MeshChipConfig, ...]:
        """From west to east; the first has the gate."""
        return mesh_chips(self.name, self.design.program, self.mapping, self.mesh)

    def require_fit(self) -> None:
        """Raise RanvierError where it does not fit."""
        _ = self.chips

    @property
    def chip(self) -> MeshChipConfig:
        """The chip with the gate."""
        return self.chips[0]

    @cached_property
    def top(self) -> MeshChip | ChipRow:
        """The chip, or all chips in a row."""
        return MeshChip(self.chips[0]) if len(self.chips) == 1 else ChipRow(self.chips)

    @cached_property
    def tiles(self) -> tuple[TileConfig, ...]:
        """Of all chips, each that of one slice, in the order of the mapping."""
        tiles = {tile.place: tile for chip in self.chips for tile in chip.tiles}
        return tuple(tiles[place] for place in self.mapping.places)

    def predict(self, spikes: np.ndarray, limit: int = 1_000_000) -> Prediction | None:
        """Cycles and traffic of one sample (bool ``[steps, inputs]``) sent to the idle chip; None with a barrier, over
        several chips, and where it were more than ``limit`` cycles."""
        if self.chip.barrier or self.mesh.chips > 1:
            return None
        sent = sent_events(self.design.program, self.mapping, spikes)
        try:
            return predict(self.chip, flows(self.mapping), sent, limit)
        except TimeoutError:
            return None

    def load_words(self, number: int = 0) -> list[int]:
        """Payloads of the load port of chip ``number`` that write all its memories."""
        chip = self.chips[number]
        words = contents(self.design.program, self.mapping, chip)
        return [
            region.base + address | word << chip.load_address_width
            for region in chip.memory_map
            for address, word in enumerate(words[region.core, region.memory])
        ]

    @property
    def _lanes(self) -> list[int]:
        return [core.lanes for core in self.design.chip.cores]
