"""What a mapping makes of a program: the chips' configurations, and the contents of their memories."""

from ranvier.golden.program import Program
from ranvier.hw.config import core_config
from ranvier.hw.manycore.bridge import BridgeConfig
from ranvier.hw.manycore.config import MeshChipConfig, Place, TileConfig
from ranvier.hw.manycore.interface import InterfaceConfig

from ..errors import RanvierError
from ..images import memory_words
from .config import Mesh
from .placement import Mapping


def mesh_chips(
    name: str, program: Program, mapping: Mapping, lanes: list[int], mesh: Mesh
) -> tuple[MeshChipConfig, ...]:
    """The chips, from west to east, that run ``program`` as ``mapping`` says, with at most ``lanes[k]`` lanes in cores
    of layer k; ``name`` is that of one, of several its beginning. Raises RanvierError for a chip without a tile."""
    last = len(program.layers) - 1
    tiles = []
    for part, place in zip(mapping.slices, mapping.places, strict=True):
        layer = part.of(program)
        core = core_config(layer, min(lanes[part.layer], layer.neurons))
        senders = 1 if part.layer == 0 else len(mapping.of_layer(part.layer - 1))
        targets = 1 if part.layer == last else len(mapping.of_layer(part.layer + 1))
        interface = InterfaceConfig(
            receives=layer.axons,
            sends=layer.neurons,
            receives_values=False,
            sends_values=not layer.model.spiking,
            senders=senders,
            targets=targets,
            entries=targets,
        )
        tiles.append(TileConfig(place, core, interface))
    model = program.layers[-1].model
    first, final = len(mapping.of_layer(0)), len(mapping.of_layer(last))
    outside = InterfaceConfig(
        receives=program.outputs,
        sends=program.inputs,
        receives_values=not model.spiking,
        sends_values=False,
        senders=final,
        targets=first,
        entries=first,
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
    last = len(program.layers) - 1
    words: dict[tuple[str, str], list[int]] = {}
    tiles = {tile.place: tile for tile in chip.tiles}
    for part, place in zip(mapping.slices, mapping.places, strict=True):
        if place not in tiles:
            continue
        tile = tiles[place]
        layer = part.of(program)
        for name, *_ in tile.core.memories:
            words[tile.name, name] = memory_words(layer, tile.core, name)
        targets = [mapping.gate] if part.layer == last else _places(mapping, part.layer + 1)
        sources = [mapping.gate] if part.layer == 0 else _places(mapping, part.layer - 1)
        words |= _tables(chip, tile.name, layer.neurons, part.first, targets, sources)
    if chip.has_gate:
        words |= _tables(chip, "gate", program.inputs, 0, _places(mapping, 0), _places(mapping, last))
    return words


def _places(mapping: Mapping, layer: int) -> list[Place]:
    return [place for _, place in mapping.of_layer(layer)]


def _tables(
    chip: MeshChipConfig, tile: str, sends: int, first: int, targets: list[Place], sources: list[Place]
) -> dict[tuple[str, str], list[int]]:
    """Every event goes to all ``targets``, as axon ``first`` + its index."""
    entry = chip.format.entry(len(targets))
    modulus = 1 << entry["offset"].width
    lists = [
        entry.const({"target": number, "offset": first % modulus, "last": number == len(targets) - 1}).as_value().value
        for number in range(len(targets))
    ]
    place = chip.format.place

    def coordinates(places: list[Place]) -> list[int]:
        return [place.const({"x": x, "y": y}).as_value().value for x, y in places]

    return {
        (tile, "starts"): [0] * sends,
        (tile, "lists"): lists,
        (tile, "targets"): coordinates(targets),
        (tile, "sources"): coordinates(sources),
    }
