"""Chips in a row, and lines between them that err."""

from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.hw.link.watch import COUNTER_WIDTH
from ranvier.hw.manycore import MeshChip
from ranvier.hw.manycore.chip import load_layout
from ranvier.hw.manycore.config import MeshChipConfig
from ranvier.hw.router.mesh import Mesh
from ranvier.hw.stream import event_stream

from .noise import Noise


def noise_rate(share: float, symbols: int) -> int:
    """For :class:`System` the rate at which a ``share`` of the frames of so many ``symbols`` is spoiled: each symbol is
    read in one cycle."""
    return round((1.0 - float((1.0 - share) ** (1.0 / symbols))) * 2**32)


class System(wiring.Component):
    """The chips of ``configs``, from west to east, on one clock.

        events_in  → ┌────────┐ → noise → ┌────────┐ → noise → …
        events_out ← │ chip_0 │           │ chip_1 │
        load_0 ────→ └────────┘ ← noise ← └────────┘ ← noise ← …
        load_1 ──────────────────────────→

    In a share of ``rate / 2**32`` of the cycles some wires of a line are inverted, on each line at times of its own; at
    the greatest rate next to always. ``idle``: all chips are. ``down``: so says any bridge. Counters of the chips and
    their bridges under their names, ``chip_<k>_misrouted``, ``chip_<k>_east_corrupted`` ….

    ``mesh``: what a bench puts in the place of the chips' meshes.
    """

    def __init__(self, configs: tuple[MeshChipConfig, ...], mesh: type[Mesh] = Mesh) -> None:
        if any(config.bridge is None or config.bridge.chips != len(configs) for config in configs):
            raise ValueError(f"Chips of a system must each be one of {len(configs)} in a row")
        self.configs = configs
        self.chips = [MeshChip(config, mesh) for config in configs]
        outside = configs[0].outside
        members = {
            "events_in": In(event_stream(outside.sends)),
            "events_out": Out(event_stream(outside.receives, outside.receives_width)),
            "rate": In(32),
            "idle": Out(1),
            "down": Out(1),
        }
        for number, config in enumerate(configs):
            members[f"load_{number}"] = In(stream.Signature(load_layout(config)))
            members |= {f"chip_{number}_{name}": Out(COUNTER_WIDTH) for name in self._counters(number)}
        super().__init__(members)

    def _counters(self, number: int) -> list[str]:
        members = self.chips[number].signature.members
        return [name for name, member in members.items() if member.is_port and member.shape == COUNTER_WIDTH]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for number, chip in enumerate(self.chips):
            m.submodules[f"chip_{number}"] = chip
            wiring.connect(m, wiring.flipped(getattr(self, f"load_{number}")), chip.load)
            for name in self._counters(number):
                m.d.comb += getattr(self, f"chip_{number}_{name}").eq(getattr(chip, name))
            if self.configs[number].has_gate:
                wiring.connect(m, wiring.flipped(self.events_in), chip.events_in)
                wiring.connect(m, chip.events_out, wiring.flipped(self.events_out))
        down = []
        for number, (west, east) in enumerate(zip(self.chips, self.chips[1:], strict=False)):
            for name, source, sink, seed in (
                ("east", west.line_east_out, east.line_west_in, 0x9E3779B9),
                ("west", east.line_west_out, west.line_east_in, 0xB5297A4D),
            ):
                noise = Noise(seed + 0x1234567 * number, len(source))
                m.submodules[f"noise_{name}_of_{number}"] = noise
                m.d.comb += [noise.rate.eq(self.rate), sink.eq(source ^ noise.bits)]
            down += [west.east_down, east.west_down]
        m.d.comb += [self.idle.eq(Cat(chip.idle for chip in self.chips).all()), self.down.eq(Cat(down).any())]
        return m
