"""The network interface: between a router and a core, or the outside."""

from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..memory import LoadSignature
from ..router.arbiter import RoundRobin
from ..stream import event_stream
from .credit import CreditLedger, CreditSender
from .inbox import COUNTER_WIDTH, Inbox
from .outbox import Outbox
from .packet import Kind, PacketFormat


@dataclass(frozen=True)
class InterfaceConfig:
    """``receives``: indices of events that come in; ``sends``: of those that go out, each with ``..._values`` or not.

    ``senders``, ``targets``: the most places that send here, and that are sent to. ``entries`` of all fan-out lists.
    """

    receives: int
    sends: int
    receives_values: bool
    sends_values: bool
    senders: int
    targets: int
    entries: int


class Interface(wiring.Component):
    """Packets in, events of one step after the other out; and the way back.

        packets_in ─┬→ inbox ───────────→ events_out
                    │    └→ credit sender ─┐
                    └→ credit ledger       ├→ packets_out
        events_in ───→ outbox ─────────────┘

    Packets are always taken, so that the mesh never waits for a core: what a core has no room for is what its senders
    have no credit for. Ports ``load_*`` write the tables; ``senders`` and ``targets`` say how many of their places count.

    Latency: that of :class:`Inbox` and :class:`Outbox`. Throughput: a packet a cycle each way.
    """

    def __init__(self, config: InterfaceConfig, format: PacketFormat) -> None:
        self.config, self.format = config, format
        out_width = format.value_width if config.receives_values else None
        in_width = format.value_width if config.sends_values else None
        self._outbox = Outbox(
            config.sends, format, valued=config.sends_values, entries=config.entries, targets=config.targets
        )
        loads = {name: member for name, member in self._outbox.signature.members.items() if name.startswith("load_")}
        super().__init__(
            {
                "packets_in": In(stream.Signature(format.flit)),
                "packets_out": Out(stream.Signature(format.flit)),
                "events_in": In(event_stream(config.sends, in_width)),
                "events_out": Out(event_stream(config.receives, out_width)),
                "senders": In(range(config.senders + 1)),
                "targets": In(range(config.targets + 1)),
                "load_sources": In(LoadSignature(config.senders, format.place.size)),
                "rejected": Out(COUNTER_WIDTH),
                "idle": Out(1),
            }
            | loads
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, format = self.config, self.format
        m.submodules.inbox = inbox = Inbox(
            config.receives, format, valued=config.receives_values, senders=config.senders
        )
        m.submodules.outbox = outbox = self._outbox
        m.submodules.ledger = ledger = CreditLedger(config.targets)
        m.submodules.credits = credits = CreditSender(format, senders=config.senders)
        wiring.connect(m, wiring.flipped(self.events_in), outbox.events)
        wiring.connect(m, inbox.events, wiring.flipped(self.events_out))
        wiring.connect(m, inbox.consumed, credits.consumed)
        wiring.connect(m, wiring.flipped(self.load_sources), credits.load)
        for load in ("load_starts", "load_lists", "load_targets"):
            wiring.connect(m, wiring.flipped(getattr(self, load)), getattr(outbox, load))
        packet = self.packets_in.payload.payload
        is_credit = packet.kind == Kind.CREDIT
        m.d.comb += [
            self.packets_in.ready.eq(1),
            inbox.packets.valid.eq(self.packets_in.valid & ~is_credit),
            inbox.packets.payload.eq(packet),
            inbox.senders.eq(self.senders),
            credits.senders.eq(self.senders),
            outbox.targets.eq(self.targets),
            outbox.may_send.eq(ledger.may_send),
            ledger.targets.eq(self.targets),
            ledger.step.eq(outbox.step),
            ledger.ended.eq(outbox.ended),
            ledger.credits.valid.eq(self.packets_in.valid & is_credit),
            ledger.credits.payload.eq(packet.step),
            self.rejected.eq(inbox.rejected),
            self.idle.eq(inbox.idle & outbox.idle & ledger.settled & credits.idle),
        ]
        self._merge(m, [outbox.packets, credits.packets])
        return m

    def _merge(self, m: Module, streams: list[stream.Interface]) -> None:
        m.submodules.merge = merge = RoundRobin(len(streams))
        m.d.comb += [
            merge.requests.eq(Cat(each.valid for each in streams)),
            merge.taken.eq(self.packets_out.ready),
            self.packets_out.valid.eq(merge.requests.any()),
            self.packets_out.payload.eq(Array(each.payload for each in streams)[merge.choice]),
        ]
        for number, each in enumerate(streams):
            m.d.comb += each.ready.eq(self.packets_out.ready & (merge.choice == number))
