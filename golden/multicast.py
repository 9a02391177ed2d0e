"""Multicast by tables of keys and masks: what a router looks up, and whether tables lose packets or lock up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from .routing import LOCAL, MESH_PORTS, OFFSETS, OPPOSITE, SOUTH

Place: TypeAlias = tuple[int, int]
Channel: TypeAlias = tuple[Place, str]  # the port where a flit comes into a router


@dataclass(frozen=True)
class Entry:
    """Packets whose key has the bits of ``key`` where ``mask`` is 1 leave at ``outputs``."""

    key: int
    mask: int
    outputs: frozenset[str]

    def __post_init__(self) -> None:
        if self.key & ~self.mask:
            raise ValueError(f"Entry can never match: key {self.key:#x} has bits outside of mask {self.mask:#x}")
        if not self.outputs <= set(MESH_PORTS):
            raise ValueError(
                f"Outputs must be ports of a mesh, not {', '.join(sorted(self.outputs - set(MESH_PORTS)))}"
            )


Tables: TypeAlias = Mapping[Place, Sequence[Entry]]


def lookup(table: Sequence[Entry], key: int, port: str) -> frozenset[str]:
    """The ports where a packet leaves that came in at ``port``: those of the first entry that matches but ``port``
    itself (a core may send to itself), without one straight on (default routing: Furber et al., The SpiNNaker Project,
    Proc. IEEE 102, 2014)."""
    for entry in table:
        if key & entry.mask == entry.key:
            return entry.outputs - ({port} - {LOCAL})
    return frozenset() if port == LOCAL else frozenset({OPPOSITE[port]})


def check_tables(
    tables: Tables, sources: Iterable[tuple[Place, int]], width: int, height: int, gates: Sequence[int] = ()
) -> dict[tuple[Place, int], frozenset[Place]]:
    """The receivers of all packets that ``sources`` (place and key) send: frozenset of places by place and key.

    Follows each packet through the ``tables`` of a mesh of ``width`` columns and ``height`` rows, with ``gates`` below
    it in some columns. Raises ValueError for tables by which one is lost, comes back to where it was, comes twice to
    one receiver, or by which packets may wait for each other in a circle. What passes cannot deadlock: a flit holds one
    buffer and waits for those that its copies go to, and these waits have an order, at whose end receivers take what
    comes (Dally and Seitz, 1987). Trees in dimension order always pass: they hold no turn from y to x.
    """
    cores = {(x, y) for x in range(width) for y in range(height)}
    ends = cores | {(x, height) for x in gates}
    waits: dict[Channel, set[Channel]] = {}
    receivers = {}
    for start, key in sources:
        if start not in ends:
            raise ValueError(f"Sources must be places of the mesh or gates, not {start}")
        first = (start, LOCAL) if start in cores else ((start[0], start[1] - 1), SOUTH)
        receivers[start, key] = _follow(tables, first, f"Packet {key:#x} from {start}", key, cores, ends, waits)
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        circle = " → ".join(_name(channel) for channel in reversed(error.args[1]))
        raise ValueError(f"Packets can wait for each other in a circle: {circle}") from None
    return receivers


def _follow(
    tables: Tables,
    first: Channel,
    packet: str,
    key: int,
    cores: set[Place],
    ends: set[Place],
    waits: dict[Channel, set[Channel]],
) -> frozenset[Place]:
    """Where ``packet`` is received that begins in channel ``first``; adds to ``waits`` what it may wait for."""
    received: set[Place] = set()
    front = [first]
    seen = set(front)
    while front:
        channel = place, port = front.pop()
        outputs = lookup(tables.get(place, ()), key, port)
        if not outputs:
            raise ValueError(f"{packet} is lost in {_name(channel)}: no output")
        for output in sorted(outputs):
            beside = place[0] + OFFSETS[output][0], place[1] + OFFSETS[output][1]
            if beside not in ends:
                raise ValueError(f"{packet} leaves the mesh at {place} {output}")
            if output == LOCAL or beside not in cores:
                if beside in received:
                    raise ValueError(f"{packet} comes twice to {beside}")
                received.add(beside)
                continue
            following = beside, OPPOSITE[output]
            if following in seen:
                raise ValueError(f"{packet} comes back to {_name(following)}")
            seen.add(following)
            waits.setdefault(channel, set()).add(following)
            front.append(following)
    return frozenset(received)


def _name(channel: Channel) -> str:
    return f"{channel[0]} {channel[1]}"
