"""What a mapping makes of a program: the chips' configurations, and the contents of their memories."""

from ranvier.golden.program import Program
from ranvier.hw.config import core_config
from ranvier.hw.manycore.bridge import BridgeConfig
from ranvier.hw.manycore.config import MeshChipConfig, Place, TileConfig
from ranvier.hw.manycore.interface import InterfaceConfig
from ranvier.hw.manycore.timing import Flow

from ..errors import RanvierError
from ..images import memory_words
from .config import Mesh
from .placement import Mapping
from .traffic import flows


def mesh_chips(
    name: str, program: Program, mapping: Mapping, lanes: list[int], mesh: Mesh
) -> tuple[MeshChipConfig, ...]:
    """The chips, from west to east, that run ``program`` as ``mapping`` says, with at most ``lanes[k]`` lanes in cores
    of layer k; ``name`` is that of one, of several its beginning. Raises RanvierError for a chip without a tile."""
    *ways, gate = flows(mapping)
    tiles = []
    for part, flow in zip(mapping.slices, ways, strict=True):
        layer = part.of(program)
        core = core_config(layer, min(lanes[part.layer], layer.neurons))
        interface = InterfaceConfig(
            receives=layer.axons,
            sends=layer.neurons,
            receives_values=False,
            sends_values=not layer.model.spiking,
            senders=len(flow.sources),
            targets=len(flow.targets),
            entries=len(flow.targets),
        )
        tiles.append(TileConfig(flow.place, core, interface))
    model = program.layers[-1].model
    outside = InterfaceConfig(
        receives=program.outputs,
        sends=program.inputs,
        receives_values=not model.spiking,
        sends_values=False,
        senders=len(gate.sources),
        targets=len(gate.targets),
        entries=len(gate.targets),
    )
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
                None if model.spiking else model.state_width,
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
    for part, flow in zip(mapping.slices, ways, strict=True):
        if flow.place not in tiles:
            continue
        tile = tiles[flow.place]
        layer = part.of(program)
        for name, *_ in tile.core.memories:
            words[tile.name, name] = memory_words(layer, tile.core, name)
        words |= _tables(chip, tile.name, layer.neurons, part.first, flow)
    if chip.has_gate:
        words |= _tables(chip, "gate", program.inputs, 0, gate)
    return words


def _tables(chip: MeshChipConfig, tile: str, sends: int, first: int, flow: Flow) -> dict[tuple[str, str], list[int]]:
    """Every event goes to all targets of ``flow``, as axon ``first`` + its index."""
    count = len(flow.targets)
    entry = chip.format.entry(count)
    modulus = 1 << entry["offset"].width
    lists = [
        entry.const({"target": number, "offset": first % modulus, "last": number == count - 1}).as_value().value
        for number in range(count)
    ]
    place = chip.format.place

    def coordinates(places: tuple[Place, ...]) -> list[int]:
        return [place.const({"x": x, "y": y}).as_value().value for x, y in places]

    return {
        (tile, "starts"): [0] * sends,
        (tile, "lists"): lists,
        (tile, "targets"): coordinates(flow.targets),
        (tile, "sources"): coordinates(flow.sources),
    }
