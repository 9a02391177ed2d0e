"""A two-dimensional torus of routers."""

from collections.abc import Callable

from amaranth.hdl import Module, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.routing import EAST, LOCAL, NORTH, OFFSETS, OPPOSITE, SOUTH, WEST, torus_order

from ..config import index_width
from .channels import CHANNELS, LinkReceiver, LinkSender
from .mesh import COUNTER_WIDTH, count_lost
from .router import Router
from .routing import Routing


class TorusOrder(Routing):
    """Packets of ``payload`` bits to routers of a torus of ``width`` columns and ``height`` rows, by their coordinates,
    the shorter way round, first along x.

    A flit, from the low bit: ``x``, ``y``, ``payload``. A router has a port for each direction and channel,
    ``east_0``, ``east_1`` …, and ``local``. Packets to nowhere may leave at no port.
    """

    ports = (LOCAL, *(f"{port}_{channel}" for port in (NORTH, EAST, SOUTH, WEST) for channel in range(CHANNELS)))
    plain = ports

    def __init__(self, width: int, height: int, payload: int) -> None:
        self.width, self.height = width, height
        self.position = data.StructLayout({"x": index_width(width), "y": index_width(height)})
        self.flit = data.StructLayout({"x": index_width(width), "y": index_width(height), "payload": payload})

    def turns(self, port: str) -> tuple[str, ...]:
        if port == LOCAL:
            return self.ports[1:]
        direction, _, channel = port.rpartition("_")
        ahead = OPPOSITE[direction]
        if direction in (EAST, WEST):
            bends = [f"{bend}_{number}" for bend in (NORTH, SOUTH) for number in range(CHANNELS)]
        else:
            bends = []
        onward = [f"{ahead}_{number}" for number in range(int(channel), CHANNELS)]
        return tuple(other for other in self.ports if other in (LOCAL, *bends, *onward))

    def route(self, position: data.View, flit: data.View, port: str) -> dict[str, Value]:
        inside = (flit.x < self.width) & (flit.y < self.height)
        leaves = torus_order(position.x, position.y, flit.x, flit.y, self.width, self.height)
        return {
            LOCAL if port == LOCAL else f"{port}_{channel}": inside & leaves
            for (port, channel), leaves in leaves.items()
        }


class Torus(wiring.Component):
    """``width`` columns and ``height`` rows of routers, one for each core, the last of each next to the first; packets
    carry ``payload`` bits.

        in_<x>_<y> → router (x, y) → out_<x>_<y>
                        ↓↓ two channels
                      link, payload once
                        ↓↓
                      router beside

    Packets to coordinates beyond the torus, and those that a core sends to itself, are dropped and counted in
    ``rejected``, which sticks at its maximum; all others arrive, those of one sender at one receiver in order.

    Deadlock-free by two virtual channels: see :func:`.torus_order`; the two share the wires, but none waits for the
    other. ``routing``: another one than :class:`TorusOrder`; ``options`` are those of :class:`Router`.

    Latency: a packet that enters in cycle c is offered at its destination in c + hops + 1 (``registered``: in
    c + 2 (hops + 1)), if no other is in its way; there are at most ``width // 2 + height // 2`` hops. Throughput: a
    packet a cycle in and out of each router, and over each link.
    """

    def __init__(
        self,
        width: int,
        height: int,
        payload: int,
        *,
        routing: Callable[[int, int, int], Routing] = TorusOrder,
        **options: int,
    ) -> None:
        if width < 1 or height < 1:
            raise ValueError(f"Torus must have at least 1 x 1 routers, not {width} x {height}")
        self.width, self.height, self.options = width, height, options
        self.routing = routing(width, height, payload)
        packets = stream.Signature(self.routing.flit)
        members = {"rejected": Out(COUNTER_WIDTH)}
        for x, y in self.places:
            members |= {f"in_{x}_{y}": In(packets), f"out_{x}_{y}": Out(packets)}
        super().__init__(members)

    @property
    def places(self) -> list[tuple[int, int]]:
        """The routers, row by row."""
        return [(x, y) for y in range(self.height) for x in range(self.width)]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        routers = {place: Router(self.routing, **self.options) for place in self.places}
        lost = []
        for (x, y), router in routers.items():
            m.submodules[f"router_{x}_{y}"] = router
            m.d.comb += [router.position.x.eq(x), router.position.y.eq(y)]
            lost.extend(router.rejected)
            wiring.connect(m, router.local_out, wiring.flipped(getattr(self, f"out_{x}_{y}")))
            wiring.connect(m, wiring.flipped(getattr(self, f"in_{x}_{y}")), router.local_in)
            for port, opposite in OPPOSITE.items():
                right, down = OFFSETS[port]
                beside = routers[(x + right) % self.width, (y + down) % self.height]
                m.submodules[f"sender_{x}_{y}_{port}"] = sender = LinkSender(self.routing.flit)
                m.submodules[f"receiver_{x}_{y}_{port}"] = receiver = LinkReceiver(self.routing.flit)
                wiring.connect(m, sender.link, receiver.link)
                for channel in range(CHANNELS):
                    name = f"channel_{channel}"
                    wiring.connect(m, getattr(router, f"{port}_{channel}_out"), getattr(sender, name))
                    wiring.connect(m, getattr(receiver, name), getattr(beside, f"{opposite}_{channel}_in"))
        count_lost(m, self.rejected, lost, registered=self.options.get("registered", False))
        return m
