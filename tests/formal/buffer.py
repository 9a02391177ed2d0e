"""Properties of the buffer."""

from amaranth.hdl import Signal, unsigned

import ranvier.hw.router.buffer as buffer

from .prover import Properties
from .streams import moves, payload, stays


def queue(depth, width=2, routes=2):
    """A flit that enters at an arbitrary moment is watched: where it stands in the queue, and what it is at its end."""
    p = Properties()
    m = p.m
    m.submodules.dut = dut = buffer.Buffer(unsigned(width), routes, depth=depth)
    p.leave_free(dut.flits.valid, dut.flits.payload, dut.take)
    put, route = moves(dut.flits), dut.flits.payload.route
    level = Signal(range(depth + 2))
    p.assume(stays(p, dut.flits, "flits"))
    p.assume(~dut.flits.valid | route.any())
    p.assume(~dut.take | dut.requests.any())

    m.d.sync += level.eq(level + put - dut.take)
    p.check(level <= depth)
    p.check(dut.flits.ready == (level != depth))
    p.check(dut.requests.any() == (level != 0))

    mark = p.free(1, "mark")
    watching, ahead, watched = Signal(), Signal(range(depth + 1)), Signal.like(payload(dut.flits))
    with m.If(watching & dut.take):
        m.d.sync += [ahead.eq(ahead - 1), watching.eq(ahead != 0)]
    with m.If(~watching & mark & put):
        m.d.sync += [watching.eq(1), ahead.eq(level - dut.take), watched.eq(payload(dut.flits))]
    first = watching & (ahead == 0)
    p.check(~watching | (ahead < level))
    p.implies(first, dut.head == watched[:width])
    p.implies(first, dut.requests == watched[width:])

    stood = Signal(range(depth + 1))
    with m.If(watching & dut.take):
        m.d.sync += stood.eq(stood + 1)
    p.cover(first & dut.take & (stood == depth - 1) & (level == depth) & watched[:width].all())
    p.cover(first & dut.take & put & (level == 1) & (stood == 0))
    return p
