"""A bridge: what joins the meshes of two chips that lie side by side."""

from dataclasses import dataclass

from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.routing import EAST, WEST

from ..link import Link
from ..link.frame import FrameFormat
from ..link.watch import COUNTER_WIDTH

BRIDGE_COUNTERS = ("corrupted", "retransmissions")


@dataclass(frozen=True)
class BridgeConfig:
    """This is number ``chip`` of ``chips`` in a row, from the west; ``axons``: the most at any place of any chip.

    ``wires``, ``oversampling`` and ``window`` are those of :class:`Link`, the same at all bridges.
    """

    chips: int
    chip: int
    axons: int
    wires: int = 8
    oversampling: int = 4
    window: int = 8

    def __post_init__(self) -> None:
        if self.chips < 2:
            raise ValueError(f"Chips that bridges join must be at least 2, not {self.chips}")
        if not 0 <= self.chip < self.chips:
            raise ValueError(f"Chip must be 0..{self.chips - 1}, not {self.chip}")

    def frame(self, flit: data.StructLayout) -> FrameFormat:
        """What is on the lines for packets of the layout ``flit``."""
        return FrameFormat(flit.size, self.wires, self.window)

    @property
    def sides(self) -> tuple[str, ...]:
        """Where another chip is."""
        return tuple(side for side, there in ((EAST, self.chip < self.chips - 1), (WEST, self.chip > 0)) if there)


def bridge_members(config: BridgeConfig) -> dict[str, wiring.Member]:
    """The ports of a chip's bridges, without counters."""
    high = (1 << config.wires) - 1
    members = {}
    for side in config.sides:
        members |= {f"line_{side}_out": Out(config.wires, init=high), f"line_{side}_in": In(config.wires, init=high)}
        members |= {f"{side}_down": Out(1)}
    return members


class Bridge(wiring.Component):
    """One end of a bridge: packets to and from the chip beside, over a :class:`Link`, its ``link``.

        packets_in  → [link] → line_out
        packets_out ← [link] ← line_in

    ``flit``: layout of a packet. ``down``, ``corrupted``, ``retransmissions``: as the link says. A line that errs, or
    is cut for a time, costs time only; a reset of one chip alone costs packets.

    Latency: ``link.latency``; a packet that enters a mesh in cycle c, and has ``hops`` links between routers and
    ``bridges`` bridges to go, is offered at its destination in ``c + hops + 1 + bridges * (link.latency + 1)``, at
    equal clocks, if no other is in its way and nothing is on the lines. Throughput: a packet in ``link.frame_cycles``
    each way.
    """

    def __init__(self, config: BridgeConfig, flit: data.StructLayout) -> None:
        self.config, self.flit = config, flit
        self.link = Link(width=flit.size, wires=config.wires, oversampling=config.oversampling, window=config.window)
        high = (1 << config.wires) - 1
        super().__init__(
            {
                "packets_in": In(stream.Signature(flit)),
                "packets_out": Out(stream.Signature(flit)),
                "line_out": Out(config.wires, init=high),
                "line_in": In(config.wires, init=high),
                "down": Out(1),
                "corrupted": Out(COUNTER_WIDTH),
                "retransmissions": Out(COUNTER_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.link = link = self.link
        m.d.comb += [
            link.flits_in.valid.eq(self.packets_in.valid),
            link.flits_in.payload.eq(self.packets_in.payload),
            self.packets_in.ready.eq(link.flits_in.ready),
            self.packets_out.valid.eq(link.flits_out.valid),
            self.packets_out.payload.as_value().eq(link.flits_out.payload),
            link.flits_out.ready.eq(self.packets_out.ready),
            self.line_out.eq(link.line_out),
            link.line_in.eq(self.line_in),
            self.down.eq(link.down),
            self.corrupted.eq(link.corrupted),
            self.retransmissions.eq(link.retransmissions),
        ]
        return m
