"""Properties of a whole mesh of 2 x 2 routers."""

from unittest.mock import patch

from amaranth.hdl import Array, Cat, Mux, Signal

import ranvier.hw.router.mesh as mesh

from .coordinates import BESIDE, FACING, leaves_at, route_of
from .opened import opened
from .prover import Properties
from .router import COLOUR_BITS, OTHERS, coloured
from .streams import stays


def whole(columns, rows, depth):
    """A mesh whose senders keep to the rules; ``routers`` by place."""
    p = Properties()
    routers = []

    def build(*arguments, **options):
        routers.append(opened(*arguments, **options))
        return routers[-1]

    p.m.submodules.dut = dut = mesh.Mesh(columns, rows, COLOUR_BITS, depth=depth)
    with patch.object(mesh, "Router", build):
        inside = dut.elaborate(None)
    dut.elaborate = lambda platform: inside
    p.routers = dict(zip(dut.places, routers, strict=True))
    p.ins, p.outs = ({(x, y): getattr(dut, f"{side}_{x}_{y}") for x, y in dut.places} for side in ("in", "out"))
    for (x, y), come in p.ins.items():
        p.leave_free(come.valid, come.payload, p.outs[x, y].ready)
        p.assume(stays(p, come, f"in_{x}_{y}"))
    return p


def no_loss(columns=2, rows=2, depth=2, pair=None):
    """What comes out at one core is what another sent there, once and in order; of ``pair``, or of any two.

    The same is checked of the links on the way, in the row of the source and in the column of the target: that cuts the
    proof into pieces, one for each buffer that the two flits pass.
    """
    p = whole(columns, rows, depth)
    m, places = p.m, list(p.ins)

    def belongs(number, target):
        flit = p.ins[places[number]].payload
        return Cat((target == n) & (flit.x == x) & (flit.y == y) for n, (x, y) in enumerate(places)).any()

    inlets, outlets = ([(streams[place], streams[place].payload) for place in places] for streams in (p.ins, p.outs))
    come, gone, source, target, seen = coloured(p, inlets, outlets, belongs)
    p.implies(source == target, gone == 0)
    if pair:
        p.assume((source == places.index(pair[0])) & (target == places.index(pair[1])))

    columns_of, rows_of = (Array(place[axis] for place in places) for axis in (0, 1))
    from_x, from_y, to_x, to_y = columns_of[source], rows_of[source], columns_of[target], rows_of[target]
    before = come
    for ports, apart, here in (
        (("east", "west"), from_x != to_x, lambda x, y: (from_x == x) & (from_y == y)),
        (("north", "south"), from_y != to_y, lambda x, y: (to_x == x) & (from_y == y)),
    ):
        passed = Signal.like(come, name=f"passed_{ports[0]}")
        for (x, y), router in p.routers.items():
            for port in ports:
                if (x + BESIDE[port][0], y + BESIDE[port][1]) not in p.routers:
                    continue
                link = getattr(router, f"{port}_out")
                flit = link.payload.flit
                ours = link.valid & (flit.payload != OTHERS)
                bits = Cat(route_of(FACING[port], leaves_at(x + BESIDE[port][0], y + BESIDE[port][1], flit)))
                p.implies(ours, apart & here(x, y) & (passed < before) & (link.payload.route == bits))
                p.implies(ours & (passed < before), flit.as_value() == Array(seen)[passed])
                with m.If(ours & link.ready):
                    m.d.sync += passed.eq(passed + 1)
        before = Mux(apart, passed, before)
        p.check(passed <= come)
    p.check(gone <= before)
    p.cover((gone == 2) & (source == 0) & (target == len(places) - 1))
    p.cover((come == 2) & (gone == 0) & (source != target))
    return p


# Cycles with all receivers taking that a flit waits at most at the head of a buffer from that side. None can be less.
WAITS = {"north": 1, "south": 1, "east": 4, "west": 4, "local": 5}


def progress(columns=2, rows=2, depth=2):
    """No deadlock: whatever is at the head of any buffer moves within ``WAITS`` cycles in which all receivers take."""
    p = whole(columns, rows, depth)
    m = p.m
    taking = Cat(out.ready for out in p.outs.values()).all()
    for (x, y), router in p.routers.items():
        for port, queue in router.buffers.items():
            edge = {"north": y == 0, "south": y == rows - 1, "west": x == 0, "east": x == columns - 1}
            if edge.get(port):
                continue
            waits = Signal(range(2 * WAITS[port] + 2), name=f"waits_{port}_{x}_{y}")
            with m.If(queue.take):
                m.d.sync += waits.eq(0)
            with m.Elif(queue.requests.any() & taking):
                m.d.sync += waits.eq(waits + 1)
            p.check(waits <= WAITS[port])
            p.cover(waits == WAITS[port])
    return p
