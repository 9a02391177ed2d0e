"""Chips side by side."""

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..core.fetch import COUNTER_WIDTH
from ..router.mesh import Mesh
from ..stream import event_stream
from .chip import MeshChip, counters, load_layout, stuck_flags
from .config import MeshChipConfig


class ChipRow(wiring.Component):
    """The chips of ``configs``, from west to east, on one clock: for simulation, and for a board with one.

        events_in  → ┌────────┐ ──→ ┌────────┐ ──→ …
        events_out ← │ chip_0 │     │ chip_1 │
        load_0 ────→ └────────┘ ←── └────────┘ ←── …
        load_1 ─────────────────────────→

    Ports are those of :class:`MeshChip`; of each chip ``load_<k>``, and its counters as ``chip_<k>_misrouted``,
    ``chip_<k>_east_corrupted`` …. ``idle``: all chips are. ``fault``, ``down``, ``stuck``: so says any chip, bridge or
    tile.

    Latency and throughput are those of :class:`MeshChip`; lines have no register.
    """

    def __init__(self, configs: tuple[MeshChipConfig, ...], mesh: type[Mesh] = Mesh) -> None:
        """``mesh``: what a bench may put in the place of the chips' meshes."""
        if any(config.bridge is None or config.bridge.chips != len(configs) for config in configs):
            raise ValueError(f"Chips of a system must each be one of {len(configs)} in a row")
        self.configs = configs
        self.chips = [MeshChip(config, mesh) for config in configs]
        super().__init__(self.members())

    def members(self) -> dict[str, wiring.Member]:
        """The ports."""
        outside = self.configs[0].outside
        members = {
            "events_in": In(event_stream(outside.sends)),
            "events_out": Out(event_stream(outside.receives, outside.receives_width)),
            "idle": Out(1),
            "fault": Out(1),
            "down": Out(1),
            "stuck": Out(1),
        }
        for number, config in enumerate(self.configs):
            members[f"load_{number}"] = In(stream.Signature(load_layout(config)))
            members |= {f"chip_{number}_{name}": Out(COUNTER_WIDTH) for name in counters(config)}
        return members

    def line(self, m: Module, name: str, source: Value) -> Value:
        """What arrives at the end of line ``name`` of what ``source`` drives at its beginning."""
        return source

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for number, chip in enumerate(self.chips):
            m.submodules[f"chip_{number}"] = chip
            wiring.connect(m, wiring.flipped(getattr(self, f"load_{number}")), chip.load)
            for name in counters(self.configs[number]):
                m.d.comb += getattr(self, f"chip_{number}_{name}").eq(getattr(chip, name))
            if self.configs[number].has_gate:
                wiring.connect(m, wiring.flipped(self.events_in), chip.events_in)
                wiring.connect(m, chip.events_out, wiring.flipped(self.events_out))
        down = []
        for number, (west, east) in enumerate(zip(self.chips, self.chips[1:], strict=False)):
            m.d.comb += [
                east.line_west_in.eq(self.line(m, f"east_of_{number}", west.line_east_out)),
                west.line_east_in.eq(self.line(m, f"west_of_{number + 1}", east.line_west_out)),
            ]
            down += [west.east_down, east.west_down]
        stuck = [getattr(chip, flag) for chip in self.chips for flag in stuck_flags(chip.config)]
        m.d.comb += [
            self.idle.eq(Cat(chip.idle for chip in self.chips).all()),
            self.fault.eq(Cat(chip.fault for chip in self.chips).any()),
            self.down.eq(Cat(down).any()),
            self.stuck.eq(Cat(stuck).any()),
        ]
        return m
