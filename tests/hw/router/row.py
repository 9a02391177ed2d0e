"""Meshes in a row, joined by bridges: the ways through them, their RTL, and packets."""

from functools import cache
from itertools import product

import networkx
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.routing import EAST, LOCAL, OFFSETS, WEST, bridged
from ranvier.hw.manycore.bridge import Bridge, BridgeConfig
from ranvier.hw.router.bridged import Bridges
from ranvier.hw.router.mesh import Mesh
from ranvier.sim.mesh.noise import Noise

from .bench import NUMBER_BITS, Fabric, Packet


def described(chips, width, height, row):
    """The bridges of each chip, with a row of gates below."""
    sides = [BridgeConfig(chips, chip, 1).sides for chip in range(chips)]
    return [Bridges(chips * width, height + 1, chip * width, sides[chip], row) for chip in range(chips)]


def walks(chips, width, height, row, route=bridged):
    """Which channel waits for which, and how many hops each walk has; a channel is a place and a port out of it."""
    of_chip = described(chips, width, height, row)
    graph, hops = networkx.DiGraph(), {}
    routers = [(x, y) for x in range(chips * width) for y in range(height)]
    gates = [(0, height), (chips * width - 1, height)]
    for source, target in product([*routers, *gates], repeat=2):
        if source == target and source in gates:
            continue
        (x, y), held, count = source, (*source, "in"), 0
        if source in gates:
            y, held, count = height - 1, (*source, "north"), 1
        while (x, y) not in gates:
            chip = of_chip[x // width]
            ends = [chip.edge(side, width) for side in (WEST, EAST)]
            (port,) = [port for port, here in route(x, y, *target, *ends, row).items() if here]
            channel = (x, y, port)
            graph.add_edge(held, channel)
            if port == LOCAL:
                break
            beside = x + OFFSETS[port][0], y + OFFSETS[port][1]
            assert beside[0] // width == x // width or y == row, "left the chip beside a bridge"
            (x, y), held, count = beside, channel, count + 1
            assert (x, y) in routers + gates, "left the mesh"
            assert count <= chips * (width + height), "does not arrive"
        assert (x, y) == target
        hops[source, target] = count
    return graph, hops


class Row(wiring.Component):
    """Chips in a row, and noise on every line; gates at the first and the last column."""

    def __init__(self, chips, width, height):
        self.chips, self.width, self.height, self.row = chips, width, height, height // 2
        self.meshes = [
            Mesh(width, height, NUMBER_BITS, gates=self.gates(chip), bridges=each)
            for chip, each in enumerate(described(chips, width, height, self.row))
        ]
        self.flit = self.meshes[0].inner.flit
        members = {"rate": In(32), "rejected": Out(16), "corrupted": Out(16), "retransmissions": Out(16)}
        for x, y in self.places:
            members |= {
                f"in_{x}_{y}": In(stream.Signature(self.flit)),
                f"out_{x}_{y}": Out(stream.Signature(self.flit)),
            }
        super().__init__(members)

    def gates(self, chip):
        return {0: (0,), self.chips - 1: (self.chips * self.width - 1,)}.get(chip, ())

    @property
    def places(self):
        routers = [(x, y) for y in range(self.height) for x in range(self.chips * self.width)]
        return [*routers, (0, self.height), (self.chips * self.width - 1, self.height)]

    def elaborate(self, platform):
        m = Module()
        bridges = {}
        for chip, mesh in enumerate(self.meshes):
            m.submodules[f"mesh_{chip}"] = mesh
            for x, y in mesh.places:
                name, column = f"{x}_{y}", x // self.width
                if column == chip:
                    wiring.connect(m, wiring.flipped(getattr(self, f"in_{name}")), getattr(mesh, f"in_{name}"))
                    wiring.connect(m, getattr(mesh, f"out_{name}"), wiring.flipped(getattr(self, f"out_{name}")))
                else:
                    end = Bridge(BridgeConfig(self.chips, chip, 1), self.flit)
                    m.submodules[f"bridge_{chip}_{column}"] = bridges[chip, column] = end
                    wiring.connect(m, getattr(mesh, f"out_{name}"), end.packets_in)
                    wiring.connect(m, end.packets_out, getattr(mesh, f"in_{name}"))
        for seed, ((chip, column), end) in enumerate(bridges.items()):
            self.latency = end.link.latency
            m.submodules[f"noise_{chip}_{column}"] = noise = Noise(0x51ED2701 + 0x9E3779 * seed, end.config.wires)
            m.d.comb += [
                noise.rate.eq(self.rate),
                end.line_in.eq(bridges[column, chip].line_out ^ noise.bits),
            ]
        for name in ("corrupted", "retransmissions"):
            m.d.comb += getattr(self, name).eq(sum(getattr(end, name) for end in bridges.values()))
        m.d.comb += self.rejected.eq(sum(mesh.rejected for mesh in self.meshes))
        return m


@cache
def fabric(chips, width, height):
    """A row of meshes, and packets through it."""
    row = Row(chips, width, height)
    return row, Fabric(row, [f"{x}_{y}" for x, y in row.places], row.flit)


def packet(start, end, due=0):
    (x, y), (to_x, to_y) = start, end
    return Packet(f"{x}_{y}", {"x": to_x, "y": to_y}, frozenset({f"{to_x}_{to_y}"}), due)
