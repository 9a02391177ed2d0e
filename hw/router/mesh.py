"""A two-dimensional mesh of routers."""

from collections.abc import Callable
from functools import cache

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.golden.routing import LOCAL, MESH_PORTS, OFFSETS, OPPOSITE, SOUTH

from .bridged import Bridged, Bridges
from .dimension_order import DimensionOrder
from .router import Router
from .routing import Routing

COUNTER_WIDTH = 16


def count_lost(m: Module, rejected: Signal, lost: list[Value], *, registered: bool = False) -> None:
    """Add the bits of ``lost`` to ``rejected``, two cycles later, or three; it sticks at its maximum.

    ``registered``: the sum of all begins at registers, not in the arbiters.
    """
    if registered:
        held = Signal(len(lost))
        m.d.sync += held.eq(Cat(lost))
        lost = list(held)
    number = Signal(range(len(lost) + 1))
    total = Signal(COUNTER_WIDTH + 1)
    m.d.sync += number.eq(_sum(lost))
    m.d.comb += total.eq(rejected + number)
    m.d.sync += rejected.eq(Mux(total[-1], ~0, total))


def _sum(values: list[Value]) -> Value:
    """As a tree, which is no deeper than it must be."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return _sum(values[:half]) + _sum(values[half:])


class Mesh(wiring.Component):
    """``width`` columns and ``height`` rows of routers, one for each core; packets carry ``payload`` bits.

        in_<x>_<y> → router (x, y) → out_<x>_<y>

    ``gates``: columns that have a gate at their southern end, which packets reach at ``(x, height)`` and start from as
    from a core, over ``in_<x>_<height>`` and ``out_<x>_<height>``. Packets that would leave the mesh elsewhere, and
    those that a core sends to itself, are dropped and counted in ``rejected``, which sticks at its maximum; all others
    arrive, those of one sender at one receiver in order.

    ``empty``: routers that have no core.

    ``bridges``: what the mesh is part of. Columns then count from its first, and what lies beyond is reached by
    :class:`Bridged`, over the place of the router behind a bridge: ``out_<x>_<y>`` goes there.

    ``routing``: called with ``width``, rows (gates included), ``payload`` and ``plain``, it gives the routing of a
    router and the layout of packets: :class:`DimensionOrder` or :class:`Relative`. ``options`` are those of
    :class:`Router`.

    ``probe_moves_<x>_<y>``, for benches: the outputs of a router where a flit leaves, in the order of ``MESH_PORTS``.

    Latency: a packet that enters in cycle c is offered at its destination in c + hops + 1 (``registered``: in
    c + 2 (hops + 1)), if no other is in its way; hops are the links between routers that it takes. Throughput: a packet
    a cycle in and out of each router.
    """

    def __init__(
        self,
        width: int,
        height: int,
        payload: int,
        *,
        depth: int = 4,
        gates: tuple[int, ...] = (),
        empty: tuple[tuple[int, int], ...] = (),
        bridges: Bridges | None = None,
        routing: Callable[..., Routing] = DimensionOrder,
        **options: int,
    ) -> None:
        if width < 1 or height < 1:
            raise ValueError(f"Mesh must have at least 1 x 1 routers, not {width} x {height}")
        first = bridges.first if bridges else 0
        self.columns = range(first, first + width)
        if not set(gates) <= set(self.columns):
            within = f"{first}..{first + width - 1}"
            raise ValueError(f"Gates must lie in columns {within}, not in {', '.join(map(str, gates))}")
        self.width, self.height, self.depth, self.gates, self.options = width, height, depth, gates, options
        self.empty, self.bridges = set(empty), bridges
        if bridges is None:
            rows = height + bool(gates)
            self.inner = routing(width, rows, payload)
            self.beside_gate = routing(width, rows, payload, plain=(SOUTH,)) if gates else self.inner
        else:
            if routing is not DimensionOrder:
                raise ValueError(f"Routing of a mesh with bridges must be DimensionOrder, not {routing}")
            self.inner = Bridged(bridges, width, height, payload)
        packets = stream.Signature(self.inner.flit)
        members = {"rejected": Out(COUNTER_WIDTH), **self.members()}
        for x, y in self.places:
            members |= {f"in_{x}_{y}": In(packets), f"out_{x}_{y}": Out(packets)}
        for x, y in self.routers:
            members |= {f"probe_moving_{x}_{y}": Out(1), f"probe_moves_{x}_{y}": Out(len(MESH_PORTS))}
        super().__init__(members)

    @property
    def routers(self) -> list[tuple[int, int]]:
        """Where the routers are, row by row."""
        return [(x, y) for y in range(self.height) for x in self.columns]

    @property
    def places(self) -> list[tuple[int, int]]:
        """Where packets start and end: routers row by row, then gates, then what is behind bridges."""
        places = self.routers + [(x, self.height) for x in self.gates]
        beyond = self.bridges.beyond(self.width) if self.bridges else []
        return [place for place in places if place not in self.empty] + beyond

    def elaborate(self, platform: object) -> Module:
        m = Module()
        routers: dict[tuple[int, int], Router] = {}
        lost: list[Value] = []
        for x, y in self.routers:
            closed = tuple(port for port in MESH_PORTS if not self.fed(x, y, port))
            router = Router(self.routing(x, y), depth=self.depth, closed=closed, **self.options)
            m.submodules[f"router_{x}_{y}"] = routers[x, y] = router
            self.place(m, router, x, y)
            lost.extend(router.rejected)
        for (x, y), router in routers.items():
            for port in MESH_PORTS:
                right, down = OFFSETS[port]
                beside = x + right, y + down
                ours, theirs = getattr(router, f"{port}_out"), getattr(router, f"{port}_in")
                if port != LOCAL and beside in routers:
                    self.join(m, f"{port}_of_{x}_{y}", ours, getattr(routers[beside], f"{OPPOSITE[port]}_in"))
                elif beside in self.places:
                    name = f"{beside[0]}_{beside[1]}"
                    self.join(m, f"to_{name}", ours, wiring.flipped(getattr(self, f"out_{name}")))
                    self.join(m, f"from_{name}", wiring.flipped(getattr(self, f"in_{name}")), theirs)
                else:  # the edge, where what leaves is lost
                    m.d.comb += ours.ready.eq(1)
                    lost.append(ours.valid)
            moves = getattr(self, f"probe_moves_{x}_{y}")
            leaving = [getattr(router, f"{port}_out") for port in MESH_PORTS]
            m.d.comb += [
                moves.eq(Cat(out.valid & out.ready for out in leaving)),
                getattr(self, f"probe_moving_{x}_{y}").eq(moves.any()),
            ]
        count_lost(m, self.rejected, lost, registered=self.options.get("registered", False))
        return m

    def routing(self, x: int, y: int) -> Routing:
        """Of the router at (``x``, ``y``)."""
        gate = y == self.height - 1 and x in self.gates
        if isinstance(self.inner, Bridged):
            return self.inner.at(x, y, (SOUTH,) if gate else ())
        return self.beside_gate if gate else self.inner

    @cache  # noqa: B019, a mesh is made once
    def fed(self, x: int, y: int, port: str) -> bool:
        """Whether flits can come in at a port of the router at (``x``, ``y``): turns decide what is behind it."""
        beside = x + OFFSETS[port][0], y + OFFSETS[port][1]
        if port == LOCAL or beside not in self.routers:
            return beside in self.places
        out, turns = OPPOSITE[port], self.routing(*beside).turns
        return any(out in turns(other) and self.fed(*beside, other) for other in MESH_PORTS)

    def join(self, m: Module, name: str, source: stream.Interface, sink: stream.Interface) -> None:
        """A link; a bench may put something between its two ends."""
        wiring.connect(m, source, sink)

    def members(self) -> dict[str, wiring.Member]:
        """Ports besides those of the packets."""
        return {}

    def place(self, m: Module, router: Router, x: int, y: int) -> None:
        """Tell the router at (``x``, ``y``) what it knows of itself."""
        for name, value in router.routing.place(x, y).items():
            m.d.comb += router.position[name].eq(value)
