"""A mesh of routers at the level of packets, cycle by cycle, in NumPy: latencies and loads without RTL.

It follows the routers' contract, not their circuit: a buffer of so many flits at each input, a flit a cycle at each
output, dimension order, round robin. Receivers always take.
"""

from dataclasses import dataclass

import numpy as np

from .routing import LOCAL, MESH_PORTS, OFFSETS, OPPOSITE, dimension_order, turns


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
    """A mesh of ``width`` columns and ``height`` rows of routers with buffers of ``depth`` flits."""

    def __init__(self, width: int, height: int, *, depth: int = 4) -> None:
        self.width, self.height, self.depth = width, height, depth
        nodes = np.arange(width * height)
        self.x, self.y = nodes % width, nodes // width
        self.inputs = {  # of each output, in the order of its arbiter
            port: np.array([i for i, other in enumerate(MESH_PORTS) if port in turns(other)]) for port in MESH_PORTS
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
        state = _State(self, traffic)
        cycle = 0
        while state.left:
            if cycle >= limit:
                raise RuntimeError(f"Mesh has {state.left} of {count} packets left after {limit} cycles")
            cycle = state.advance(cycle)
        return Delivery(state.entered, state.arrived, state.flits)


class _State:
    def __init__(self, mesh: MeshModel, traffic: Traffic) -> None:
        self.mesh, self.traffic = mesh, traffic
        count, nodes = len(traffic.source), mesh.width * mesh.height
        self.left = count
        self.entered, self.arrived = np.full(count, -1), np.full(count, -1)
        self.flits = np.zeros((nodes, len(MESH_PORTS)), np.int64)
        self.queue = np.zeros((nodes, len(MESH_PORTS), mesh.depth), np.int64)  # packets, the head first
        self.level = np.zeros((nodes, len(MESH_PORTS)), np.int64)
        self.first = {port: np.zeros(nodes, np.int64) for port in MESH_PORTS}
        self.to_x, self.to_y = traffic.target % mesh.width, traffic.target // mesh.width
        order = np.argsort(traffic.source, kind="stable")
        self.order = np.append(order, 0)
        self.next = np.searchsorted(
            traffic.source[order], np.arange(nodes)
        )  # place in order of each node's next packet
        self.end = np.searchsorted(traffic.source[order], np.arange(nodes), side="right")
        self.nodes = np.arange(nodes)

    def advance(self, cycle: int) -> int:
        """One cycle; the number of the next one in which something can happen."""
        waiting = self.next < self.end
        packet = self.order[np.where(waiting, self.next, -1)]
        if not self.level.any():
            due = int(self.traffic.due[packet[waiting]].min())
            if due > cycle:
                return due
        room = self.level < self.mesh.depth
        sending = waiting & (self.traffic.due[packet] <= cycle) & room[:, 0]
        moves = [self._arbitrate(port, room) for port in MESH_PORTS]
        for port, (nodes, inputs) in zip(MESH_PORTS, moves, strict=True):
            packets = self.queue[nodes, inputs, 0]
            self.flits[nodes, MESH_PORTS.index(port)] += 1
            self.queue[nodes, inputs] = np.roll(self.queue[nodes, inputs], -1, axis=1)
            self.level[nodes, inputs] -= 1
            if port == LOCAL:
                self.arrived[packets] = cycle
                self.left -= len(packets)
            else:
                moves[MESH_PORTS.index(port)] = (self.mesh.beside[port][nodes], packets)
        for port, (nodes, packets) in zip(MESH_PORTS, moves, strict=True):
            if port != LOCAL:
                self._put(nodes, MESH_PORTS.index(OPPOSITE[port]), packets)
        self._put(self.nodes[sending], 0, packet[sending])
        self.entered[packet[sending]] = cycle
        self.next[sending] += 1
        return cycle + 1

    def _arbitrate(self, port: str, room: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nodes where a flit leaves at ``port`` now, and the input that it comes from."""
        mesh, inputs = self.mesh, self.mesh.inputs[port]
        heads = self.queue[:, inputs, 0]
        leaves = dimension_order(mesh.x[:, None], mesh.y[:, None], self.to_x[heads], self.to_y[heads])[port]
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

    def _put(self, nodes: np.ndarray, port: int, packets: np.ndarray) -> None:
        self.queue[nodes, port, self.level[nodes, port]] = packets
        self.level[nodes, port] += 1
