"""The chip: a mesh with tiles at its routers, and a gate and bridges at its edge."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..core.fetch import COUNTER_WIDTH
from ..router.mesh import Mesh
from ..stream import event_stream
from .barrier import Barrier
from .bridge import BRIDGE_COUNTERS, Bridge, BridgeConfig, bridge_members
from .config import MeshChipConfig
from .interface import Interface
from .tile import Tile, connect_loads, interface_memories, load_signature

TILE_COUNTERS = ("saturations", "rejected", "strays")


def load_layout(config: MeshChipConfig) -> data.StructLayout:
    """Payload of the load port: one word of one memory."""
    return data.StructLayout({"address": config.load_address_width, "data": config.load_data_width})


def counters(config: MeshChipConfig) -> list[str]:
    """Names of the counters of a chip."""
    names = ["misrouted", "gate_strays"] if config.has_gate else ["misrouted"]
    names += [f"{tile.name}_{what}" for tile in config.tiles for what in TILE_COUNTERS]
    return names + [f"{side}_{what}" for side in config.sides for what in BRIDGE_COUNTERS]


def stuck_flags(config: MeshChipConfig) -> list[str]:
    """Names of the flags of events that wait for too long."""
    return [f"{name}_stuck" for name in [*(tile.name for tile in config.tiles), *["gate"] * config.has_gate]]


class MeshChip(wiring.Component):
    """Cores in a mesh. It does what :class:`ranvier.hw.top.Chip` does, over the same streams.

        events_in → gate → mesh ⇄ tiles
        events_out ← gate ← mesh
        load → memories of all tiles and of the gate (:attr:`MeshChipConfig.memory_map`)
        line_<side>_in, line_<side>_out ⇄ bridge ⇄ mesh

    ``load`` is always ready and writes one word; memories may be loaded while ``idle``, and must be once before the
    first event: their contents are undefined at power-up. Output events of a step come in any order.

    Of several chips in a row only that of the gate has the streams of events, and each a bridge on every ``side``
    (``east``, ``west``) where there is another: the lines of two chips side by side are joined crosswise. All together
    do what one does, and are idle when all say ``idle``; ``<side>_down``: nothing comes from there (see :class:`Link`).

    Counters, 16 bits, sticking: of each tile ``<tile>_saturations``, ``<tile>_rejected`` (illegal events, see
    :class:`Core`), ``<tile>_strays`` and ``gate_strays`` (illegal packets, see :class:`Inbox`), and ``misrouted``
    (packets to places that do not exist, dropped at the edge). ``fault``: one of these, but for ``saturations``, is not
    0. ``<tile>_stuck``, ``gate_stuck``: an event has waited for its core, or the host, for :data:`PATIENCE` cycles, and
    does so still. Counters of each bridge ``<side>_corrupted`` and
    ``<side>_retransmissions``. One clock; reset is synchronous and active high, and does not touch memories that are
    loaded. Chips in a row may have clocks of their own, but there must be a time when all are in reset.
    """

    def __init__(self, config: MeshChipConfig, mesh: type[Mesh] = Mesh) -> None:
        """``mesh``: what a bench may put in the place of the mesh."""
        self.config, self._mesh = config, mesh
        outside = config.outside
        members = {
            "events_in": In(event_stream(outside.sends)),
            "events_out": Out(event_stream(outside.receives, outside.receives_width)),
            "load": In(stream.Signature(load_layout(config))),
            "idle": Out(1),
            "fault": Out(1),
        }
        if not config.has_gate:
            for name in ("events_in", "events_out"):
                del members[name]
        if config.bridge is not None:
            members |= bridge_members(config.bridge)
        members |= {name: Out(1) for name in stuck_flags(config)}
        super().__init__(members | {name: Out(COUNTER_WIDTH) for name in counters(config)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.mesh = mesh = self._mesh(
            config.width,
            config.height,
            config.format.payload,
            depth=config.depth,
            gates=(config.gate,) if config.has_gate else (),
            empty=config.empty,
            bridges=config.bridges,
        )
        units = []
        for tile, span in zip(config.tiles, config.spans, strict=False):
            m.submodules[tile.name] = unit = Tile(
                tile, config.format, config.local_map(tile), balance_width=config.balance_width
            )
            self._attach(m, mesh, tile.place, unit.packets_in, unit.packets_out)
            self._load(m, unit.load, span)
            m.d.comb += [unit.senders.eq(tile.interface.senders), unit.targets.eq(tile.interface.targets)]
            for what in (*TILE_COUNTERS, "stuck"):
                m.d.comb += getattr(self, f"{tile.name}_{what}").eq(getattr(unit, what))
            units.append(unit)

        if config.has_gate:
            units.append(self._gate(m, mesh))
        m.d.comb += [self.misrouted.eq(mesh.rejected), self.load.ready.eq(1)]
        if config.bridge is not None:
            self._bridge(m, mesh, config.bridge)
        idle = Cat(unit.idle for unit in units).all()
        if config.has_gate:
            idle &= ~self.events_in.valid
        if config.barrier:
            idle = self._synchronise(m, mesh, units, idle)
        m.d.comb += self.idle.eq(idle)
        wrong = [name for name in counters(config) if name.endswith(("misrouted", "strays", "rejected"))]
        m.d.sync += self.fault.eq(Cat(getattr(self, name).any() for name in wrong).any())
        return m

    def _gate(self, m: Module, mesh: Mesh) -> Interface:
        """What is between the mesh and the outside."""
        config = self.config
        m.submodules.gate = gate = Interface(
            config.outside, config.format, balance_width=config.balance_width, source=True
        )
        self._attach(m, mesh, config.gate_place, gate.packets_in, gate.packets_out)
        load = load_signature(config.local_map(None)).flip().create(path=("gate_load",))
        self._load(m, load, config.spans[-1])
        memories = {name: getattr(gate, f"load_{name}") for name in interface_memories(config.local_map(None))}
        connect_loads(m, load, config.local_map(None), memories)
        wiring.connect(m, wiring.flipped(self.events_in), gate.events_in)
        wiring.connect(m, gate.events_out, wiring.flipped(self.events_out))
        m.d.comb += [
            gate.senders.eq(config.outside.senders),
            gate.targets.eq(config.outside.targets),
            self.gate_strays.eq(gate.rejected),
            self.gate_stuck.eq(gate.stuck),
        ]
        return gate

    def _bridge(self, m: Module, mesh: Mesh, config: BridgeConfig) -> None:
        """An end of a bridge on each side where another chip is."""
        for side, (x, y) in zip(config.sides, mesh.bridges.beyond(mesh.width), strict=True):
            m.submodules[f"bridge_{side}"] = bridge = Bridge(config, self.config.format.flit)
            self._attach(m, mesh, (x, y), bridge.packets_in, bridge.packets_out)
            m.d.comb += [
                bridge.line_in.eq(getattr(self, f"line_{side}_in")),
                getattr(self, f"line_{side}_out").eq(bridge.line_out),
            ]
            for name in ("down", *BRIDGE_COUNTERS):
                m.d.comb += getattr(self, f"{side}_{name}").eq(getattr(bridge, name))

    def _synchronise(self, m: Module, mesh: Mesh, units: list, idle: Value) -> Value:
        """Put a barrier over ``units``; whether all were ``idle``, and no packet under way, for long enough."""
        width = self.config.balance_width
        m.submodules.barrier = barrier = Barrier(len(units) + 1, width=width)
        m.d.comb += [
            barrier.done.eq(Cat(Cat(unit.done for unit in units), 1)),
            getattr(barrier, f"balance_{len(units)}").eq(-mesh.rejected),  # lost packets are under way no more
        ]
        for number, unit in enumerate(units):
            m.d.comb += [unit.release.eq(barrier.release), getattr(barrier, f"balance_{number}").eq(unit.balance)]
        since = Signal(range(barrier.levels + 3))  # cycles for which all have been idle
        with m.If(~idle):
            m.d.sync += since.eq(0)
        with m.Elif(since != barrier.levels + 2):
            m.d.sync += since.eq(since + 1)
        return (since == barrier.levels + 2) & barrier.quiet & idle

    @staticmethod
    def _attach(m: Module, mesh: Mesh, place: tuple[int, int], packets_in: object, packets_out: object) -> None:
        name = f"{place[0]}_{place[1]}"
        wiring.connect(m, getattr(mesh, f"out_{name}"), packets_in)
        wiring.connect(m, packets_out, getattr(mesh, f"in_{name}"))

    def _load(self, m: Module, load: wiring.PureInterface, span: object) -> None:
        """A register between the load port and the bus of one tile."""
        word, bits = self.load.payload, (span.words - 1).bit_length()
        m.d.sync += [
            load.enable.eq(self.load.valid & (word.address[bits:] == span.base >> bits)),
            load.address.eq(word.address),
            load.data.eq(word.data),
        ]
