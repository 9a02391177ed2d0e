"""When a tile may go on to its next step: by the credits of its targets, or by the barrier of the chip."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..memory import LoadSignature
from .packet import Kind, PacketFormat
from .places import PlaceMemory


class PaceSignature(wiring.Signature):
    """Between an interface and what sets its pace, from the interface's side.

    ``step``, ``closing``, ``ended``: of the outbox; ``may_send``: it may take events of its step. ``complete``,
    ``consumed``: of the inbox; ``may_consume``: it may offer events of its step. ``settled``: nothing is under way that
    this knows of.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "step": Out(1),
                "closing": Out(1),
                "ended": Out(1),
                "may_send": In(1),
                "complete": Out(1),
                "consumed": Out(stream.Signature(1)),
                "may_consume": In(1),
                "settled": In(1),
            }
        )


class CreditPace(wiring.Component):
    """Each tile at its own pace: a receiver sends a credit to every sender for each step that it has consumed.

    An interface may send events of a step when all its ``targets`` have sent the credit for the step before the last:
    the list of that one is free. ``load`` writes the places of the ``senders``. ``credits`` brings the low bit of a
    step that a target has consumed; ``unowed``: one that nobody owes, which does nothing.

    Throughput: a credit a cycle; a step is taken from ``consumed`` when those for the last one are sent.
    """

    def __init__(self, format: PacketFormat, *, senders: int, targets: int) -> None:
        self.format, self.most_senders, self.most_targets = format, senders, targets
        super().__init__(
            {
                "interface": In(PaceSignature()),
                "senders": In(range(senders + 1)),
                "targets": In(range(targets + 1)),
                "credits": In(stream.Signature(1, always_ready=True)),
                "packets": Out(stream.Signature(format.flit)),
                "load": In(LoadSignature(senders, format.place.size)),
                "unowed": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        interface, credit = self.interface, self.credits.payload
        owed = Array(Signal.like(self.targets, name=f"owed{step}") for step in range(2))  # credits that have not come
        with m.If(self.credits.valid & (owed[credit] != 0)):
            m.d.sync += owed[credit].eq(owed[credit] - 1)
        with m.If(interface.closing):  # before its first END leaves: a credit may come before the last one does
            m.d.sync += owed[interface.step].eq(self.targets)

        m.submodules.places = places = PlaceMemory(self.format, self.most_senders)
        wiring.connect(m, wiring.flipped(self.load), places.load)
        number = Signal(range(self.most_senders))
        step = Signal()
        busy = Signal()
        flit = self.packets.payload
        m.d.comb += [
            interface.may_send.eq(owed[interface.step] == 0),
            interface.may_consume.eq(1),
            self.unowed.eq(self.credits.valid & (owed[credit] == 0)),
            interface.consumed.ready.eq(~busy),
            interface.settled.eq((owed[0] == 0) & (owed[1] == 0) & ~busy),
            places.number.eq(number),
            self.packets.valid.eq(busy),
            flit.x.eq(places.place.x),
            flit.y.eq(places.place.y),
            flit.payload.kind.eq(Kind.CREDIT),
            flit.payload.step.eq(step),
        ]
        with m.If(interface.consumed.valid & interface.consumed.ready):
            m.d.sync += [busy.eq(1), step.eq(interface.consumed.payload)]
        with m.If(busy & self.packets.ready):
            last = number == self.senders - 1
            m.d.sync += [number.eq(Mux(last, 0, number + 1)), busy.eq(~last)]
        return m


class BarrierPace(wiring.Component):
    """All tiles in lockstep: after each ``release`` a tile takes the step that was complete then, and no other.

    ``done``: the tile has sent all that it has to before the next release. ``source``: events come from outside; a step
    is taken then if one is ``offered`` at the release.
    """

    def __init__(self, *, source: bool = False) -> None:
        self.source = source
        super().__init__({"interface": In(PaceSignature()), "offered": In(1), "release": In(1), "done": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        interface = self.interface
        consuming = Signal()
        working = Signal()
        m.d.comb += [
            self.done.eq(~consuming & ~working),
            interface.may_consume.eq(consuming),
            interface.may_send.eq(working),
            interface.consumed.ready.eq(1),
            interface.settled.eq(self.done & ~interface.complete),
        ]
        with m.If(interface.consumed.valid):
            m.d.sync += consuming.eq(0)
        with m.If(interface.ended):
            m.d.sync += working.eq(0)
        with m.If(self.release):
            m.d.sync += [
                consuming.eq(interface.complete),
                working.eq(self.offered if self.source else interface.complete),
            ]
        return m
