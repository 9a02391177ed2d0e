"""Credits: a sender knows which of its targets have a free list, a receiver tells its senders."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..memory import LoadSignature
from .packet import Kind, PacketFormat
from .places import PlaceMemory


class CreditLedger(wiring.Component):
    """Whether a sender ``may_send`` events of ``step``: all of its ``targets`` have consumed the step before the last.

    ``ended`` says that all events of ``step`` were sent; ``credits`` brings the low bit of a step that a target has
    consumed. ``settled``: every target has consumed everything.
    """

    def __init__(self, targets: int) -> None:
        super().__init__(
            {
                "targets": In(range(targets + 1)),
                "step": In(1),
                "ended": In(1),
                "credits": In(stream.Signature(1, always_ready=True)),
                "may_send": Out(1),
                "settled": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        owed = Array(Signal.like(self.targets, name=f"owed{step}") for step in range(2))
        m.d.comb += [self.may_send.eq(owed[self.step] == 0), self.settled.eq((owed[0] == 0) & (owed[1] == 0))]
        with m.If(self.credits.valid & (owed[self.credits.payload] != 0)):
            m.d.sync += owed[self.credits.payload].eq(owed[self.credits.payload] - 1)
        with m.If(self.ended):
            m.d.sync += owed[self.step].eq(self.targets)
        return m


class CreditSender(wiring.Component):
    """Sends a credit to each of ``senders``, at the places that ``load`` wrote, for every step that was ``consumed``.

    Throughput: a packet a cycle; a next step is taken when all are sent.
    """

    def __init__(self, format: PacketFormat, *, senders: int) -> None:
        self.format, self.most = format, senders
        super().__init__(
            {
                "senders": In(range(senders + 1)),
                "consumed": In(stream.Signature(1)),
                "packets": Out(stream.Signature(format.flit)),
                "load": In(LoadSignature(senders, format.place.size)),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.places = places = PlaceMemory(self.format, self.most)
        wiring.connect(m, wiring.flipped(self.load), places.load)
        number = Signal(range(self.most))
        step = Signal()
        busy = Signal()
        flit = self.packets.payload
        m.d.comb += [
            self.consumed.ready.eq(~busy),
            self.idle.eq(~busy),
            places.number.eq(number),
            self.packets.valid.eq(busy),
            flit.x.eq(places.x),
            flit.y.eq(places.y),
            flit.payload.kind.eq(Kind.CREDIT),
            flit.payload.step.eq(step),
        ]
        with m.If(self.consumed.valid & self.consumed.ready):
            m.d.sync += [busy.eq(1), step.eq(self.consumed.payload)]
        with m.If(busy & self.packets.ready):
            last = number == self.senders - 1
            m.d.sync += [number.eq(Mux(last, 0, number + 1)), busy.eq(~last)]
        return m
