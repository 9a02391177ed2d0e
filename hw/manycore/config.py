"""What a chip of many cores is built for."""

from dataclasses import dataclass
from functools import cached_property

from ..config import CoreConfig, MemoryRegion, index_width, lay_out
from .interface import InterfaceConfig
from .packet import PacketFormat

Place = tuple[int, int]  # column and row


@dataclass(frozen=True)
class TileConfig:
    """A core at a ``place`` of the mesh, and its interface."""

    place: Place
    core: CoreConfig
    interface: InterfaceConfig

    @property
    def name(self) -> str:
        return f"tile_{self.place[0]}_{self.place[1]}"


@dataclass(frozen=True)
class MeshChipConfig:
    """``width`` columns and ``height`` rows of routers with buffers of ``depth`` flits; a tile at some of them.

    ``gate``: column at whose southern end events come in and go out, and ``outside`` the interface there.
    ``value_width``: bits of a readout's values, None if outputs are spikes. ``barrier``: all tiles take steps
    together; else each has the pace that its neighbours allow.
    """

    name: str
    width: int
    height: int
    depth: int
    gate: int
    tiles: tuple[TileConfig, ...]
    outside: InterfaceConfig
    value_width: int | None
    barrier: bool = False

    @cached_property
    def format(self) -> PacketFormat:
        axons = max([self.outside.receives, *(tile.interface.receives for tile in self.tiles)])
        return PacketFormat(self.width, self.height + 1, axons, self.value_width)

    @property
    def balance_width(self) -> int:
        """Bits that count all packets that can be under way; 0 without a barrier."""
        buffers = 5 * self.width * self.height * self.depth
        return (2 * buffers).bit_length() if self.barrier else 0

    @property
    def empty(self) -> tuple[Place, ...]:
        """Routers without a tile."""
        taken = {tile.place for tile in self.tiles}
        return tuple((x, y) for y in range(self.height) for x in range(self.width) if (x, y) not in taken)

    @property
    def gate_place(self) -> Place:
        return self.gate, self.height

    def local_map(self, tile: TileConfig | None) -> tuple[MemoryRegion, ...]:
        """Memories of one tile, or of the gate, from address 0."""
        interface, name = (self.outside, "gate") if tile is None else (tile.interface, tile.name)
        own = [] if tile is None else tile.core.memories
        place = self.format.place.size
        tables = [
            ("starts", interface.sends, index_width(interface.entries)),
            ("lists", interface.entries, self.format.entry(interface.targets).size),
            ("targets", interface.targets, place),
        ]
        if not self.barrier:
            tables.append(("sources", interface.senders, place))
        return lay_out((name, *memory) for memory in [*own, *tables])

    @cached_property
    def spans(self) -> tuple[MemoryRegion, ...]:
        """The addresses of each tile and of the gate, as wide as its widest memory."""
        spans = []
        for tile in (*self.tiles, None):
            regions = self.local_map(tile)
            words = max(region.base + region.words for region in regions)
            spans.append((regions[0].core, "all", words, max(region.width for region in regions)))
        return lay_out(spans)

    @cached_property
    def memory_map(self) -> tuple[MemoryRegion, ...]:
        """Every memory in the load port's addresses."""
        return tuple(
            MemoryRegion(region.core, region.memory, span.base + region.base, region.words, region.width)
            for tile, span in zip((*self.tiles, None), self.spans, strict=True)
            for region in self.local_map(tile)
        )

    @property
    def load_address_width(self) -> int:
        last = self.spans[-1]
        return index_width(last.base + last.words)

    @property
    def load_data_width(self) -> int:
        return max(span.width for span in self.spans)
