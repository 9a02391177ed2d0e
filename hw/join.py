"""Puts the steps of several streams together into one: how a core gets spikes of more than one layer."""

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .config import Feed
from .core.fetch import COUNTER_WIDTH, count_up
from .stream import event_stream


class Join(wiring.Component):
    """Of each step first all events of one feed, then those of the next, then one ``step_end``.

        events_0, events_1, … → [whose turn it is] → events

    ``feeds``: what comes from where, the streams that bring this step first, then those that bring the step before
    (``Feed.back``); ``axons``: indices of each, ``negative``: whether its spikes may be. An event is sent once for each
    of its feed's ``offsets``, which is added to its index. The first step of a sample has none before it: feeds from
    back have no turn in it, and at a sample's end their last step, which nothing needs, is taken and dropped. ``idle``:
    it is not within a step, nor dropping. An index that the chip's input does not have is dropped and counted in
    ``rejected``, which sticks at its maximum.

    Latency: none for events. Throughput: an event and offset a cycle; the end of each feed but the last takes a cycle.

    Deadlock: where the feeds of a step come in the order of the layers, the first of them never waits for a later one;
    those from back lie complete in a buffer of a whole step (:class:`.top.Chip`).
    """

    def __init__(self, feeds: tuple[Feed, ...], axons: tuple[int, ...], negative: tuple[bool, ...]) -> None:
        self.feeds, self.axons, self.negative = feeds, axons, negative
        total = max(max(feed.offsets) + count for feed, count in zip(feeds, axons, strict=True))
        streams = {
            f"events_{number}": In(event_stream(count, negative=below))
            for number, (count, below) in enumerate(zip(axons, negative, strict=True))
        }
        events = Out(event_stream(total, negative=any(negative)))
        outputs = {"events": events, "idle": Out(1), "rejected": Out(COUNTER_WIDTH)}
        super().__init__(streams | outputs)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count, forward = len(self.feeds), sum(not feed.back for feed in self.feeds)
        turn = Signal(range(count))
        first = Signal(init=1)
        dropping = Signal()
        sample_end = Signal()
        most = max(len(feed.offsets) for feed in self.feeds)
        copy = Signal(range(most))  # of the event's offsets the one whose turn it is
        out, last, ended = self.events, Signal(), Signal()
        m.d.comb += [
            last.eq((turn == count - 1) | (first & (turn == forward - 1))),
            self.idle.eq(~dropping & (turn == 0)),
        ]
        final: Value = sample_end  # as the first of the feeds has said, or says just now
        with m.Switch(turn):
            for number, feed in enumerate(self.feeds):
                source = getattr(self, f"events_{number}")
                with m.Case(number):
                    event = source.payload
                    legal: Value = Const(1)
                    if feed.source < 0:
                        legal = event.step_end | (event.index < self.axons[number])
                        count_up(m, self.rejected, source.valid & ~legal)
                    offset: Value = Const(feed.offsets[0])
                    copied: Value = Const(1)  # it is the last of them
                    if len(feed.offsets) > 1:
                        offset = Array(Const(each) for each in feed.offsets)[copy]
                        copied = (copy == len(feed.offsets) - 1) | event.step_end | ~legal
                        with m.If(out.valid & out.ready):
                            m.d.sync += copy.eq(Mux(copied, 0, copy + 1))
                    m.d.comb += [
                        out.payload.index.eq(event.index + offset),
                        out.payload.step_end.eq(event.step_end),
                        out.payload.sample_end.eq(event.sample_end if number == 0 else final),
                        out.valid.eq(source.valid & legal & ~dropping & (~event.step_end | last)),
                        source.ready.eq((out.ready & copied) | dropping | ~legal | (event.step_end & ~last)),
                        ended.eq(source.valid & source.ready & event.step_end),
                    ]
                    if self.negative[number]:
                        m.d.comb += out.payload.negative.eq(event.negative)
        with m.If(ended):
            m.d.sync += turn.eq(turn + 1)
            with m.If(turn == 0):
                m.d.sync += sample_end.eq(self.events_0.payload.sample_end)
            with m.If(dropping), m.If(turn == count - 1):
                m.d.sync += [dropping.eq(0), turn.eq(0)]
            with m.Elif(last):
                m.d.sync += [turn.eq(0), first.eq(out.payload.sample_end)]
                if forward < count:
                    with m.If(out.payload.sample_end):
                        m.d.sync += [dropping.eq(1), turn.eq(forward)]
        return m
