"""What leaves a tile: each event to all targets of its list, then the end of the step to every target."""

from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from ..memory import LoadableMemory, LoadSignature
from ..stream import event_stream
from .packet import Kind, PacketFormat
from .places import PlaceMemory


class Outbox(wiring.Component):
    """Sends events as packets.

        events → start of its list → list → entry ─┬→ packets
                                        targets ────┘

    ``load_starts``: for each event's index the place of its list in the memory of lists. ``load_lists``: the lists,
    entries of :meth:`PacketFormat.entry`, at least one each. ``load_targets``: coordinates of each target; ``targets``
    are used. An event of the present step, whose low bit is ``step``, is taken only with ``may_send``; ``closing`` is 1
    when its end is taken, ``ended`` when its last packet leaves. A list without a last entry is cut after as many as
    there are entries in all: ``endless``, for a cycle.

    Latency: the first packet of an event that is taken in cycle c is offered in c + 3. Throughput: a packet a cycle,
    and an event every other cycle at most; the end of a step costs a packet for each target, and 3 cycles more. After
    reset it needs a cycle for each place of a target.
    """

    def __init__(
        self, indices: int, format: PacketFormat, *, width: int | None = None, entries: int, targets: int
    ) -> None:
        """``indices`` of events; ``width`` in bits of their values, None without. ``entries`` of all lists;
        ``targets``: the most there can be."""
        self.indices, self.format, self.width = indices, format, width
        self.entries, self.most = entries, targets
        super().__init__(
            {
                "events": In(event_stream(indices, width)),
                "packets": Out(stream.Signature(format.flit)),
                "targets": In(range(targets + 1)),
                "step": Out(1),
                "may_send": In(1),
                "closing": Out(1),
                "ended": Out(1),
                "endless": Out(1),
                "load_starts": In(LoadSignature(indices, index_width(entries))),
                "load_lists": In(LoadSignature(entries, format.entry(targets).size)),
                "load_targets": In(LoadSignature(targets, format.place.size)),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        clearing = Signal(init=1)  # counts of events are not yet 0
        waiting = Signal()  # an event whose list's start is looked up
        held = Signal.like(self.events.payload)
        sending = Signal()  # an event whose list is walked through
        event = Signal.like(self.events.payload)
        shown = Signal()
        entry = Signal(self.format.entry(self.most))  # of the list, for the event
        index = Signal.like(self.events.payload)
        begin = Signal()
        walk = Signal()
        ending = Signal()
        take = Signal()
        number = Signal(range(self.most))  # of the target that is told of the end, or whose count is cleared

        read = self._lists(m, take, held, begin, walk)
        target = Mux(clearing | ending, number, entry.target)
        leaves = shown & self.packets.ready
        count = self._counts(m, target, leaves, clearing | (ending & self.packets.ready))
        m.submodules.places = places = PlaceMemory(self.format, self.most)
        wiring.connect(m, wiring.flipped(self.load_targets), places.load)
        last_target = Signal()
        left = Signal(range(self.entries))  # entries that a list can have yet, after this one
        longest = Signal()  # there are none left
        last = Signal()
        with m.If(begin):
            m.d.sync += [left.eq(self.entries - 1), longest.eq(self.entries == 1)]
        with m.Elif(walk):
            m.d.sync += [left.eq(left - 1), longest.eq(left == 1)]
        m.d.comb += [
            self.events.ready.eq(~clearing & self.may_send & ~waiting),
            take.eq(self.events.valid & self.events.ready),
            self.closing.eq(take & self.events.payload.step_end),
            begin.eq(waiting & ~held.step_end & (~sending | (walk & last))),
            last.eq(read.last | longest),
            self.endless.eq(walk & last & ~read.last),
            walk.eq(sending & (~shown | self.packets.ready)),
            ending.eq(waiting & held.step_end & ~sending & ~shown),
            last_target.eq(number == self.targets - 1),
            self.ended.eq(ending & self.packets.ready & last_target),
            self.idle.eq(~clearing & ~waiting & ~sending & ~shown),
            places.number.eq(target),
        ]
        with m.If(begin):
            m.d.sync += [waiting.eq(0), sending.eq(1), event.eq(held)]
        with m.Elif(walk & last):
            m.d.sync += sending.eq(0)
        with m.If(walk):
            m.d.sync += [shown.eq(1), entry.eq(read), index.eq(event)]
        with m.Elif(leaves):
            m.d.sync += shown.eq(0)
        with m.If(take):
            m.d.sync += [waiting.eq(1), held.eq(self.events.payload)]
        with m.If(clearing):
            m.d.sync += number.eq(Mux(number == self.most - 1, 0, number + 1))
            m.d.sync += clearing.eq(number != self.most - 1)
        with m.If(ending & self.packets.ready):
            m.d.sync += number.eq(Mux(last_target, 0, number + 1))
        with m.If(self.ended):
            m.d.sync += [waiting.eq(0), self.step.eq(~self.step)]
        self._packet(m, shown | ending, ending, places, entry, index, held, count)
        return m

    def _packet(
        self,
        m: Module,
        valid: Value,
        ending: Value,
        places: PlaceMemory,
        entry: data.View,
        event: data.View,
        held: data.View,
        count: Value,
    ) -> None:
        flit, payload = self.packets.payload, self.packets.payload.payload
        spike = Signal(self.format.spike)
        end = Signal(self.format.end)
        m.d.comb += [
            self.packets.valid.eq(valid),
            flit.x.eq(places.place.x),
            flit.y.eq(places.place.y),
            payload.kind.eq(Mux(ending, Kind.END, Kind.SPIKE)),
            payload.step.eq(self.step),
            spike.index.eq(event.index + entry.offset),
            end.events.eq(count),
            end.sample_end.eq(held.sample_end),
            payload.body.eq(Mux(ending, end.as_value(), spike.as_value())),
        ]
        if self.width is not None:
            m.d.comb += spike.value.eq(event.value)

    def _lists(self, m: Module, take: Value, held: data.View, begin: Value, walk: Value) -> data.View:
        """The memories of starts and lists; the entry that is sent. An address stays until what it gave is used."""
        m.submodules.starts = starts = LoadableMemory(depth=self.indices, width=index_width(self.entries))
        layout = self.format.entry(self.most)
        m.submodules.lists = lists = LoadableMemory(depth=self.entries, width=layout.size)
        wiring.connect(m, wiring.flipped(self.load_starts), starts.load)
        wiring.connect(m, wiring.flipped(self.load_lists), lists.load)
        place = Signal(index_width(self.entries))
        m.d.comb += [
            starts.read_address.eq(Mux(take, self.events.payload.index, held.index)),
            lists.read_address.eq(Mux(begin, starts.read_data, place + walk)),
        ]
        m.d.sync += place.eq(lists.read_address)
        return data.View(layout, lists.read_data)

    def _counts(self, m: Module, target: Value, more: Value, clear: Value) -> Value:
        """How many events of the step were sent to ``target``."""
        width = self.format.end["events"].width
        m.submodules.counts = counts = memory.Memory(shape=unsigned(width), depth=self.most, init=[])
        read, write = counts.read_port(domain="comb"), counts.write_port()
        m.d.comb += [
            read.addr.eq(target),
            write.addr.eq(target),
            write.en.eq(more | clear),
            write.data.eq(Mux(clear, 0, read.data + ~read.data.all())),
        ]
        return read.data
