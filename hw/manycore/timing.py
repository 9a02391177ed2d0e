"""Cycles and traffic of a chip of many cores, from its spikes alone: a model of packets and cores, no RTL.

Packets are followed cycle by cycle by :class:`ranvier.golden.mesh.MeshState`; cores and interfaces by their throughput
and latency. Approximate: the gate is a router of its own, a row below the mesh; a core's output events come one a cycle
from its latency on. Tests say how near it comes. Credits only, not the barrier.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ranvier.golden.mesh import MeshModel, MeshState

from ..config import CoreConfig
from ..core.state import BlockState, in_flight, state_for
from ..core.timing import core_cycles
from .config import MeshChipConfig, Place

END, CREDIT = -1, -2  # in the place of an event's index
OUTBOX, INBOX = 3, 3  # cycles from an event to its first packet, and from a packet to its event


@dataclass(frozen=True)
class Flow:
    """Where the packets of a tile, or of the gate, go: ``targets``, and the ``sources`` that it sends credits to.

    ``lists`` of entries: the number of a target, and the offset of the axon there. Event k has list ``starts[k]``.
    """

    place: Place
    targets: tuple[Place, ...]
    sources: tuple[Place, ...]
    lists: tuple[tuple[tuple[int, int], ...], ...]
    starts: tuple[int, ...]

    @property
    def entries(self) -> int:
        """Of all lists."""
        return sum(map(len, self.lists))


@dataclass(frozen=True)
class Prediction:
    """``cycles``: from the first event into the idle chip to the last one out. ``flits``: how many leave each router at
    each of :data:`ranvier.golden.routing.MESH_PORTS`, the gate's row last."""

    cycles: int
    flits: dict[Place, np.ndarray]


class _Packet(NamedTuple):
    """``what``: the axon of an event, ``END`` with its ``count`` of events, or ``CREDIT``."""

    when: int
    target: int
    what: int
    step: int
    count: int = 0


@dataclass
class _Unit:
    """A tile, or the gate: what it has received, is working on, and has to send."""

    node: int
    targets: list[int]
    sources: list[int]
    lists: list[list[tuple[int, int]]]  # of each event, targets and axons there
    core: CoreConfig | None  # None: the gate
    sends: list[list[int]]  # events that it sends in each step
    step: int = 0  # that it receives
    sending: int = 0
    sent: Counter[int] = field(default_factory=Counter)  # events of this step to each target
    events: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # of each step: when, axon
    flying: dict[int, int] = field(default_factory=dict)  # of each group of a home of partial sums, when it may be read
    ends: dict[int, list[int]] = field(default_factory=dict)  # of each step, how many events each sender has sent
    owed: list[int] = field(default_factory=lambda: [0, 0])
    free: int = 0  # the core takes its next event
    output: deque[tuple[int, int, int]] = field(default_factory=deque)  # events: when, which, of which step
    packets: deque[_Packet] = field(default_factory=deque)
    credits: deque[_Packet] = field(default_factory=deque)
    finished: int = 0  # steps that have gone out of the gate
    turn: int = 0
    taken: int = 0  # events of this step by the core
    closed: bool = False  # all are, and credits are on their way

    def __post_init__(self) -> None:
        self.cycles = None if self.core is None else core_cycles(self.core)

    def receive(self, packet: _Packet, cycle: int) -> None:
        """A packet of another one."""
        what, step = packet.what, packet.step
        if what == CREDIT:
            self.owed[step & 1] -= 1
        elif what == END:
            self.ends.setdefault(step, []).append(packet.count)
        else:
            self.events.setdefault(step, []).append((cycle + INBOX, what))

    def work(self, cycle: int) -> None:
        """Take what has come; at the end of a step, update and send."""
        waiting = self.events.setdefault(self.step, [])
        if waiting and waiting[0][0] <= cycle and self.free <= cycle:
            self.free = self._passed(waiting.pop(0)[1], cycle)
            self.taken += 1
        told = self.ends.get(self.step, [])
        complete = len(told) == len(self.sources) and self.taken == sum(told)
        if complete and not waiting and not self.closed and not self.credits:
            self.credits.extend(_Packet(cycle + 1, source, CREDIT, self.step) for source in self.sources)
            self.closed = True
        may_end = self.core is None or len(self.output) <= 1  # the end of the update before may wait
        if self.closed and self.free <= cycle and may_end:
            self.closed = False
            if self.cycles is None:
                self.finished += 1
                self.free = cycle + 1
            else:
                self.free = cycle + self.cycles["update"]
                first = cycle + self.cycles["latency"]
                for number, event in enumerate([*self.sends[self.step], END]):
                    self.output.append((first + number, event, self.step))
            self.taken = 0
            self.step += 1

    def _passed(self, axon: int, cycle: int) -> int:
        """When the core may take the event after that of ``axon``, which it takes in ``cycle``."""
        core = self.core
        if core is None:
            return cycle + 1
        if core.partial is None:
            return cycle + core.event_cycles[axon]
        sum_of = core.group_of(axon)
        for group in range(core.groups) if sum_of is None else [sum_of]:
            cycle = max(cycle, self.flying.get(group, 0))
            if state_for(core) is BlockState:
                self.flying[group] = cycle + in_flight(core) + 1
            cycle += 1
        return cycle

    def send(self, cycle: int) -> None:
        """The next event becomes packets, if its targets may get it."""
        if (
            self.output
            and self.output[0][0] <= cycle
            and len(self.packets) <= OUTBOX
            and not self.owed[self.sending & 1]
        ):
            _, what, step = self.output.popleft()
            if what == END:
                self.packets.extend(_Packet(cycle + OUTBOX, to, END, step, self.sent[to]) for to in self.targets)
                self.sent.clear()
                self.owed[step & 1] = len(self.targets)
                self.sending += 1
            else:
                self.packets.extend(_Packet(cycle + OUTBOX, to, axon, step) for to, axon in self.lists[what])
                self.sent.update(to for to, _ in self.lists[what])

    def offer(self, cycle: int) -> deque[_Packet] | None:
        """The queue whose first packet it offers."""
        queues = [self.packets, self.credits]
        for queue in (queues[self.turn], queues[1 - self.turn]):
            if queue and queue[0].when <= cycle:
                return queue
        return None


def predict(
    config: MeshChipConfig, flows: list[Flow], sends: list[list[list[int]]], limit: int = 1_000_000
) -> Prediction:
    """What a chip takes whose unit k sends the events ``sends[k][step]``, by ``flows[k]``; the gate's is last. The host
    offers all at once and takes everything. Raises TimeoutError after ``limit`` cycles."""
    mesh = MeshModel(config.width, config.height + 1, depth=config.depth, gated=True)

    def node(place: Place) -> int:
        return place[1] * config.width + place[0]

    steps = len(sends[-1])
    cores = {tile.place: tile.core for tile in config.tiles}
    units = []
    for flow, events in zip(flows, sends, strict=True):
        targets, sources = [node(place) for place in flow.targets], [node(place) for place in flow.sources]
        lists = [
            [(targets[target], index + offset) for target, offset in flow.lists[number]]
            for index, number in enumerate(flow.starts)
        ]
        units.append(_Unit(node(flow.place), targets, sources, lists, cores.get(flow.place), events))
    gate = units[-1]
    for step, events in enumerate(gate.sends):
        gate.output.extend((0, event, step) for event in [*events, END])
    by_node = {unit.node: unit for unit in units}
    packets: list[_Packet] = []
    most = sum(
        steps * (len(unit.targets) + len(unit.sources))
        + sum(len(unit.lists[event]) for events in unit.sends for event in events)
        for unit in units
    )
    state = MeshState(mesh, np.zeros(most, np.int64))
    offers = np.full(mesh.width * mesh.height, -1)
    for cycle in range(limit):
        queues = {}
        for unit in units:
            unit.work(cycle)
            unit.send(cycle)
            queue = unit.offer(cycle)
            if queue is not None and offers[unit.node] < 0:
                target = queue[0].target
                state.to_x[len(packets)], state.to_y[len(packets)] = target % mesh.width, target // mesh.width
                offers[unit.node] = len(packets)
                packets.append(queue[0])
                unit.turn = 0 if queue is unit.packets else 1
            queues[unit.node] = unit.packets if unit.turn == 0 else unit.credits
        taken, arrived = state.advance(offers)
        for place in np.flatnonzero(taken).tolist():
            queues[place].popleft()
            by_node[place].turn ^= 1
            offers[place] = -1
        for number in arrived.tolist():
            by_node[packets[number].target].receive(packets[number], cycle)
        if gate.finished == steps:
            places = [(x, y) for y in range(config.height + 1) for x in range(config.width)]
            return Prediction(cycle, {place: state.flits[node(place)] for place in places})
    raise TimeoutError(
        f"Chip {config.name} has not finished {steps - gate.finished} of {steps} steps in {limit} cycles"
    )
