"""Properties of a whole mesh of 2 x 2 routers."""

from unittest.mock import patch

from amaranth.hdl import Array, Cat, Mux, Signal

import ranvier.hw.router.dimension_order as dimension_order
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

    routing = dimension_order.DimensionOrder  # not Mesh's default, which no bug can be planted in
    p.m.submodules.dut = dut = mesh.Mesh(columns, rows, COLOUR_BITS, depth=depth, routing=routing)
    with patch.dict(mesh.Mesh.elaborate.__globals__, Router=build):
        inside = dut.elaborate(None)
    dut.elaborate = lambda platform: inside
    p.routers = dict(zip(dut.places, routers, strict=True))
    p.ins, p.outs = ({(x, y): getattr(dut, f"{side}_{x}_{y}") for x, y in dut.places} for side in ("in", "out"))
    for (x, y), come in p.ins.items():
        p.leave_free(come.valid, come.payload, p.outs[x, y].ready)
        p.assume(stays(p, come, f"in_{x}_{y}"))
    return p


def rules(columns=2, rows=2, depth=2):
    """Every router is fed as the proofs of one router assume, and only what is for a core comes out at it."""
    p = whole(columns, rows, depth)
    for (x, y), router in p.routers.items():
        out = p.outs[x, y]
        p.check(stays(p, out, f"out_{x}_{y}"))
        p.implies(out.valid, (out.payload.x == x) & (out.payload.y == y))
        for port, (right, down) in BESIDE.items():
            if (x + right, y + down) not in p.routers:
                continue
            link = getattr(router, f"{port}_in")
            bits = Cat(route_of(port, leaves_at(x, y, link.payload.flit)))
            p.check(stays(p, link, f"{port}_{x}_{y}"))
            p.implies(link.valid, bits.any() & (link.payload.route == bits))
            p.cover(link.valid & p.past(link.valid & ~link.ready, f"stalled_{port}_{x}_{y}"))
    return p


def no_loss(stage, columns=2, rows=2, depth=2):
    """What comes out at one core is what another sent there, once and in order.

    Three proofs that build on each other, one for each ``stage``: what crosses a link between columns is what came,
    what crosses one between rows is what turned, what goes to a core is what is left. Each assumes what those before it
    proved.
    """
    p = whole(columns, rows, depth)
    m, places = p.m, list(p.ins)

    def belongs(number, target):
        flit = p.ins[places[number]].payload
        return Cat((target == n) & (flit.x == x) & (flit.y == y) for n, (x, y) in enumerate(places)).any()

    def claim(number):
        def settle(condition, test):
            if number < stage:
                p.assume(~condition | test)
            elif number == stage:
                p.implies(condition, test)

        return settle

    inlets, outlets = ([(streams[place], streams[place].payload) for place in places] for streams in (p.ins, p.outs))
    come, gone, source, target, seen = coloured(p, inlets, outlets, belongs, claim(2))
    columns_of, rows_of = (Array(place[axis] for place in places) for axis in (0, 1))
    from_x, from_y, to_x, to_y = columns_of[source], rows_of[source], columns_of[target], rows_of[target]
    before = come
    for number, ports, apart, at_x in (
        (0, ("east", "west"), from_x != to_x, from_x),
        (1, ("north", "south"), from_y != to_y, to_x),
    ):
        passed = Signal.like(come, name=f"passed_{number}")
        for (x, y), router in p.routers.items():
            for port in ports:
                beside = x + BESIDE[port][0], y + BESIDE[port][1]
                if beside not in p.routers:
                    continue
                link = getattr(router, f"{port}_out")
                flit = link.payload.flit
                ours = link.valid & (flit.payload != OTHERS)
                bits = Cat(route_of(FACING[port], leaves_at(*beside, flit)))
                here = apart & (at_x == x) & (from_y == y) & (link.payload.route == bits)
                claim(number)(ours, here & (passed < before))
                claim(number)(ours & (passed < before), flit.as_value() == Array(seen)[passed])
                with m.If(ours & link.ready):
                    m.d.sync += passed.eq(passed + 1)
        before = Mux(apart, passed, before)
    claim(2)(gone.any(), gone <= before)
    claim(2)(source == target, gone == 0)
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
