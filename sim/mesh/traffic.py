"""Packets through the RTL of a mesh: each is followed from its sender to its receiver."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from ranvier.gen.emit import emit_shared
from ranvier.gen.errors import RanvierError
from ranvier.golden.mesh import Traffic
from ranvier.hw.router.mesh import Mesh

from ..compiled import CompiledModel

DRAIN = 200  # cycles after the last packet, in which none must come


@dataclass(frozen=True)
class Outcome:
    """``entered`` and ``arrived``: cycle of each packet, as in :class:`ranvier.golden.mesh.Delivery`. ``lost``,
    ``doubled``,
    ``strayed`` (at another receiver) and ``overtaken`` (by a later one of its sender at its receiver): numbers of
    packets.
    ``cycles``: until all had arrived."""

    entered: np.ndarray
    arrived: np.ndarray
    lost: int
    doubled: int
    strayed: int
    overtaken: int
    cycles: int

    @property
    def flawless(self) -> bool:
        return not (self.lost or self.doubled or self.strayed or self.overtaken)


class MeshDevice:
    """A mesh in compiled simulation; packets carry their number in ``payload`` bits."""

    def __init__(self, width: int, height: int, *, depth: int = 4, payload: int = 26, mesh: type[Mesh] = Mesh) -> None:
        design = mesh(width, height, payload, depth=depth)
        self.width, self.height, self.payload = width, height, payload
        self.flit = design.inner.flit
        self.names = [f"{x}_{y}" for x, y in design.places]
        self.model = CompiledModel(
            emit_shared(design, "mesh"),
            "mesh",
            sources=[f"in_{name}" for name in self.names],
            sinks=[f"out_{name}" for name in self.names],
            flat=False,
        )

    def run(self, traffic: Traffic, *, seed: int | None = None, stalls: float = 0, limit: int = 10_000_000) -> Outcome:
        """Send all packets and wait until the mesh is empty; ``stalls``: share of cycles in which a receiver takes
        none."""
        self.model.reset()
        count, start = len(traffic.source), self.model.cycles
        if count >= 1 << self.payload:
            raise ValueError(f"Packets must be numbered in {self.payload} bits, {count} are too many")
        words = self._words(traffic)
        self.model.stall(seed, stalls)
        mine = [np.flatnonzero(traffic.source == node) for node in range(len(self.names))]
        for name, packets in zip(self.names, mine, strict=True):
            self.model.send(f"in_{name}", words[packets][:, None], traffic.due[packets] + start)
        expected = np.bincount(traffic.target, minlength=len(self.names)).tolist()
        receive = {f"out_{name}": number for name, number in zip(self.names, expected, strict=True)}
        self.model.run(receive=receive, limit=limit)
        cycles = self.model.cycles - start
        with suppress(RanvierError):  # what comes now has come before
            self.model.run(receive={f"out_{self.names[0]}": count + 1}, limit=DRAIN)
        entered, arrived = np.full(count, -1), np.full(count, -1)
        seen, strayed, overtaken = np.zeros(count, np.int64), 0, 0
        for node, (name, packets) in enumerate(zip(self.names, mine, strict=True)):
            if len(packets):
                entered[packets] = self.model.sent_cycles(f"in_{name}").astype(np.int64) - start
            got = self.model.received(f"out_{name}")[:, 0]
            number = (got >> self._shift).astype(np.int64)
            strayed += int((traffic.target[number] != node).sum())
            np.add.at(seen, number, 1)
            arrived[number] = self.model.received_cycles(f"out_{name}").astype(np.int64) - start
            order = np.argsort(traffic.source[number], kind="stable")
            same = np.diff(traffic.source[number[order]]) == 0
            overtaken += int((same & (np.diff(number[order]) < 0)).sum())
        return Outcome(
            entered,
            arrived,
            int((seen == 0).sum()),
            int((seen > 1).sum()),
            strayed,
            overtaken,
            cycles,
        )

    @property
    def _shift(self) -> int:
        return int(self.flit["payload"].offset)

    def _words(self, traffic: Traffic) -> np.ndarray:
        """Flits of the packets: their target and their number."""
        x, y = traffic.target % self.width, traffic.target // self.width
        numbers = np.arange(len(traffic.source))
        words = x << self.flit["x"].offset | y << self.flit["y"].offset | numbers << self._shift
        return np.asarray(words).astype(np.uint64)
