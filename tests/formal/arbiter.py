"""Properties of the arbiter."""

from amaranth.hdl import Array, Mux, Signal

import ranvier.hw.router.arbiter as arbiter

from .prover import Properties


def round_robin(inputs):
    """Requests that stay until they are chosen and taken; an arbitrary one of them is watched."""
    p = Properties()
    m = p.m
    m.submodules.dut = dut = arbiter.RoundRobin(inputs)
    p.leave_free(dut.requests, dut.taken)
    chosen = Signal(inputs)
    m.d.comb += chosen.eq(Mux(dut.requests.any(), 1 << dut.choice, 0))
    moved = Mux(dut.taken, chosen, 0)
    waiting = p.past(dut.requests & ~moved, "waiting")
    p.assume((waiting & ~dut.requests) == 0)

    p.check((chosen & ~dut.requests) == 0)
    stalled = p.past(Mux(dut.taken, 0, chosen), "stalled")
    p.implies(stalled.any(), chosen == stalled)

    watched = p.constant(range(inputs), "watched")
    p.assume(watched < inputs)
    requests, leaves = Array(dut.requests)[watched], Array(moved)[watched]
    others = Signal(range(inputs + 1))
    with m.If(~requests | leaves):
        m.d.sync += others.eq(0)
    with m.Elif(moved.any()):
        m.d.sync += others.eq(others + 1)
    p.check(others <= inputs - 1)

    p.cover((others == inputs - 1) & leaves & stalled.any())
    return p
