"""No step mixes with another where a barrier sets the pace: what a tile or the gate does between two releases.

Rules of the barrier: a release comes only when all are done and no packet is under way. So what was sent before it has
come before it. Rules of all that wait at it: who is done stays so until a release, and sends nothing. Between two
releases a sender sends the spikes of one step and an END to each target, or nothing at all.

All senders of a receiver send their steps between the same releases: a tile does so just after its own senders have.
"""

from amaranth.hdl import Array, Cat, Mux, Signal, signed

import ranvier.hw.manycore.interface as interface
import ranvier.hw.manycore.outbox as outbox
import ranvier.hw.manycore.pace as pace
from ranvier.hw.manycore.packet import Kind, PacketFormat

from .prover import Properties
from .steps import AHEAD, bodies, comes_out_in_its_step, loads_before_events, ones, rejects_only_malformed
from .streams import moves, stays

BALANCE_WIDTH = 2


def received(axons=2, senders=2, source=False):
    """The interface of a receiver, which sends to one target, too, and senders that keep to the rules.

    The network may delay all packets as long as no release comes, and reorder them. Each axon is one sender's,
    whichever. An arbitrary one is watched. With ``source`` it is that of the gate.
    """
    p = Properties()
    m = p.m
    format = PacketFormat(columns=senders, rows=1, axons=axons, value_width=None)
    config = interface.InterfaceConfig(
        receives=axons,
        most=axons,
        sends=1,
        receives_width=None,
        sends_width=None,
        senders=senders,
        targets=1,
        entries=1,
    )
    m.submodules.dut = dut = interface.Interface(config, format, balance_width=BALANCE_WIDTH, source=source)
    p.leave_free(dut.packets_in.valid, dut.packets_in.payload, dut.packets_out.ready, dut.events_out.ready)
    p.leave_free(dut.events_in.valid, dut.events_in.payload, dut.release)
    for load in (dut.load_starts, dut.load_lists, dut.load_targets):
        p.leave_free(load.enable, load.address, load.data)
    p.assume(stays(p, dut.events_in, "events_in"))
    used = p.constant(range(senders + 1), "senders")
    p.assume((used != 0) & (used <= senders))
    m.d.comb += [dut.senders.eq(used), dut.targets.eq(1)]

    # What has come since the last release, if the senders send a step after it.
    sending, step = Signal(), Signal()
    owners = p.constant(axons, "owners")  # of each axon its sender
    own = [~owners, owners]
    came, told = Signal(axons), Signal(senders)
    number = [Signal(range(axons + 1), name=f"number_{sender}") for sender in range(senders)]
    all_come = Signal(senders)
    for at in range(senders):
        m.d.comb += all_come[at].eq((at >= used) | (told[at] & (ones(came & own[at]) == number[at])))

    sender, packet = p.free(range(senders), "sender"), dut.packets_in.payload.payload
    spike, end = bodies(format, packet)
    is_spike = dut.packets_in.valid & (packet.kind == Kind.SPIKE)
    is_end = dut.packets_in.valid & (packet.kind == Kind.END)
    bit = Signal(axons)
    m.d.comb += bit.eq(1 << spike.index)
    theirs, has_told = Array(own)[sender], Array(told)[sender]
    so_far = ones(came & theirs)
    p.assume(~(is_spike | is_end) | (sending & (packet.step == step) & (sender < used)))
    p.assume(~is_spike | ((spike.index < axons) & (bit & theirs & ~came).any()))
    p.assume(~is_spike | ~has_told | (so_far < Array(number)[sender]))
    p.assume(~is_end | (~has_told & (end.events >= so_far) & (end.events <= ones(theirs))))
    p.assume(~dut.release | (dut.done & ~dut.packets_in.valid & (~sending | all_come.all())))
    m.d.sync += came.eq(came | Mux(is_spike, bit, 0))
    for at in range(senders):
        with m.If(is_end & (sender == at)):
            m.d.sync += [told[at].eq(1), number[at].eq(end.events)]
    again = p.free(1, "again")
    with m.If(dut.release):
        m.d.sync += [sending.eq(again), step.eq(step ^ sending), came.eq(0), told.eq(0)]

    event, ended = dut.events_out.payload, moves(dut.events_out) & dut.events_out.payload.step_end
    behind = Signal(signed(4))  # steps that came before the last release and whose ends have not come out
    m.d.sync += behind.eq(behind + (dut.release & sending) - ended)
    p.check((behind >= 0) & (behind < AHEAD))
    due, ours = comes_out_in_its_step(p, dut.events_out, format, packet, is_spike, is_end, behind)
    rejects_only_malformed(p, dut, packet)

    # The end of a step that has come is out in one of axons + 3 cycles in which what comes out is taken.
    cycles = Signal(range(axons + 4))
    with m.If(ended | (behind == 0)):
        m.d.sync += cycles.eq(0)
    with m.Elif(dut.events_out.ready & (cycles != axons + 3)):
        m.d.sync += cycles.eq(cycles + 1)
    p.check(cycles < axons + 3)

    # What it sends itself: its own step just after that of its senders, as the barrier assumes.
    goes, leaves = dut.packets_out.valid, moves(dut.packets_out)
    owes, closed = Signal(), Signal()
    with m.If(leaves & (dut.packets_out.payload.payload.kind == Kind.END)):
        m.d.sync += closed.eq(1)
    with m.If(dut.release):
        m.d.sync += [owes.eq(dut.events_in.valid if source else sending), closed.eq(0)]
    balance = Signal(BALANCE_WIDTH)
    m.d.sync += balance.eq(balance + leaves - dut.packets_in.valid)
    p.implies(goes, owes & ~closed & ~dut.done)
    p.implies(dut.done, closed == owes)
    p.implies(p.past(dut.done & ~dut.release, "done"), dut.done)
    p.check(dut.balance == balance)

    p.cover(dut.release & sending & (used == 2) & came.all() & (behind == 2))
    p.cover(dut.release & ~sending & p.past(dut.packets_in.valid, "others"))
    stalled = p.past(dut.events_out.valid & ~dut.events_out.ready, "stalled")
    p.cover((used == 2) & ended & event.sample_end & (behind == 3) & stalled & is_spike)
    p.cover(dut.events_out.valid & ours & due[1])
    p.cover(dut.release & owes & ~sending & (balance == 3))
    return p


def sent(axons=2, targets=2, indices=2, entries=2, source=False):
    """Outbox and pace of a sender, with any tables; its inbox may be complete and consumed whenever it wants.

    With ``source`` its events come from outside.
    """
    p = Properties()
    m = p.m
    format = PacketFormat(columns=targets, rows=1, axons=axons, value_width=None)
    m.submodules.outbox = dut = outbox.Outbox(indices, format, entries=entries, targets=targets)
    m.submodules.pace = waits = pace.BarrierPace(source=source)
    p.leave_free(dut.events.valid, dut.events.payload, dut.packets.ready)
    p.leave_free(waits.release, waits.interface.complete, waits.interface.consumed.valid)
    used = p.constant(range(targets + 1), "targets")
    p.assume((used != 0) & (used <= targets))
    m.d.comb += [
        dut.targets.eq(used),
        dut.may_send.eq(waits.interface.may_send),
        waits.offered.eq(dut.events.valid),
        waits.interface.step.eq(dut.step),
        waits.interface.closing.eq(dut.closing),
        waits.interface.ended.eq(dut.ended),
    ]
    loads_before_events(p, dut, format, targets, used)
    p.assume(stays(p, dut.events, "events"))
    p.assume(~waits.release | waits.done)

    flit, leaves = dut.packets.payload, moves(dut.packets)
    packet = flit.payload
    _, end = bodies(format, packet)
    is_end = packet.kind == Kind.END
    owes, closed, final, step = Signal(), Signal(), Signal(), Signal()  # since the last release
    told = Signal(targets)
    count = [Signal(range(axons + 1), name=f"count_{at}") for at in range(targets)]
    p.assume(~leaves | is_end | (Array(count)[flit.x] < axons))
    with m.If(dut.closing):
        m.d.sync += [closed.eq(1), final.eq(dut.events.payload.sample_end)]
    for at in range(targets):
        with m.If(leaves & (flit.x == at)):
            m.d.sync += [count[at].eq(count[at] + ~is_end), told[at].eq(is_end)]
    with m.If(waits.release):
        offers = dut.events.valid if source else waits.interface.complete
        m.d.sync += [owes.eq(offers), step.eq(step ^ owes), closed.eq(0), told.eq(0)]
        m.d.sync += [each.eq(0) for each in count]
    all_told = Cat((at >= used) | told[at] for at in range(targets)).all()

    p.check(stays(p, dut.packets, "packets"))
    p.implies(moves(dut.events), owes & ~closed)
    p.implies(dut.packets.valid, owes & ~waits.done & (flit.x < used) & ~Array(told)[flit.x])
    p.implies(dut.packets.valid, (packet.step == step) & (is_end | (packet.kind == Kind.SPIKE)))
    p.implies(dut.packets.valid & is_end, closed & (end.events == Array(count)[flit.x]) & (end.sample_end == final))
    p.implies(waits.done, Mux(owes, all_told, ~told.any()))
    p.implies(p.past(waits.done & ~waits.release, "done"), waits.done)
    p.implies(owes & ~closed, waits.interface.may_send)

    p.cover((used == 2) & leaves & is_end & end.sample_end & (end.events == axons) & told.any() & step)
    p.cover(waits.release & (told == 3) & ~waits.interface.complete & dut.events.valid)
    p.cover(waits.release & ~owes & step)
    return p
