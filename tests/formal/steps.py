"""No step mixes with another where credits set the pace: what a receiver does for all senders that keep to the rules,
and that a sender keeps to them.

Rules of a sender: to a receiver it sends the spikes of a step and one END that announces how many, all with the step's
low bit, and none of step t + 2 before the receiver's credit for step t has come. Rules of a receiver: a credit for each
step, one after the other, when all of that step has come.

Steps are numbered without bound: numbers here count from the first step that has not come out yet.
"""

from amaranth.hdl import Array, Cat, Mux, Signal, Value, signed
from amaranth.lib import data

import ranvier.hw.manycore.interface as interface
import ranvier.hw.manycore.outbox as outbox
import ranvier.hw.manycore.pace as pace
from ranvier.hw.manycore.packet import Kind, PacketFormat

from .prover import Properties
from .streams import moves, stays

AHEAD = 4  # steps that can be under way: two in the lists, two whose ends are on the way out


def ones(bits):
    return sum(bits[number] for number in range(len(bits)))


def bodies(format, packet):
    return (data.View(body, packet.body[: body.size]) for body in (format.spike, format.end))


def loads(p, memory, places):
    """Tell ``memory`` the coordinates of ``places``, place n at column n; whether it knows them all."""
    known = Signal(range(places + 1), name="places_known")
    with p.m.If(known != places):
        p.m.d.sync += known.eq(known + 1)
    p.m.d.comb += [memory.enable.eq(known != places), memory.address.eq(known), memory.data.eq(known)]
    return known == places


def comes_out_in_its_step(p, events, format, packet, is_spike, is_end, of):
    """Spikes of an arbitrary axon come out once, in their step, which ends with its ``sample_end``.

    Returned: in which steps such a spike is due, and whether one comes out.

    ``packet`` comes. Steps are numbered by how many ends of steps must come out first, its own by ``of``.
    """
    m = p.m
    spike, end = bodies(format, packet)
    watched = p.constant(range(format.axons), "watched")
    p.assume(watched < format.axons)
    due, known, final = Signal(AHEAD), Signal(AHEAD), Signal(AHEAD)  # spikes of that axon; sample_end
    here, comes, event = Signal(AHEAD), Signal(AHEAD), events.payload
    ended = moves(events) & event.step_end
    ours = ~event.step_end & (event.index == watched)
    m.d.comb += [here.eq(1 << of[:2]), comes.eq(here & (is_spike & (spike.index == watched)).replicate(AHEAD))]
    p.assume(~is_end | ~(known & here).any() | ((final & here).any() == end.sample_end))
    known_now, final_now = (
        bits | (here & tells.replicate(AHEAD)) for bits, tells in ((known, is_end), (final, is_end & end.sample_end))
    )
    m.d.sync += [
        due.eq((Cat(due[0] & ~(moves(events) & ours), due[1:]) | comes) >> ended),
        known.eq(known_now >> ended),
        final.eq(final_now >> ended),
    ]
    p.check(stays(p, events, "events_out"))
    p.check(~(due & comes).any())
    p.implies(events.valid & ours, due[0])
    p.implies(events.valid & event.step_end, ~(due | comes)[0] & known[0])
    p.implies(events.valid & event.step_end, event.sample_end == final[0])
    return due, ours


def rejects_only_malformed(p, dut, packet):
    """An interface counts nothing before there was a ``packet`` of no kind, or something else that is malformed."""
    spoiled = Signal(name="spoiled")
    no_kind = dut.packets_in.valid & (Value.cast(packet.kind) == len(Kind))
    p.m.d.sync += spoiled.eq(spoiled | dut.malformed | no_kind)
    p.check(spoiled | (dut.rejected == 0))


def loads_before_events(p, dut, format, targets, used):
    """Tables of an outbox, any for ``used`` of its ``targets``, are loaded before its first event, then they stay."""
    begun = Signal(name="begun")
    p.m.d.sync += begun.eq(begun | dut.events.valid)
    p.assume(~dut.events.valid | loads(p, dut.load_targets, targets))
    for load in (dut.load_starts, dut.load_lists):
        p.leave_free(load.enable, load.address, load.data)
        p.assume(~load.enable | ~(begun | dut.events.valid))
    entry = data.View(format.entry(targets), dut.load_lists.data)
    p.assume(~dut.load_lists.enable | (entry.target < used))


def received(axons=2, senders=2):
    """The interface of a receiver, which sends events of its own, too, and senders that keep to the rules.

    The network may delay and reorder all packets: a sender's are seen as they come, and credits as they go, since a
    delay makes both only later. Each axon is one sender's, whichever. An arbitrary one is watched.
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
    m.submodules.dut = dut = interface.Interface(config, format)
    p.leave_free(dut.packets_in.valid, dut.packets_in.payload, dut.packets_out.ready, dut.events_out.ready)
    p.leave_free(dut.events_in.valid, dut.events_in.payload)
    for load in (dut.load_starts, dut.load_lists, dut.load_targets):
        p.leave_free(load.enable, load.address, load.data)
    p.assume(stays(p, dut.events_in, "events_in"))
    used = p.constant(range(senders + 1), "senders")
    p.assume((used != 0) & (used <= senders))
    m.d.comb += [dut.senders.eq(used), dut.targets.eq(1)]
    loaded = loads(p, dut.load_sources, senders)

    # What has come of the step that a sender's next credit is for, and of the one after it, by their low bits.
    owners = p.constant(axons, "owners")  # of each axon its sender
    own = [~owners, owners]
    came = [Signal(axons, name=f"came_{step}") for step in range(2)]
    told, number, all_come = {}, {}, {}
    for key in ((sender, step) for sender in range(senders) for step in range(2)):
        told[key] = Signal(name="told_{}_{}".format(*key))
        number[key] = Signal(range(axons + 1), name="number_{}_{}".format(*key))
        all_come[key] = told[key] & (ones(came[key[1]] & own[key[0]]) == number[key])
    parity = [Signal(name=f"parity_{sender}") for sender in range(senders)]  # of the step of its next credit
    lead = [Signal(signed(4), name=f"lead_{sender}") for sender in range(senders)]  # credits less ends that came out

    sender, packet = p.free(range(senders), "sender"), dut.packets_in.payload.payload
    spike, end = bodies(format, packet)
    key = Cat(packet.step, sender)
    is_spike = dut.packets_in.valid & (packet.kind == Kind.SPIKE)
    is_end = dut.packets_in.valid & (packet.kind == Kind.END)
    has_told, promised = (Array(values.values())[key] for values in (told, number))
    bit = Signal(axons)
    m.d.comb += bit.eq(1 << spike.index)
    so_far = ones(Array(came)[packet.step] & Array(own)[sender])
    p.assume(~(is_spike | is_end) | (loaded & (sender < used)))
    p.assume(~is_spike | ((spike.index < axons) & (bit & Array(own)[sender] & ~Array(came)[packet.step]).any()))
    p.assume(~is_spike | ~has_told | (so_far < promised))
    p.assume(~is_end | (~has_told & (end.events >= so_far) & (end.events <= ones(Array(own)[sender]))))
    for which, (at, step) in enumerate(told):
        with m.If(is_end & (key == which)):
            m.d.sync += [told[at, step].eq(1), number[at, step].eq(end.events)]

    # A credit is for the next step of its receiver, all of which has come; with it that sender begins the one after.
    credit = dut.packets_out.payload
    pays = dut.packets_out.valid & (credit.payload.kind == Kind.CREDIT)
    ended = moves(dut.events_out) & dut.events_out.payload.step_end
    gone = [0, 0]
    for at in range(senders):
        mine = pays & dut.packets_out.ready & (credit.x == at)
        gone = [Mux(mine & (parity[at] == step), own[at], 0) | gone[step] for step in range(2)]
        m.d.sync += [parity[at].eq(parity[at] ^ mine), lead[at].eq(lead[at] + mine - (ended & (at < used)))]
        for step in range(2):
            with m.If(mine & (parity[at] == step)):
                m.d.sync += told[at, step].eq(0)
        p.check((lead[at] >= -1) & (lead[at] <= 2))
    for step in range(2):
        new = Mux(is_spike & (packet.step == step), bit, 0)
        m.d.sync += came[step].eq((came[step] & ~gone[step]) | new)
    their = Cat(Array(parity)[credit.x], credit.x)
    p.implies(pays, (credit.x < used) & (credit.payload.step == Array(parity)[credit.x]))
    p.implies(pays, Array(all_come.values())[their])

    of = Signal(signed(5))  # the step of what comes
    m.d.comb += of.eq(Array(lead)[sender] + (packet.step ^ Array(parity)[sender]))
    p.implies(is_spike | is_end, (of >= 0) & (of < AHEAD))
    due, ours = comes_out_in_its_step(p, dut.events_out, format, packet, is_spike, is_end, of)
    event = dut.events_out.payload
    rejects_only_malformed(p, dut, packet)

    # The end of a step that has come is out in one of so many cycles in which what comes out is taken, credits, too.
    most = max(axons, 2 * senders) + 3
    have_come, cycles = Signal(senders), Signal(range(most + 1))  # of the first step that has not come out
    for at in range(senders):
        next_one, one_before = (Array((all_come[at, 0], all_come[at, 1]))[parity[at] ^ before] for before in range(2))
        m.d.comb += have_come[at].eq((at >= used) | (lead[at] > 0) | Mux(lead[at] == 0, next_one, one_before))
    with m.If(ended | ~have_come.all()):
        m.d.sync += cycles.eq(0)
    with m.Elif(dut.events_out.ready & dut.packets_out.ready & (cycles != most)):
        m.d.sync += cycles.eq(cycles + 1)
    p.check(cycles < most)

    p.cover(is_spike & has_told & (of == 3) & (used == 2))
    p.cover((lead[0] == 0) & (lead[1] == -1) & is_spike & (sender == 0) & (packet.step == parity[1]) & due[0])
    stalled = p.past(dut.events_out.valid & ~dut.events_out.ready, "stalled")
    p.cover((used == 2) & ended & event.sample_end & (lead[0] == 2) & stalled)
    p.cover(dut.events_out.valid & ours & due[1])
    p.cover(pays & p.past(moves(dut.packets_out) & (credit.payload.kind == Kind.END), "own_end"))
    return p


def sent(axons=2, targets=2, indices=2, entries=2):
    """Outbox and pace of a sender, with any tables, and targets that keep to the rules of a receiver."""
    p = Properties()
    m = p.m
    format = PacketFormat(columns=targets, rows=1, axons=axons, value_width=None)
    m.submodules.outbox = dut = outbox.Outbox(indices, format, entries=entries, targets=targets)
    m.submodules.pace = credits = pace.CreditPace(format, senders=1, targets=targets)
    p.leave_free(dut.events.valid, dut.events.payload, dut.packets.ready)
    p.leave_free(credits.credits.valid, credits.credits.payload)
    used = p.constant(range(targets + 1), "targets")
    p.assume((used != 0) & (used <= targets))
    m.d.comb += [
        dut.targets.eq(used),
        credits.targets.eq(used),
        dut.may_send.eq(credits.interface.may_send),
        credits.interface.step.eq(dut.step),
        credits.interface.closing.eq(dut.closing),
        credits.interface.ended.eq(dut.ended),
    ]
    loads_before_events(p, dut, format, targets, used)
    p.assume(stays(p, dut.events, "events"))

    flit, leaves = dut.packets.payload, moves(dut.packets)
    packet = flit.payload
    _, end = bodies(format, packet)
    is_end = packet.kind == Kind.END
    source = p.free(range(targets), "source")  # of a credit
    parity, count, unpaid = (
        [Signal(shape, name=f"{name}_{at}") for at in range(targets)]
        for shape, name in ((1, "parity"), (range(axons + 1), "count"), (2, "unpaid"))
    )  # of each target: step of the next packet, its spikes so far, steps whose ends it has without a credit from it
    steps_unpaid = Array(unpaid)[flit.x]
    p.assume(~credits.credits.valid | Array(unpaid)[source].bit_select(credits.credits.payload, 1))
    p.assume(~leaves | is_end | (Array(count)[flit.x] < axons))
    for at in range(targets):
        to, pays = leaves & (flit.x == at), credits.credits.valid & (source == at)
        with m.If(to):
            m.d.sync += [parity[at].eq(parity[at] ^ is_end), count[at].eq(Mux(is_end, 0, count[at] + 1))]
        m.d.sync += unpaid[at].eq(
            (unpaid[at] & ~(pays << credits.credits.payload)[:2]) | ((to & is_end) << packet.step)
        )
    closed, final = Signal(), Signal()
    with m.If(dut.closing):
        m.d.sync += [closed.eq(1), final.eq(dut.events.payload.sample_end)]
    with m.Elif(dut.ended):
        m.d.sync += closed.eq(0)

    p.check(stays(p, dut.packets, "packets"))
    p.implies(dut.packets.valid, (flit.x < used) & (is_end | (packet.kind == Kind.SPIKE)))
    p.implies(dut.packets.valid, packet.step == Array(parity)[flit.x])
    p.implies(dut.packets.valid, ~steps_unpaid.bit_select(packet.step, 1))
    p.implies(dut.packets.valid & is_end, closed & (end.events == Array(count)[flit.x]) & (end.sample_end == final))
    p.implies(moves(dut.events), ~Cat(steps.bit_select(dut.step, 1) for steps in unpaid).any())
    # No credit is lost: with all of them it goes on.
    p.implies(~closed & ~Cat(steps.bit_select(dut.step, 1) for steps in unpaid).any(), credits.interface.may_send)

    p.cover((used == 2) & leaves & is_end & end.sample_end & (end.events == axons) & unpaid[0].any() & ~unpaid[1].any())
    p.cover((used == 2) & closed & credits.credits.valid & (source == 0) & (parity[0] != parity[1]))
    p.cover(unpaid[0].all() & unpaid[1].all() & dut.events.valid)
    return p
