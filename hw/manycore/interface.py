"""The network interface: between a router and a core, or the outside."""

from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from ..link.watch import COUNTER_WIDTH, Watch
from ..memory import LoadSignature
from ..router.arbiter import RoundRobin
from ..stream import event_stream
from .inbox import Inbox
from .outbox import Outbox
from .pace import BarrierPace, CreditPace
from .packet import Kind, PacketFormat

PATIENCE = (1 << 16) - 1  # cycles


@dataclass(frozen=True)
class InterfaceConfig:
    """``receives``: indices of events that come in, and ``most`` of them in a step; ``sends``: of those that go out.
    ``..._width``: bits of their values, None without.

    ``senders``, ``targets``: the most places that send here, and that are sent to. ``entries`` of all fan-out lists.
    """

    receives: int
    most: int
    sends: int
    receives_width: int | None
    sends_width: int | None
    senders: int
    targets: int
    entries: int


class Interface(wiring.Component):
    """Packets in, events of one step after the other out; and the way back.

        packets_in ─┬→ inbox ──────→ events_out
                    └→ pace ─┐
        events_in ─→ outbox ─┴→ packets_out

    Packets are always taken, so that the mesh never waits for a core: what a core has no room for is what its senders
    may not send yet. Ports ``load_*`` write the tables; ``senders`` and ``targets`` say how many of their places count.

    With ``balance_width`` 0 the pace is that of credits (:class:`CreditPace`), which are packets, too; else that of a
    barrier (:class:`BarrierPace`), and ``balance`` counts packets sent less received in so many bits. ``source``:
    events come from outside. ``rejected`` counts what :class:`Inbox` rejects, credits that nobody owes and lists
    without an end, at most one a cycle. ``stuck``: an event has not been taken for :data:`PATIENCE` cycles.

    Latency: that of :class:`Inbox` and :class:`Outbox`. Throughput: a packet a cycle each way.
    """

    def __init__(
        self, config: InterfaceConfig, format: PacketFormat, *, balance_width: int = 0, source: bool = False
    ) -> None:
        self.config, self.format, self.balance_width, self.source = config, format, balance_width, source
        place = format.place.size
        self.malformed = Signal()
        super().__init__(
            {
                "packets_in": In(stream.Signature(format.flit)),
                "packets_out": Out(stream.Signature(format.flit)),
                "events_in": In(event_stream(config.sends, config.sends_width)),
                "events_out": Out(event_stream(config.receives, config.receives_width)),
                "senders": In(range(config.senders + 1)),
                "targets": In(range(config.targets + 1)),
                "load_starts": In(LoadSignature(config.sends, index_width(config.entries))),
                "load_lists": In(LoadSignature(config.entries, format.entry(config.targets).size)),
                "load_targets": In(LoadSignature(config.targets, place)),
                "rejected": Out(COUNTER_WIDTH),
                "stuck": Out(1),
                "idle": Out(1),
            }
            | (
                {"release": In(1), "done": Out(1), "balance": Out(balance_width)}
                if balance_width
                else {"load_sources": In(LoadSignature(config.senders, place))}
            )
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, format = self.config, self.format
        m.submodules.inbox = inbox = Inbox(
            config.receives, format, most=config.most, width=config.receives_width, senders=config.senders
        )
        m.submodules.outbox = outbox = Outbox(
            config.sends, format, width=config.sends_width, entries=config.entries, targets=config.targets
        )
        wiring.connect(m, wiring.flipped(self.events_in), outbox.events)
        wiring.connect(m, inbox.events, wiring.flipped(self.events_out))
        for load in ("load_starts", "load_lists", "load_targets"):
            wiring.connect(m, wiring.flipped(getattr(self, load)), getattr(outbox, load))
        packet = self.packets_in.payload.payload
        m.d.comb += [
            self.packets_in.ready.eq(1),
            inbox.packets.valid.eq(self.packets_in.valid),
            inbox.packets.payload.eq(packet),
            inbox.senders.eq(self.senders),
            outbox.targets.eq(self.targets),
            self.rejected.eq(inbox.rejected),
        ]
        m.submodules.pace = pace = self._barrier(m) if self.balance_width else self._credits(m, packet, outbox)
        credit = self.packets_in.valid & (packet.kind == Kind.CREDIT)
        m.submodules.watch = watch = Watch(PATIENCE)
        m.d.comb += [
            self.malformed.eq((credit if self.balance_width else pace.unowed) | outbox.endless),
            inbox.malformed.eq(self.malformed),
            watch.waiting.eq(self.events_out.valid & ~self.events_out.ready),
            self.stuck.eq(watch.stuck),
        ]
        m.d.comb += [
            pace.interface.step.eq(outbox.step),
            pace.interface.closing.eq(outbox.closing),
            pace.interface.ended.eq(outbox.ended),
            pace.interface.complete.eq(inbox.complete),
            outbox.may_send.eq(pace.interface.may_send),
            inbox.may_consume.eq(pace.interface.may_consume),
            self.idle.eq(inbox.idle & outbox.idle & pace.interface.settled),
        ]
        wiring.connect(m, inbox.consumed, pace.interface.consumed)
        if self.balance_width:
            wiring.connect(m, outbox.packets, wiring.flipped(self.packets_out))
        return m

    def _credits(self, m: Module, packet: data.View, outbox: Outbox) -> CreditPace:
        pace = CreditPace(self.format, senders=self.config.senders, targets=self.config.targets)
        wiring.connect(m, wiring.flipped(self.load_sources), pace.load)
        m.d.comb += [
            pace.senders.eq(self.senders),
            pace.targets.eq(self.targets),
            pace.credits.valid.eq(self.packets_in.valid & (packet.kind == Kind.CREDIT)),
            pace.credits.payload.eq(packet.step),
        ]
        streams = [outbox.packets, pace.packets]
        m.submodules.merge = merge = RoundRobin(len(streams))
        m.d.comb += [
            merge.requests.eq(Cat(each.valid for each in streams)),
            merge.taken.eq(self.packets_out.ready),
            self.packets_out.valid.eq(merge.requests.any()),
            self.packets_out.payload.eq(Array(each.payload for each in streams)[merge.choice]),
        ]
        for number, each in enumerate(streams):
            m.d.comb += each.ready.eq(self.packets_out.ready & (merge.choice == number))
        return pace

    def _barrier(self, m: Module) -> BarrierPace:
        pace = BarrierPace(source=self.source)
        m.d.comb += [
            pace.offered.eq(self.events_in.valid),
            pace.release.eq(self.release),
            self.done.eq(pace.done),
        ]
        sent = self.packets_out.valid & self.packets_out.ready
        m.d.sync += self.balance.eq(self.balance + sent - self.packets_in.valid)
        return pace
