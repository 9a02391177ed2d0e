"""What a chip of many cores is built for."""

from dataclasses import dataclass
from functools import cached_property

from ..config import CoreConfig, MemoryRegion, index_width, lay_out
from ..link.frame import FrameFormat
from ..router.bridged import Bridges
from .bridge import BridgeConfig
from .interface import InterfaceConfig
from .packet import PacketFormat

Place = tuple[int, int]  # column and row


def bridge_row(height: int) -> int:
    """The row of the bridges between meshes of ``height`` rows: the middle."""
    return height // 2


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
    ``value_width``: bits of values in packets, those of a readout and of partial sums, None without. ``barrier``: all
    tiles take steps together; else each has the pace that its neighbours allow.

    ``bridge``: the chip is one of several that lie in a row, all as large, in one address space: places of its tiles
    are in its own columns, ``gate`` may be in another chip, and ``outside`` is the same in all.

    Raises ValueError for a barrier over several chips or with partial sums (they come a step later than the spikes
    beside them, and an inbox holds two steps), a gate outside of the chips, and fewer axons than a place has.
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
    bridge: BridgeConfig | None = None

    def __post_init__(self) -> None:
        if self.bridge is not None and self.barrier:
            raise ValueError(f"Chip {self.name} must not have both a barrier and bridges: a barrier is of one chip")
        if self.barrier and any(tile.core.partial for tile in self.tiles):
            raise ValueError(f"Chip {self.name} must not have both a barrier and partial sums: they come a step late")
        columns = self.format.columns
        if not 0 <= self.gate < columns:
            raise ValueError(f"Gate of chip {self.name} must lie in columns 0..{columns - 1}, not in {self.gate}")
        most, axons = self._most_axons, self.format.axons
        if axons < most:
            raise ValueError(f"Axons at any place must be at least the {most} of chip {self.name}, not {axons}")

    @property
    def first(self) -> int:
        """The chip's first column."""
        return 0 if self.bridge is None else self.bridge.chip * self.width

    @property
    def has_gate(self) -> bool:
        """Whether the gate is at this chip."""
        return self.first <= self.gate < self.first + self.width

    @property
    def bridges(self) -> Bridges | None:
        """Where the chip's mesh lies among the others."""
        if self.bridge is None:
            return None
        form = self.format
        return Bridges(form.columns, form.rows, self.first, self.bridge.sides, bridge_row(self.height))

    @property
    def sides(self) -> tuple[str, ...]:
        """Where another chip is."""
        return () if self.bridge is None else self.bridge.sides

    @property
    def frame(self) -> FrameFormat:
        """What is on the lines between chips. Raises ValueError where there is one only."""
        if self.bridge is None:
            raise ValueError(f"Chip {self.name} must be one of several to have lines to others")
        return self.bridge.frame(self.format.flit)

    @cached_property
    def format(self) -> PacketFormat:
        chips, axons = (1, self._most_axons) if self.bridge is None else (self.bridge.chips, self.bridge.axons)
        return PacketFormat(chips * self.width, self.height + 1, axons, self.value_width)

    @property
    def _most_axons(self) -> int:
        return max([self.outside.receives, *(tile.interface.receives for tile in self.tiles)])

    @property
    def balance_width(self) -> int:
        """Bits that count all packets that can be under way; 0 without a barrier."""
        buffers = 5 * self.width * self.height * self.depth
        return (2 * buffers).bit_length() if self.barrier else 0

    @property
    def empty(self) -> tuple[Place, ...]:
        """Routers without a tile."""
        taken = {tile.place for tile in self.tiles}
        columns = range(self.first, self.first + self.width)
        return tuple((x, y) for y in range(self.height) for x in columns if (x, y) not in taken)

    @property
    def ends(self) -> tuple[TileConfig | None, ...]:
        """Where packets start and end: the tiles, and None for the gate."""
        return (*self.tiles, None) if self.has_gate else self.tiles

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
        for tile in self.ends:
            regions = self.local_map(tile)
            words = max(region.base + region.words for region in regions)
            spans.append((regions[0].core, "all", words, max(region.width for region in regions)))
        return lay_out(spans)

    @cached_property
    def memory_map(self) -> tuple[MemoryRegion, ...]:
        """Every memory in the load port's addresses."""
        return tuple(
            MemoryRegion(region.core, region.memory, span.base + region.base, region.words, region.width)
            for tile, span in zip(self.ends, self.spans, strict=True)
            for region in self.local_map(tile)
        )

    @property
    def load_address_width(self) -> int:
        last = self.spans[-1]
        return index_width(last.base + last.words)

    @property
    def load_data_width(self) -> int:
        return max(span.width for span in self.spans)
