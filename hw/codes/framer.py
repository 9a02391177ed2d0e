"""Makes whole frames of what a host sends: a value for each input, then the frame's end."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..core.fetch import COUNTER_WIDTH, count_up


def item_layout(width: int) -> data.StructLayout:
    """A ``value`` of a frame, or its ``end``; with that ``sample_end``: the sample ends, too."""
    return data.StructLayout({"value": width, "end": 1, "sample_end": 1})


class Framer(wiring.Component):
    """Frames of ``inputs`` values of ``0 … maximum``, at most ``frames`` of them in a sample.

        value, ends → [checks] → items: values, then the end

    ``end`` comes with the last value of a frame, ``sample_end`` with that of a sample. Whatever comes, what leaves are
    whole frames: a value above ``maximum`` is taken as ``maximum``; values that are missing when a frame ends are 0;
    those after the last one of a frame are dropped, and so are, where a sample has had its last frame without
    ``sample_end``, all up to the one with ``sample_end``. ``rejected`` counts each of these values, a cycle later, and
    sticks at its maximum.

    Latency: none for values; the end leaves in a cycle of its own. Throughput: ``inputs + 1`` cycles a frame.
    """

    def __init__(self, *, inputs: int, maximum: int, frames: int) -> None:
        self.inputs, self.maximum, self.frames = inputs, maximum, frames
        width = maximum.bit_length()
        super().__init__(
            {
                "value": In(width),
                "end": In(1),
                "sample_end": In(1),
                "valid": In(1),
                "ready": Out(1),
                "items": Out(stream.Signature(item_layout(width))),
                "rejected": Out(COUNTER_WIDTH),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        place = Signal(range(self.inputs + 1))  # of the next item
        frame = Signal(range(self.frames))
        ended, final = Signal(), Signal()  # the frame's end has come, and the sample's
        overrun = Signal()  # the sample had all its frames, but no end
        full, last = Signal(), Signal()
        ends, faulty = Signal(), Signal()
        items, item = self.items, self.items.payload
        m.d.comb += [
            full.eq(place == self.inputs),
            last.eq(frame == self.frames - 1),
            ends.eq(self.end | self.sample_end),
            item.end.eq(full),
            item.sample_end.eq(final | last),
            self.idle.eq((place == 0) & (frame == 0) & ~overrun),
        ]
        with m.If(overrun):
            m.d.comb += [self.ready.eq(1), faulty.eq(self.valid)]
            with m.If(self.valid & self.sample_end):
                m.d.sync += overrun.eq(0)
        with m.Elif(ended):  # what is missing, and the end
            m.d.comb += [items.valid.eq(1), faulty.eq(items.ready & ~full)]
        with m.Elif(full):  # too many
            m.d.comb += [self.ready.eq(1), faulty.eq(self.valid)]
        with m.Else():
            excess = Signal()
            m.d.comb += [
                excess.eq(self.value > self.maximum),
                items.valid.eq(self.valid),
                self.ready.eq(items.ready),
                item.value.eq(Mux(excess, self.maximum, self.value)),
                faulty.eq(self.valid & self.ready & excess),
            ]
        with m.If(self.valid & self.ready & ~overrun):
            m.d.sync += [ended.eq(ends), final.eq(self.sample_end)]
        with m.If(items.valid & items.ready):
            m.d.sync += place.eq(place + 1)
            with m.If(full):
                m.d.sync += [place.eq(0), ended.eq(0), frame.eq(frame + 1), overrun.eq(last & ~final)]
                with m.If(item.sample_end):
                    m.d.sync += frame.eq(0)
        counted = Signal()
        m.d.sync += counted.eq(faulty)
        count_up(m, self.rejected, counted)
        return m
