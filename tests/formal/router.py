"""Properties of one router, anywhere in a mesh.

Flits are coloured in their payload. From one arbitrary port (``source``) to one other (``target``) one flit has colour
1 and a later one colour 2, at arbitrary moments; all others have colour 3. A router does not look at payloads, so what
holds for these two holds for any two (Wolper, "Expressing interesting properties of programs in propositional temporal
logic", 1986): if any flit could be lost, doubled or overtaken, these could. Memories begin with colour 0, which must
never come out: no flit is made of nothing.
"""

from amaranth.hdl import Array, Cat, Signal, Value

import ranvier.hw.router.dimension_order as dimension_order

from .coordinates import BESIDE, FACING, PORTS, leaves_at, route_of
from .opened import opened
from .prover import Properties
from .streams import moves, stays

COLOUR_BITS, OTHERS = 2, 3


def flit_of(stream, port):
    return stream.payload if port == "local" else stream.payload.flit


def one_router(columns, rows, depth):
    """A router whose neighbours keep to the rules, and the ports of it."""
    p = Properties()
    p.m.submodules.dut = dut = opened(dimension_order.DimensionOrder(columns, rows, COLOUR_BITS), depth=depth)
    p.ins, p.outs = ({port: getattr(dut, f"{port}_{side}") for port in PORTS} for side in ("in", "out"))
    x, y = p.constant(range(columns), "column"), p.constant(range(rows), "row")
    p.assume((x < columns) & (y < rows))
    p.m.d.comb += [dut.position.x.eq(x), dut.position.y.eq(y)]
    p.leaves, p.x, p.y, p.rejected, p.buffers = {}, x, y, dut.rejected, dut.buffers
    for port in PORTS:
        come, go = p.ins[port], p.outs[port]
        p.leave_free(come.valid, come.payload, go.ready)
        flit = flit_of(come, port)
        p.leaves[port] = leaves = leaves_at(x, y, flit)
        p.assume(stays(p, come, f"{port}_in"))
        if port != "local":
            bits = Cat(route_of(port, leaves))
            p.assume(~come.valid | (bits.any() & (come.payload.route == bits)))
    return p


def rules(p):
    """What the next router asks for: flits that stay, at the port where they belong, with their next route."""
    for port, out in p.outs.items():
        flit = flit_of(out, port)
        p.check(stays(p, out, f"{port}_out"))
        p.implies(out.valid, leaves_at(p.x, p.y, flit) == PORTS.index(port))
        if port != "local":
            right, down = BESIDE[port]
            bits = Cat(route_of(FACING[port], leaves_at(p.x + right, p.y + down, flit)))
            p.implies(out.valid, bits.any() & (out.payload.route == bits))


def stream_rules(columns=3, rows=3, depth=2):
    p = one_router(columns, rows, depth)
    rules(p)
    for port, out in p.outs.items():
        stalled = p.past(out.valid & ~out.ready, f"{port}_stalled")
        p.cover(out.valid & out.ready & stalled)
    return p


def coloured(p, inlets, outlets, belongs, claim):
    """Two coloured flits on the way from one of ``inlets`` to one of ``outlets``, ``(stream, flit)`` each.

    ``belongs(n, target)``: whether the flit at inlet n leaves at that outlet. ``claim(condition, test)`` checks what
    goes out. Returned: how many of them have come, and have gone, the two places, and the flits themselves.
    """
    m = p.m
    source, target = p.constant(range(len(inlets)), "source"), p.constant(range(len(outlets)), "target")
    p.assume((source < len(inlets)) & (target < len(outlets)))
    come, gone = Signal(COLOUR_BITS), Signal(COLOUR_BITS)
    seen = [Signal.like(Value.cast(inlets[0][1]), name=f"seen_{n}") for n in range(2)]
    for number, (stream, flit) in enumerate(inlets):
        next_one = (flit.payload == come + 1) & (come < 2)
        p.assume(~stream.valid | (flit.payload == OTHERS) | (next_one & (source == number) & belongs(number, target)))
        with m.If(moves(stream) & (flit.payload != OTHERS)):
            m.d.sync += come.eq(flit.payload)
            for n, signal in enumerate(seen):
                with m.If(come == n):
                    m.d.sync += signal.eq(flit)
    for number, (stream, flit) in enumerate(outlets):
        ours = stream.valid & (flit.payload != OTHERS)
        claim(ours, (target == number) & (gone < come))
        claim(ours & (gone < come), Value.cast(flit) == Array(seen)[gone])
        with m.If(ours & stream.ready):
            m.d.sync += gone.eq(gone + 1)
    return come, gone, source, target, seen


def at_ports(p):
    """Colours from one port of a router to another, or from the core to itself, which is to nowhere."""
    inlets = [(p.ins[port], flit_of(p.ins[port], port)) for port in PORTS]
    outlets = [(p.outs[port], flit_of(p.outs[port], port)) for port in PORTS]
    return coloured(p, inlets, outlets, lambda number, target: p.leaves[PORTS[number]] == target, p.implies)


def no_loss(columns=3, rows=3, depth=2):
    """What comes out at ``target`` is what went in at ``source``, once and in order."""
    p = one_router(columns, rows, depth)
    come, gone, source, target, _ = at_ports(p)
    p.implies((source == target), gone == 0)  # both are the core: its flits for itself are dropped
    p.cover((gone == 2) & (source == PORTS.index("west")) & (target == PORTS.index("north")))
    p.cover((come == 2) & (gone == 0) & (source != target))
    return p


def malformed(columns=3, rows=3, depth=2):
    """What a core sends to itself is dropped, counted once, and nothing else is."""
    p = one_router(columns, rows, depth)
    inside = Signal(range(depth + 2))
    come = moves(p.ins["local"]) & (p.leaves["local"] == PORTS.index("local"))
    p.m.d.sync += inside.eq(inside + come - p.rejected[0])
    p.check(inside < depth)
    p.implies(p.rejected[0], inside != 0)
    p.cover(p.rejected[0] & (inside == depth - 1) & ~p.past(p.rejected[0], "rejected"))
    return p


def progress(columns=3, rows=3, depth=2):
    """A flit is gone after ``4 * depth`` cycles in which all outputs are taken from; cycles between these only help.

    A flit that enters at an arbitrary moment is watched. What makes it so is checked too: a flit at the head of a
    buffer waits for at most 3 such cycles, and for as many flits as stood before it.
    """
    p = one_router(columns, rows, depth)
    m = p.m
    taking = Cat(out.ready for out in p.outs.values()).all()
    waits, levels = {port: Signal(3, name=f"waits_{port}") for port in PORTS}, {}
    for port, stream in p.ins.items():
        queue, level = p.buffers[port], Signal(range(depth + 2), name=f"level_{port}")
        levels[port] = level
        m.d.sync += level.eq(level + moves(stream) - queue.take)
        p.check((level <= depth) & (queue.requests.any() == (level != 0)))
        with m.If(queue.take):
            m.d.sync += waits[port].eq(0)
        with m.Elif(queue.requests.any() & taking):
            m.d.sync += waits[port].eq(waits[port] + 1)
        p.check(waits[port] <= 3)

    source, mark = p.constant(range(len(PORTS)), "source"), p.free(1, "mark")
    p.assume(source < len(PORTS))
    put, take = (
        Array(signals)[source]
        for signals in ([moves(p.ins[port]) for port in PORTS], [p.buffers[port].take for port in PORTS])
    )
    level, wait = (Array(signals.values())[source] for signals in (levels, waits))
    watching, ahead, waited = Signal(), Signal(range(depth)), Signal(range(8 * depth))
    with m.If(watching):
        with m.If(take):
            m.d.sync += [ahead.eq(ahead - 1), watching.eq(ahead != 0)]
        with m.If(taking):
            m.d.sync += waited.eq(waited + 1)
    with m.Elif(mark & put):
        m.d.sync += [watching.eq(1), ahead.eq(level - take), waited.eq(0)]
    most = 4 * depth - 1
    p.implies(watching, waited <= 4 * (depth - 1 - ahead) + wait)
    p.implies(watching, waited <= most)
    p.cover(watching & (waited == most))
    return p
