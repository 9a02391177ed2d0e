"""A tile: a core and the interface that ties it to its router; and the gate, an interface to the outside."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import MemoryRegion
from ..core import Core
from ..core.fetch import COUNTER_WIDTH
from ..memory import LoadSignature
from .config import TileConfig
from .interface import Interface
from .packet import PacketFormat


def load_signature(regions: tuple[MemoryRegion, ...]) -> LoadSignature:
    """The bus that writes all memories of ``regions``."""
    words = max(region.base + region.words for region in regions)
    return LoadSignature(words, max(region.width for region in regions))


def connect_loads(m: Module, load: wiring.PureInterface, regions: tuple[MemoryRegion, ...], memories: dict) -> None:
    """A register between ``load`` and each of ``memories``, by the name of its region."""
    for region in regions:
        bits = (region.words - 1).bit_length()
        port = memories[region.memory]
        m.d.sync += [
            port.enable.eq(load.enable & (load.address[bits:] == region.base >> bits)),
            port.address.eq(load.address),
            port.data.eq(load.data),
        ]


def interface_memories(regions: tuple[MemoryRegion, ...]) -> list[str]:
    """Names of those memories of ``regions`` that belong to the interface."""
    return [region.memory for region in regions if region.memory in ("starts", "lists", "targets", "sources")]


class Tile(wiring.Component):
    """A core behind its interface.

        packets_in → interface → core → interface → packets_out

    Ports: ``load`` writes the memories of ``regions``; ``senders`` and ``targets``: how many tiles send here and are
    sent to; counters ``saturations`` and ``rejected`` of :class:`Core`, ``strays`` of :class:`Interface`, all sticking;
    ``stuck``, as that says.
    """

    def __init__(
        self, config: TileConfig, format: PacketFormat, regions: tuple[MemoryRegion, ...], *, balance_width: int = 0
    ) -> None:
        self.config, self.format, self.regions, self.balance_width = config, format, regions, balance_width
        interface = config.interface
        super().__init__(
            {
                "packets_in": In(stream.Signature(format.flit)),
                "packets_out": Out(stream.Signature(format.flit)),
                "senders": In(range(interface.senders + 1)),
                "targets": In(range(interface.targets + 1)),
                "load": In(load_signature(regions)),
                "saturations": Out(COUNTER_WIDTH),
                "rejected": Out(COUNTER_WIDTH),
                "strays": Out(COUNTER_WIDTH),
                "stuck": Out(1),
                "idle": Out(1),
            }
            | ({"release": In(1), "done": Out(1), "balance": Out(balance_width)} if balance_width else {})
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.interface = interface = Interface(
            self.config.interface, self.format, balance_width=self.balance_width
        )
        m.submodules.core = core = Core(self.config.core)
        wiring.connect(m, wiring.flipped(self.packets_in), interface.packets_in)
        wiring.connect(m, interface.packets_out, wiring.flipped(self.packets_out))
        wiring.connect(m, interface.events_out, core.events)
        wiring.connect(m, core.spikes, interface.events_in)
        memories = {name: getattr(interface, f"load_{name}") for name in interface_memories(self.regions)}
        memories |= {name: getattr(core, f"load_{name}") for name, *_ in self.config.core.memories}
        connect_loads(m, self.load, self.regions, memories)
        m.d.comb += [
            interface.senders.eq(self.senders),
            interface.targets.eq(self.targets),
            self.saturations.eq(core.saturations),
            self.rejected.eq(core.rejected),
            self.strays.eq(interface.rejected),
            self.stuck.eq(interface.stuck),
            self.idle.eq(core.idle & interface.idle),
        ]
        if self.balance_width:
            m.d.comb += [
                interface.release.eq(self.release),
                self.done.eq(interface.done),
                self.balance.eq(interface.balance),
            ]
        return m
