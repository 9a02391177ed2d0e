"""What is proven, of which sizes, and the bugs that each proof must find."""

from collections.abc import Callable
from dataclasses import dataclass

import ranvier.hw.manycore.barrier as barrier_text
import ranvier.hw.manycore.inbox as inbox_text
import ranvier.hw.manycore.interface as interface_text
import ranvier.hw.manycore.outbox as outbox_text
import ranvier.hw.manycore.pace as pace_text
import ranvier.hw.router.arbiter as arbiter_text
import ranvier.hw.router.buffer as buffer_text
import ranvier.hw.router.dimension_order as order_text
import ranvier.hw.router.mesh as mesh_text
import ranvier.hw.router.router as router_text

from . import arbiter, barrier, buffer, lockstep, mesh, router, steps
from .planted import Bug, planted
from .prover import Properties, run


@dataclass(frozen=True)
class Proof:
    """Properties that hold in all reachable states, by property-directed reachability (PDR).

    With a ``bound`` only those of so many cycles are looked at, by bounded model checking.

    ``reach``: cycles within which every cover must be reached. ``quick`` ones are part of the suite.
    """

    make: Callable[[], Properties]
    reach: int
    bugs: dict[str, Bug]
    quick: bool = True
    bound: int | None = None

    @property
    def engine(self):
        return "abc bmc3" if self.bound else "abc pdr"


def prove(name, folder):
    return _prove(name, folder / name)


def witness(name, folder):
    """That the assumptions leave something: every cover, reached by BMC."""
    proof = PROOFS[name]
    return run(proof.make(), folder / f"{name}-witness", mode="cover", engine="smtbmc yices", depth=proof.reach)


def find(name, bug, folder):
    """The same proof with a planted bug, which must fail."""
    with planted(PROOFS[name].bugs[bug]):
        return _prove(name, folder / f"{name}-{bug.replace(' ', '-')}")


def _prove(name, folder):
    proof = PROOFS[name]
    mode = "bmc" if proof.bound else "prove"
    return run(proof.make(), folder, mode=mode, engine=proof.engine, depth=proof.bound or 1)


AFTER = "Mux(self.taken, after, self.choice)"
ORDER = "position.x, position.y, flit.x, flit.y"
ARBITER = {
    "the first always first": Bug(arbiter_text, AFTER, "Mux(self.taken, 0, self.choice)"),
    "a choice that moves on": Bug(arbiter_text, AFTER, "after"),
    "one request overlooked": Bug(arbiter_text, "range(inputs - 1)]", "range(inputs - 2)]"),
    "the last one again": Bug(arbiter_text, AFTER, "self.choice"),
}
SECOND = Bug(buffer_text, "Signal(range(depth), init=1)", "Signal(range(depth))")
SHALLOW = {
    "full one too late": Bug(buffer_text, "level[depth]", "level[0]"),
    "the second is the first": SECOND,
    "arriving at one that leaves": Bug(buffer_text, "Mux(single, arriving, second.data)", "second.data"),
}
DEEP = {
    "full one too late": Bug(buffer_text, "full.eq(level == depth - 1)", "full.eq(level == depth)"),
    "single where two are": Bug(buffer_text, "single.eq(level == 2)", "single.eq(level == 3)"),
    "the second is the first": SECOND,
}
RULES = {
    "a choice that moves on": ARBITER["a choice that moves on"],
    "the way here as the way there": Bug(order_text, "x=position.x + x", "x=position.x"),
    "last row first": Bug(order_text, ORDER, "position.y, position.x, flit.y, flit.x"),
}
LOSS = {
    "taken though another was chosen": Bug(router_text, " & (arbiter.choice == index)", ""),
    "taken though no one was ready": Bug(router_text, "request & out.ready &", "request &"),
    "the second is the first": SECOND,
}
# In 2 x 2 only the core asks for a link between columns: no one else is ever chosen.
LOSS_IN_ROW = {bug: LOSS[bug] for bug in ("taken though no one was ready", "the second is the first")}
MALFORMED = {
    "dropped and not counted": Bug(router_text, "rejected.eq(buffers[port].requests[-1])", "rejected.eq(0)"),
    "turned back": Bug(router_text, "~known.any()", "1"),
}
PROGRESS = {
    "the first always first": ARBITER["the first always first"],
    "nowhere stays": Bug(router_text, "leaves[port].append(rejected)", "pass"),
}
MESH_RULES = {
    "the way here as the way there": RULES["the way here as the way there"],
    "rows counted from below": Bug(mesh_text, "routing.place(x, y)", "routing.place(x, self.height - 1 - y)"),
}
EMPTY = "self.may_consume & (place == stored[step]) & complete[step]"
RECEIVED = {
    "credit before the list is empty": Bug(inbox_text, EMPTY, "self.may_consume & complete[step]"),
    "complete without the count": Bug(inbox_text, " & (arrived[step] >= announced[step])", ""),
    "ends of both steps together": Bug(inbox_text, "(ends[step] == self.", "(ends[0] + ends[1] >= self."),
    "both steps in one list": Bug(inbox_text, "Cat(stored[of][:bits], of)", "Cat(stored[of][:bits])"),
    "credit for the other step": Bug(pace_text, "payload.step.eq(step)", "payload.step.eq(~step)"),
    "consumed before all credits are sent": Bug(pace_text, "consumed.ready.eq(~busy)", "consumed.ready.eq(1)"),
    "sent though another was chosen": Bug(interface_text, " & (merge.choice == number)", ""),
    "own packets before all credits": ARBITER["the first always first"],
}
SENT = {
    "credits expected from the last END on": Bug(pace_text, "If(interface.closing)", "If(interface.ended)"),
    "credits of the other step": Bug(pace_text, "eq(owed[interface.step] == 0)", "eq(owed[~interface.step] == 0)"),
    "the first credit is enough": Bug(pace_text, "eq(owed[credit] - 1)", "eq(0)"),
    "END before the last spike": Bug(outbox_text, "held.step_end & ~sending & ~shown", "held.step_end & ~sending"),
    "counted before it leaves": Bug(outbox_text, "leaves = shown & self.packets.ready", "leaves = shown"),
    "counts go on": Bug(outbox_text, "leaves, clearing | (ending & self.packets.ready)", "leaves, clearing"),
}
ALL_DONE = "m.d.sync += [done.eq(Cat(leaf[0] for leaf in below).all()), "
BARRIER = {
    "packets under way": Bug(barrier_text, "done & self.quiet & (pause", "done & (pause"),
    "one done is enough": Bug(barrier_text, ".all()", ".any()"),
    "two releases for one": Bug(barrier_text, "pause.eq(self.levels + 2)", "pause.eq(self.levels)"),
    "a leaf not counted": Bug(barrier_text, "leaf[1] for leaf in below)", "leaf[1] for leaf in below[1:])"),
    "done seen before the balance": Bug(
        barrier_text, ALL_DONE, "m.d.comb += done.eq(Cat(leaf[0] for leaf in below).all()); m.d.sync += ["
    ),
}
DONE, WORKS = "self.done.eq(~consuming & ~working)", "working.eq(self.offered if self.source else interface.complete)"
BARRIER_RECEIVED = {
    "done before the list is empty": Bug(inbox_text, EMPTY, "self.may_consume & complete[step]"),
    "done though it consumes": Bug(pace_text, DONE, "self.done.eq(~working)"),
    "consumes what is not complete": Bug(pace_text, "consuming.eq(interface.complete)", "consuming.eq(1)"),
    "an event every other cycle": Bug(inbox_text, "(place != stored[step])", "(place != stored[step]) & ~event"),
    "a packet counted while it waits": Bug(
        interface_text, "sent = self.packets_out.valid & ", "sent = self.packets_out.valid | "
    ),
    "sends after each release": Bug(pace_text, WORKS, "working.eq(1)"),
} | {
    bug: RECEIVED[bug]
    for bug in ("complete without the count", "ends of both steps together", "both steps in one list")
}
BARRIER_SENT = {
    "done before the last END": Bug(pace_text, "If(interface.ended)", "If(interface.closing)"),
    "sends at the release before": Bug(pace_text, "interface.may_send.eq(working)", "interface.may_send.eq(1)"),
    "sends after each release": BARRIER_RECEIVED["sends after each release"],
} | {bug: SENT[bug] for bug in ("END before the last spike", "counted before it leaves", "counts go on")}
GATE_RECEIVED = {
    bug: BARRIER_RECEIVED[bug]
    for bug in ("done though it consumes", "consumes what is not complete", "sends after each release")
}
GATE_SENT = {
    "a step that was not offered": Bug(pace_text, WORKS, "working.eq(interface.complete)"),
    "done before the last END": BARRIER_SENT["done before the last END"],
    "sends at the release before": BARRIER_SENT["sends at the release before"],
}
PROOFS = {
    "arbiter-2": Proof(lambda: arbiter.round_robin(2), 8, ARBITER),
    "arbiter-4": Proof(lambda: arbiter.round_robin(4), 12, ARBITER),
    "arbiter-5": Proof(lambda: arbiter.round_robin(5), 14, ARBITER),
    "buffer-4": Proof(lambda: buffer.queue(4), 12, SHALLOW),
    "buffer-9": Proof(lambda: buffer.queue(9, width=1), 24, DEEP),
    "router-rules": Proof(router.stream_rules, 8, RULES),
    "router-loss": Proof(router.no_loss, 8, LOSS, quick=False),
    "router-malformed": Proof(router.malformed, 8, MALFORMED),
    "router-progress": Proof(router.progress, 30, PROGRESS),
    "mesh-rules": Proof(mesh.rules, 16, MESH_RULES, quick=False),
    "mesh-loss-row": Proof(lambda: mesh.no_loss(0), 16, LOSS_IN_ROW, quick=False),
    "mesh-loss-column": Proof(lambda: mesh.no_loss(1), 16, LOSS, quick=False),
    "mesh-loss-core": Proof(lambda: mesh.no_loss(2), 16, LOSS, quick=False),
    "mesh-progress": Proof(mesh.progress, 24, PROGRESS, quick=False),
    "steps-received": Proof(steps.received, 16, RECEIVED),
    "steps-received-3": Proof(lambda: steps.received(axons=3), 16, RECEIVED, quick=False),
    "steps-sent": Proof(steps.sent, 12, SENT),
    "barrier-2": Proof(lambda: barrier.release(2, width=3), 20, BARRIER),
    "barrier-5": Proof(lambda: barrier.release(5), 20, BARRIER, quick=False),
    "steps-barrier-received": Proof(lockstep.received, 18, BARRIER_RECEIVED),
    "steps-barrier-received-3": Proof(lambda: lockstep.received(axons=3), 18, BARRIER_RECEIVED, quick=False),
    "steps-barrier-received-gate": Proof(lambda: lockstep.received(source=True), 18, GATE_RECEIVED),
    "steps-barrier-sent": Proof(lockstep.sent, 24, BARRIER_SENT),
    "steps-barrier-sent-gate": Proof(lambda: lockstep.sent(source=True), 24, GATE_SENT),
}
