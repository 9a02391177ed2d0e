"""A mesh of routers at the level of packets, cycle by cycle, in NumPy: latencies and loads without RTL.

It follows the routers' contract, not their circuit: a buffer of so many flits at each input, a flit a cycle at each
output, dimension order, round robin. Receivers always take.
"""

from dataclasses import dataclass

import numpy as np

from .routing import LOCAL, MESH_PORTS, NORTH, OFFSETS, OPPOSITE, dimension_order, turns


@dataclass(frozen=True)
class Traffic:
    """Packets in the order in which each sender sends them: ``source`` and ``target``, node ``y * width + x``; ``due``,
    the cycle before which each is not sent. int64 ``[packets]`` each."""

    source: np.ndarray
    target: np.ndarray
    due: np.ndarray

    def __post_init__(self) -> None:
        if not self.source.shape == self.target.shape == self.due.shape or self.source.ndim != 1:
            shapes = ", ".join(str(list(array.shape)) for array in (self.source, self.target, self.due))
            raise ValueError(f"Traffic must have a source, a target and a due cycle for each packet, not {shapes}")


@dataclass(frozen=True)
class Delivery:
    """``entered`` and ``arrived``: the cycle in which each packet was taken into the mesh, and out of it,
    ``[packets]``.
    ``flits``: how many left each router at each of its ports, ``[nodes, ports]`` in the order of ``MESH_PORTS``."""

    entered: np.ndarray
    arrived: np.ndarray
    flits: np.ndarray


class MeshModel:
    """A mesh of ``width`` columns and ``height`` rows of routers with buffers of ``depth`` flits.

    ``gated``: its last row are gates, which have a link to the router above them alone. A gate is a router here, which
    costs its packets a cycle more than they take.
    """

    def __init__(self, width: int, height: int, *, depth: int = 4, gated: bool = False) -> None:
        self.width, self.height, self.depth = width, height, depth
        nodes = np.arange(width * height)
        self.gate = (nodes // width == height - 1) & gated
        self.x, self.y = nodes % width, nodes // width
        self.inputs = {  # of each output, in the order of its arbiter
            port: np.array(
                [i for i, other in enumerate(MESH_PORTS) if port in turns(other) or (gated and other != port)]
            )
            for port in MESH_PORTS
        }
        self.beside = {}  # the node behind each port; -1: none
        for port, (right, down) in OFFSETS.items():
            x, y = self.x + right, self.y + down
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            self.beside[port] = np.where(inside, y * width + x, -1)

    def run(self, traffic: Traffic, limit: int = 10_000_000) -> Delivery:
        """Send all packets and wait for them. Raises ValueError for an illegal packet, RuntimeError after ``limit``
        cycles."""
        count, nodes = len(traffic.source), self.width * self.height
        for name, ends in (("source", traffic.source), ("target", traffic.target)):
            if count and not 0 <= ends.min() <= ends.max() < nodes:
                raise ValueError(f"Packets must have a {name} in 0..{nodes - 1}, not {ends.min()}..{ends.max()}")
        if (traffic.source == traffic.target).any():
            raise ValueError("Packets must have another target than their source")
        order = np.append(np.argsort(traffic.source, kind="stable"), 0)
        first = np.searchsorted(
            traffic.source[order[:-1]], np.arange(nodes)
        )  # place in order of each node's next packet
        end = np.searchsorted(traffic.source[order[:-1]], np.arange(nodes), side="right")
        state = MeshState(self, traffic.target)
        entered, arrived = np.full(count, -1), np.full(count, -1)
        left, cycle = count, 0
        while left:
            if cycle >= limit:
                raise RuntimeError(f"Mesh has {left} of {count} packets left after {limit} cycles")
            waiting = first < end
            packet = order[np.where(waiting, first, -1)]
            if state.empty:  # nothing happens before the next packet is due
                cycle = max(cycle, int(traffic.due[packet[waiting]].min()))
            taken, out = state.advance(np.where(waiting & (traffic.due[packet] <= cycle), packet, -1))
            entered[packet[taken]] = cycle
            first += taken
            arrived[out] = cycle
            left -= len(out)
            cycle += 1
        return Delivery(entered, arrived, state.flits)


class MeshState:
    """What is in the buffers of ``mesh``, in a cycle: numbers of packets, each with its ``target``."""

    def __init__(self, mesh: MeshModel, target: np.ndarray) -> None:
        self.mesh = mesh
        nodes = mesh.width * mesh.height
        self.flits = np.zeros((nodes, len(MESH_PORTS)), np.int64)
        self.queue = np.zeros((nodes, len(MESH_PORTS), mesh.depth), np.int64)  # packets, the head first
        self.level = np.zeros((nodes, len(MESH_PORTS)), np.int64)
        self.first = {port: np.zeros(nodes, np.int64) for port in MESH_PORTS}
        self.to_x, self.to_y = target % mesh.width, target // mesh.width
        self.nodes = np.arange(nodes)

    @property
    def empty(self) -> bool:
        """Whether no packet is in the mesh."""
        return not self.level.any()

    def advance(self, offered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One cycle in which each node offers a packet (-1: none): where it was taken, and the packets that arrived."""
        room = self.level < self.mesh.depth
        taken = (offered >= 0) & room[:, 0]
        arrived = np.zeros(0, np.int64)
        moves = [self._arbitrate(port, room) for port in MESH_PORTS]
        puts = []
        for number, (port, (nodes, inputs)) in enumerate(zip(MESH_PORTS, moves, strict=True)):
            packets = self.queue[nodes, inputs, 0]
            self.flits[nodes, number] += 1
            self.queue[nodes, inputs] = np.roll(self.queue[nodes, inputs], -1, axis=1)
            self.level[nodes, inputs] -= 1
            if port == LOCAL:
                arrived = packets
            else:
                puts.append((self.mesh.beside[port][nodes], MESH_PORTS.index(OPPOSITE[port]), packets))
        for nodes, number, packets in (*puts, (self.nodes[taken], 0, offered[taken])):
            self.queue[nodes, number, self.level[nodes, number]] = packets
            self.level[nodes, number] += 1
        return taken, arrived

    def _arbitrate(self, port: str, room: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nodes where a flit leaves at ``port`` now, and the input that it comes from."""
        mesh, inputs = self.mesh, self.mesh.inputs[port]
        heads = self.queue[:, inputs, 0]
        leaves = dimension_order(mesh.x[:, None], mesh.y[:, None], self.to_x[heads], self.to_y[heads])[port]
        target, here = self.to_y[heads] * mesh.width + self.to_x[heads], self.nodes[:, None]
        upwards = {LOCAL: target == here, NORTH: target != here}.get(port, np.zeros_like(leaves))
        leaves = np.where(mesh.gate[:, None], upwards, leaves)
        requests = leaves & (self.level[:, inputs] > 0)
        ring = (self.first[port][:, None] + np.arange(len(inputs))) % len(inputs)
        turn = np.take_along_axis(requests, ring, axis=1)
        choice = ring[self.nodes, turn.argmax(axis=1)]
        anyone = turn.any(axis=1)
        moved = anyone.copy()
        if port != LOCAL:
            moved &= room[mesh.beside[port], MESH_PORTS.index(OPPOSITE[port])]
        after = np.where(moved, (choice + 1) % len(inputs), choice)
        self.first[port] = np.where(anyone, after, self.first[port])
        nodes = self.nodes[moved]
        return nodes, inputs[choice[nodes]]
