"""What a mapping makes of a program: the chips' configurations, and the contents of their memories."""

from ranvier.golden.program import Program
from ranvier.hw.manycore.bridge import BridgeConfig
from ranvier.hw.manycore.config import MeshChipConfig, Place, TileConfig
from ranvier.hw.manycore.interface import InterfaceConfig
from ranvier.hw.manycore.timing import Flow

from ..errors import RanvierError
from ..images import memory_words
from .config import Mesh
from .placement import Mapping
from .traffic import flows


def mesh_chips(name: str, program: Program, mapping: Mapping, mesh: Mesh) -> tuple[MeshChipConfig, ...]:
    """The chips, from west to east, that run ``program`` as ``mapping`` says; ``name`` is that of one, of several its
    beginning. Raises RanvierError for a chip without a tile."""
    *ways, gate = flows(mapping)
    tiles = []
    for core, flow in zip(mapping.parts.cores, ways, strict=True):
        interface = InterfaceConfig(
            receives=core.indices,
            most=core.most_events,
            sends=core.neurons,
            receives_width=None if core.partial is None else core.partial.width,
            sends_width=core.value_width,
            senders=len(flow.sources),
            targets=len(flow.targets),
            entries=flow.entries,
        )
        tiles.append(TileConfig(flow.place, core, interface))
    model = program.layers[-1].model
    outside = InterfaceConfig(
        receives=program.outputs,
        most=program.outputs,
        sends=program.inputs,
        receives_width=None if model.spiking else model.state_width,
        sends_width=None,
        senders=len(gate.sources),
        targets=len(gate.targets),
        entries=gate.entries,
    )
    widths = [tile.interface.sends_width for tile in tiles if tile.interface.sends_width is not None]
    axons = max([outside.receives, *(tile.interface.receives for tile in tiles)])
    chips = []
    for number in range(mapping.chips):
        own = tuple(tile for tile in tiles if tile.place[0] // mapping.width == number)
        if not own:
            raise RanvierError(
                f"Program {program.name} must fill {mapping.chips} chips, but chip {number} has no core: "
                f"take fewer chips, smaller meshes or more slices"
            )
        chips.append(
            MeshChipConfig(
                name if mapping.chips == 1 else f"{name}_chip_{number}",
                mapping.width,
                mapping.height,
                mesh.depth,
                mapping.gate[0],
                own,
                outside,
                max(widths, default=None),
                mesh.pace == "barrier",
                None if mapping.chips == 1 else BridgeConfig(mapping.chips, number, axons),
            )
        )
    return tuple(chips)


def contents(program: Program, mapping: Mapping, chip: MeshChipConfig) -> dict[tuple[str, str], list[int]]:
    """Words of every memory of ``chip``, by tile and name: weights and parameters, fan-out lists, targets and
    sources."""
    *ways, gate = flows(mapping)
    words: dict[tuple[str, str], list[int]] = {}
    tiles = {tile.place: tile for tile in chip.tiles}
    for layer, flow in zip(mapping.parts.layers, ways, strict=True):
        if flow.place not in tiles:
            continue
        tile = tiles[flow.place]
        for name, *_ in tile.core.memories:
            words[tile.name, name] = memory_words(layer, tile.core, name)
        words |= _tables(chip, tile.name, flow)
    if chip.has_gate:
        words |= _tables(chip, "gate", gate)
    return words


def _tables(chip: MeshChipConfig, tile: str, flow: Flow) -> dict[tuple[str, str], list[int]]:
    entry = chip.format.entry(len(flow.targets))
    modulus = 1 << entry["offset"].width
    lists: list[int] = []
    begins: list[int] = []
    for entries in flow.lists:
        begins.append(len(lists))
        lists += [
            entry.const({"target": target, "offset": offset % modulus, "last": number == len(entries) - 1})
            .as_value()
            .value
            for number, (target, offset) in enumerate(entries)
        ]
    place = chip.format.place

    def coordinates(places: tuple[Place, ...]) -> list[int]:
        return [place.const({"x": x, "y": y}).as_value().value for x, y in places]

    return {
        (tile, "starts"): [begins[number] for number in flow.starts],
        (tile, "lists"): lists,
        (tile, "targets"): coordinates(flow.targets),
        (tile, "sources"): coordinates(flow.sources),
    }
