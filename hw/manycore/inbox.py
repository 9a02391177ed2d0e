"""What arrives at a tile: two lists of events, one for each of two steps."""

from amaranth.hdl import Array, Cat, Module, Mux, Shape, Signal, Value, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from ..link.watch import COUNTER_WIDTH, count
from ..memory import BLOCK_MEMORY
from ..stream import event_stream
from .packet import Kind, PacketFormat


class Inbox(wiring.Component):
    """Turns packets of several senders, in any order, into an event stream of one step after the other.

        packets ─→ list of this step ─→ events
              └──→ list of the next ──↗

    Packets are always taken, so that none waits in the mesh. Events of this step go on as they come; its ``step_end``
    follows when all ``senders`` have said how many events they sent, and as many have come. Then ``consumed`` offers
    the step's low bit, and its list is free for the step after the next: a sender must not send events of a step
    before. ``complete``: all of this step has come. While ``may_consume`` is 0, nothing goes on.

    ``rejected`` counts events of indices that do not exist, more events than a step can have, packets for a step that
    was complete and those of no kind, which are dropped, and cycles of ``malformed``. It sticks at its maximum. So do
    the counts by which a step ends, all at the same one: it ends however many events come.

    Latency: an event that comes in cycle c is offered in c + 3. Throughput: an event a cycle.
    """

    def __init__(
        self, indices: int, format: PacketFormat, *, most: int | None = None, width: int | None = None, senders: int
    ) -> None:
        """``indices`` of events, and the ``most`` of them that a step can have, else one of each index; ``width`` in
        bits of their values, None without. ``senders``: the most there can be."""
        self.indices, self.format, self.width = indices, format, width
        self.most = indices if most is None else most
        super().__init__(
            {
                "packets": In(stream.Signature(format.payload, always_ready=True)),
                "senders": In(range(senders + 1)),
                "events": Out(event_stream(indices, width)),
                "complete": Out(1),
                "may_consume": In(1),
                "malformed": In(1),
                "consumed": Out(stream.Signature(1)),
                "rejected": Out(COUNTER_WIDTH),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        most, packet = self.most, self.packets.payload
        spike, end = (data.View(body, packet.body[: body.size]) for body in (self.format.spike, self.format.end))

        def twice(shape: object, name: str) -> Array:  # one for each step
            return Array(Signal(shape, name=f"{name}{step}") for step in range(2))

        counted = range(2 * max(self.format.axons, most))
        most_counted = (1 << Shape.cast(counted).width) - 1
        arrived, announced = twice(counted, "arrived"), twice(counted, "announced")
        stored, ends, last = twice(range(most + 1), "stored"), twice(self.senders.shape(), "ends"), twice(1, "last")
        complete = Array((ends[step] == self.senders) & (arrived[step] >= announced[step]) for step in range(2))
        is_spike = Signal()
        is_end = Signal()
        legal = Signal()
        exists = spike.index < self.indices
        m.d.comb += [
            is_spike.eq(self.packets.valid & (packet.kind == Kind.SPIKE)),
            is_end.eq(self.packets.valid & (packet.kind == Kind.END)),
            legal.eq(~complete[packet.step] & Mux(is_spike, exists & (stored[packet.step] != most), 1)),
        ]
        with m.If(is_spike & ~complete[packet.step]):
            m.d.sync += arrived[packet.step].eq(arrived[packet.step] + ~arrived[packet.step].all())
        with m.If(is_spike & legal):
            m.d.sync += stored[packet.step].eq(stored[packet.step] + 1)
        total = announced[packet.step] + end.events
        with m.If(is_end & legal):
            m.d.sync += [
                ends[packet.step].eq(ends[packet.step] + 1),
                announced[packet.step].eq(Mux(total > most_counted, most_counted, total)),
                last[packet.step].eq(end.sample_end),
            ]
        no_kind = self.packets.valid & (Value.cast(packet.kind) == len(Kind))
        count(m, self.rejected, ((is_spike | is_end) & ~legal) | no_kind | self.malformed)

        step = Signal()  # the low bit of this step's number
        place = Signal(range(most + 1))
        event = Signal()  # what the list gives
        ending = Signal()
        sample_end = Signal()
        free = Signal()
        finished = Signal()
        listed = self._list(m, is_spike & legal, packet.step, stored, spike, free, step, place)
        shows = ~self.events.valid | self.events.ready  # the register behind the list takes what it gives
        m.d.comb += [
            free.eq(~(event | ending) | shows),
            self.complete.eq(complete[step]),
            finished.eq(free & self.may_consume & (place == stored[step]) & complete[step]),
            self.consumed.valid.eq(finished),
            self.consumed.payload.eq(step),
            self.idle.eq(~event & ~ending & ~self.events.valid & (place == stored[step]) & ~complete[step]),
        ]
        with m.If(shows):
            m.d.sync += [
                self.events.valid.eq(event | ending),
                self.events.payload.index.eq(Mux(event, listed.index, 0)),
                self.events.payload.step_end.eq(ending),
                self.events.payload.sample_end.eq(ending & sample_end),
            ]
            if self.width is not None:
                m.d.sync += self.events.payload.value.eq(Mux(event, listed.value, 0))
        with m.If(free):
            m.d.sync += [event.eq(0), ending.eq(0)]
            with m.If(self.may_consume & (place != stored[step])):
                m.d.sync += [event.eq(1), place.eq(place + 1)]
        with m.If(finished & self.consumed.ready):
            m.d.sync += [ending.eq(1), sample_end.eq(last[step]), place.eq(0), step.eq(~step)]
            for signals in (arrived, announced, stored, ends, last):
                m.d.sync += signals[step].eq(0)
        return m

    def _list(
        self,
        m: Module,
        put: Value,
        of: Value,
        stored: Array,
        spike: data.View,
        take: Value,
        step: Value,
        place: Value,
    ) -> data.View:
        """The memory of both lists: writes ``spike`` behind those ``stored``; the event at ``place``, a cycle after
        ``take``."""
        bits = index_width(self.most)
        m.submodules.lists = lists = memory.Memory(
            shape=unsigned(self.format.spike.size), depth=2 << bits, init=[], attrs=BLOCK_MEMORY
        )
        write, read = lists.write_port(), lists.read_port()
        m.d.comb += [
            write.en.eq(put),
            write.addr.eq(Cat(stored[of][:bits], of)),
            write.data.eq(spike.as_value()),
            read.en.eq(take),
            read.addr.eq(Cat(place[:bits], step)),
        ]
        return data.View(self.format.spike, read.data)
