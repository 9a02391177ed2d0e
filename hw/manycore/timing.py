"""Cycles and traffic of a chip of many cores, from its spikes alone: a model of packets and cores, no RTL.

Packets are followed cycle by cycle by :class:`ranvier.golden.mesh.MeshState`; cores and interfaces by their throughput
and latency. Approximate: the gate is a router of its own, a row below the mesh; a core's output events come one a cycle
from its latency on. Tests say how near it comes. Credits only, not the barrier.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from ranvier.golden.mesh import MeshModel, MeshState
from ranvier.golden.routing import MESH_PORTS

from ..core.timing import core_cycles
from .config import MeshChipConfig, Place

END, CREDIT = -1, -2  # in the place of an event's index
OUTBOX, INBOX = 3, 3  # cycles from an event to its first packet, and from a packet to its event


@dataclass(frozen=True)
class Flow:
    """Where the packets of a tile, or of the gate, go: ``targets``, and the ``sources`` that it sends credits to."""

    place: Place
    targets: tuple[Place, ...]
    sources: tuple[Place, ...]


@dataclass(frozen=True)
class Prediction:
    """``cycles``: from the first event into the idle chip to the last one out. ``flits``: how many leave each router at
    each of ``MESH_PORTS``, the gate's row last."""

    cycles: int
    flits: dict[Place, np.ndarray]


@dataclass
class _Unit:
    """A tile, or the gate: what it has received, is working on, and has to send."""

    node: int
    targets: list[int]
    sources: list[int]
    core: dict[str, int] | None  # cycles of its core; None: the gate
    sends: list[int]  # events that it sends in each step
    step: int = 0  # that it receives
    sending: int = 0
    events: dict[int, list[int]] = field(default_factory=dict)  # of each step, when they may be taken
    ends: dict[int, list[int]] = field(default_factory=dict)  # of each step, how many events each sender has sent
    owed: list[int] = field(default_factory=lambda: [0, 0])
    free: int = 0  # the core takes its next event
    output: deque[tuple[int, int, int]] = field(default_factory=deque)  # events: when, which, of which step
    packets: deque[tuple[int, int, int, int]] = field(default_factory=deque)  # when, target, what, of which step
    credits: deque[tuple[int, int, int, int]] = field(default_factory=deque)
    finished: int = 0  # steps that have gone out of the gate
    turn: int = 0
    taken: int = 0  # events of this step by the core
    closed: bool = False  # all are, and credits are on their way

    def receive(self, what: int, step: int, count: int, cycle: int) -> None:
        """A packet of another one."""
        if what == CREDIT:
            self.owed[step & 1] -= 1
        elif what == END:
            self.ends.setdefault(step, []).append(count)
        else:
            self.events.setdefault(step, []).append(cycle + INBOX)

    def work(self, cycle: int) -> None:
        """Take what has come; at the end of a step, update and send."""
        waiting = self.events.setdefault(self.step, [])
        each = 1 if self.core is None else self.core["event"]
        if waiting and waiting[0] <= cycle and self.free <= cycle:
            waiting.pop(0)
            self.free = cycle + each
            self.taken += 1
        told = self.ends.get(self.step, [])
        complete = len(told) == len(self.sources) and self.taken == sum(told)
        if complete and not waiting and not self.closed and not self.credits:
            self.credits.extend((cycle + 1, source, CREDIT, self.step) for source in self.sources)
            self.closed = True
        if self.closed and self.free <= cycle and len(self.output) <= 1:  # the end of the update before may wait
            self.closed = False
            if self.core is None:
                self.finished += 1
                self.free = cycle + 1
            else:
                self.free = cycle + self.core["update"]
                first = cycle + self.core["latency"]
                for number in range(self.sends[self.step]):
                    self.output.append((first + number, number, self.step))
                self.output.append((first + self.sends[self.step], END, self.step))
            self.taken = 0
            self.step += 1

    def send(self, cycle: int) -> None:
        """The next event becomes packets, if its targets may get it."""
        if (
            self.output
            and self.output[0][0] <= cycle
            and len(self.packets) <= OUTBOX
            and not self.owed[self.sending & 1]
        ):
            _, what, step = self.output.popleft()
            self.packets.extend((cycle + OUTBOX, target, what, step) for target in self.targets)
            if what == END:
                self.owed[step & 1] = len(self.targets)
                self.sending += 1

    def offer(self, cycle: int) -> deque[tuple[int, int, int, int]] | None:
        """The queue whose first packet it offers."""
        queues = [self.packets, self.credits]
        for queue in (queues[self.turn], queues[1 - self.turn]):
            if queue and queue[0][0] <= cycle:
                return queue
        return None


def predict(config: MeshChipConfig, flows: list[Flow], sends: list[list[int]], limit: int = 1_000_000) -> Prediction:
    """What a chip takes whose unit k sends ``sends[k][step]`` events, to ``flows[k]``; the gate's is last. The host
    offers all at once and takes everything. Raises RuntimeError after ``limit`` cycles."""
    mesh = MeshModel(config.width, config.height + 1, depth=config.depth, gated=True)

    def node(place: Place) -> int:
        return place[1] * config.width + place[0]

    steps = len(sends[-1])
    cores = [core_cycles(tile.core) for tile in config.tiles]
    units = [
        _Unit(node(flow.place), [node(p) for p in flow.targets], [node(p) for p in flow.sources], core, events)
        for flow, core, events in zip(flows, [*cores, None], sends, strict=True)
    ]
    gate = units[-1]
    for step, events in enumerate(sends[-1]):
        gate.output.extend((0, number, step) for number in range(events))
        gate.output.append((0, END, step))
    by_node = {unit.node: unit for unit in units}
    packets: list[tuple[int, int, int]] = []  # what, step, events that an END announces
    most = sum(len(unit.targets) * (sum(unit.sends) + steps) + len(unit.sources) * steps for unit in units)
    state = MeshState(mesh, np.zeros(most, np.int64))
    offers = np.full(mesh.width * mesh.height, -1)
    for cycle in range(limit):
        queues = {}
        for unit in units:
            unit.work(cycle)
            unit.send(cycle)
            queue = unit.offer(cycle)
            if queue is not None and offers[unit.node] < 0:
                _, target, what, step = queue[0]
                state.to_x[len(packets)], state.to_y[len(packets)] = target % mesh.width, target // mesh.width
                offers[unit.node] = len(packets)
                packets.append((what, step, unit.sends[step] if what == END else 0))
                unit.turn = 0 if queue is unit.packets else 1
            queues[unit.node] = unit.packets if unit.turn == 0 else unit.credits
        taken, arrived = state.advance(offers)
        for place in np.flatnonzero(taken).tolist():
            queues[place].popleft()
            by_node[place].turn ^= 1
            offers[place] = -1
        for number in arrived.tolist():
            what, step, count = packets[number]
            by_node[int(state.to_y[number] * mesh.width + state.to_x[number])].receive(what, step, count, cycle)
        if gate.finished == steps:
            places = [(x, y) for y in range(config.height + 1) for x in range(config.width)]
            flits = {place: state.flits[node(place)] for place in places}
            assert len(MESH_PORTS) == state.flits.shape[1]
            return Prediction(cycle, flits)
    raise RuntimeError(
        f"Chip {config.name} has not finished {steps - gate.finished} of {steps} steps in {limit} cycles"
    )
