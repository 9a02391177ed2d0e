"""Packets that carry a key, and tables that say where they go."""

from functools import partial

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Member

from ranvier.golden.routing import LOCAL, MESH_PORTS, OPPOSITE

from ..config import index_width
from .mesh import Mesh
from .router import Router
from .routing import Routing
from .table import Lookup, Table, entry_layout

PHASE_BITS = 2


class Multicast(Routing):
    """Packets of a ``key`` and a ``payload`` (widths in bits), to all the outputs of the first of ``entries`` that
    matches.

    A flit, from the low bit: ``key``, ``payload``, ``phase``, which means nothing until the first router has written
    it, at ``local`` or at one of the ports ``plain``. A flit that no entry matches goes straight on; from ``local`` it
    may leave nowhere. It never leaves where it came in, but a core may send to itself. Golden:
    :func:`.multicast.lookup`.
    """

    ports = plain = MESH_PORTS
    forking = True

    def __init__(self, width: int, height: int, payload: int, plain: tuple[str, ...] = (), *, key: int, entries: int):
        self.ends = (LOCAL, *plain)
        self.expiring = tuple(port for port in MESH_PORTS if port not in self.ends)
        self.position = data.StructLayout(
            {"phase": PHASE_BITS, "table": data.ArrayLayout(entry_layout(key, len(MESH_PORTS)), entries)}
        )
        self.flit = data.StructLayout({"key": key, "payload": payload, "phase": PHASE_BITS})

    def turns(self, port: str) -> tuple[str, ...]:
        return tuple(other for other in MESH_PORTS if other != port or port == LOCAL)

    def find(self, m: Module, position: data.View, flit: data.View, port: str) -> dict[str, Value]:
        m.submodules[f"lookup_{port}"] = lookup = Lookup(len(flit.key), len(MESH_PORTS), len(position.table))
        m.d.comb += [lookup.entries.eq(position.table), lookup.key.eq(flit.key)]
        routes = dict(zip(MESH_PORTS, lookup.outputs, strict=True))
        if port != LOCAL:
            routes[OPPOSITE[port]] = routes[OPPOSITE[port]] | ~lookup.found
        return routes

    def enter(self, position: data.View, flit: data.View, port: str) -> Value | data.View:
        return Cat(flit.key, flit.payload, position.phase) if port in self.ends else flit

    def stale(self, position: data.View, flit: data.View) -> Value:
        return (position.phase - flit.phase)[1]  # two phases old, or three


class MulticastMesh(Mesh):
    """A mesh whose routers send a packet on to several neighbours by its ``key``, each by a table of ``entries``, as in
    SpiNNaker (Furber et al., The SpiNNaker Project, Proc. IEEE 102, 2014: multicast packets, default routing, phases).

        load → table of router (x, y)
                  ↓
        in_<x>_<y> → router (x, y) → out_<x>_<y>

    ``load`` writes an ``entry`` (``key``, ``mask``, ``outputs`` with a bit for each of ``MESH_PORTS``) at ``index`` of
    the table of ``router`` ``y * width + x``; it is always ready, and packets that come later go by it.

    A packet reaches every receiver that the tables name, once by each way there; packets that take the same way stay in
    order, as all of one sender to one receiver do in trees in dimension order. What the tables send nowhere or off the
    edge is dropped and counted in ``rejected``. Whether tables are free of that, of loops and of deadlock is for
    :func:`.golden.multicast.check_tables` to say: trees in dimension order are.

    Tables with a loop are survived: time has phases of ``phase_cycles``, a packet keeps the one it came in (2 bits),
    and a router drops what comes from its neighbour two or three phases later, even where it has no room for it; this
    is counted in ``rejected``. So a full loop empties itself. A packet that is younger than ``phase_cycles`` is never
    dropped, nor are any if ``phase_cycles`` is None; but a receiver that does not take its packets for so long can cost
    those behind them, and
    while a loop is fed, packets that share its links wait, and may grow too old.

    Latency: a packet that enters in cycle c is offered at a receiver in c + 2 (hops + 1), if no other is in its way, or
    in c + hops + 1 if not ``registered``: the register parts an output from the next table. Throughput: a packet a
    cycle in and out of each router.

    Raises ValueError as :class:`Mesh` and :class:`Table` do, and for phases of less than 2 cycles.
    """

    def __init__(
        self,
        width: int,
        height: int,
        payload: int,
        *,
        key: int,
        entries: int,
        phase_cycles: int | None = 1024,
        registered: bool = True,
        **options: int,
    ) -> None:
        if phase_cycles is not None and phase_cycles < 2:
            raise ValueError(f"Phases must have at least 2 cycles, not {phase_cycles}")
        self.key, self.entries, self.phase_cycles = key, entries, phase_cycles
        self.tables = [Table(key, len(MESH_PORTS), entries) for _ in range(width * height)]
        self.phase = Signal(PHASE_BITS)
        routing = partial(Multicast, key=key, entries=entries)
        super().__init__(width, height, payload, routing=routing, registered=registered, **options)

    def members(self) -> dict[str, Member]:
        entry = entry_layout(self.key, len(MESH_PORTS))
        word = {"router": index_width(self.width * self.height), "index": index_width(self.entries), "entry": entry}
        return {"load": In(stream.Signature(data.StructLayout(word)))}

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.load.ready.eq(1)
        if self.phase_cycles is not None:
            timer = Signal(range(self.phase_cycles))
            m.d.sync += timer.eq(timer + 1)
            with m.If(timer == self.phase_cycles - 1):
                m.d.sync += [timer.eq(0), self.phase.eq(self.phase + 1)]
        return m

    def place(self, m: Module, router: Router, x: int, y: int) -> None:
        number = y * self.width + x
        m.submodules[f"table_{x}_{y}"] = table = self.tables[number]
        m.d.comb += [
            table.load.valid.eq(self.load.valid & (self.load.payload.router == number)),
            table.load.payload.index.eq(self.load.payload.index),
            table.load.payload.entry.eq(self.load.payload.entry),
            router.position.table.eq(table.entries),
            router.position.phase.eq(self.phase),
        ]
