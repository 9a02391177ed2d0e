"""Frames from the line."""

from amaranth.hdl import Module, Signal
from amaranth.lib import cdc, wiring
from amaranth.lib.wiring import In, Out

from .frame import CHECK_WIDTH, FrameFormat

STAGES = 2  # of the synchroniser


class LineReceiver(wiring.Component):
    """Finds frames on a line that follows another clock, and checks them.

        line → [synchroniser] → falling edge, sampling → [shift register] → body
                                                  ↘ CRC → valid, corrupted

    The falling edge of wire 0 begins a frame; each symbol is sampled in its middle, and the next frame has an edge of
    its own. An edge that is not a start symbol any more half a symbol later begins nothing. ``valid`` or ``corrupted``
    (a wrong CRC, or no stop symbol) is high for a cycle at the end of each frame; ``body`` stays until the next one.

    Clocks may differ: with ``half = oversampling // 2`` every frame is read if the other side's cycle is longer by a
    share of at most ``(half - 1) / (oversampling * (symbols - 1))``, or shorter by less than
    ``half / (oversampling * symbols)``; for even ``oversampling``, edges without jitter. Wires may arrive ``half - 1``
    cycles before or after wire 0, at equal clocks.

    Latency: ``valid`` is high ``STAGES + oversampling * (symbols - 1) + half`` cycles after the start symbol
    came onto the line.
    """

    def __init__(self, form: FrameFormat, *, oversampling: int) -> None:
        self.form, self.oversampling = form, oversampling
        super().__init__({"line": In(form.wires), "body": Out(form.body), "valid": Out(1), "corrupted": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        form, wires = self.form, self.form.wires
        high = (1 << wires) - 1
        now, before = Signal(wires, init=high), Signal(init=1)
        m.submodules.synchroniser = cdc.FFSynchronizer(self.line, now, init=high, stages=STAGES)
        m.d.sync += before.eq(now[0])
        m.submodules.crc = crc = form.check.create()
        body = Signal(form.body_symbols * wires)  # symbols enter at the top
        running, wrong, sample = Signal(), Signal(), Signal()
        wait, place = Signal(range(self.oversampling)), Signal(range(form.symbols))
        in_body = (place >= 1) & (place <= form.body_symbols)
        m.d.comb += [
            sample.eq(running & (wait == 0)),
            crc.start.eq(place == 0),
            crc.data.eq(now),
            crc.valid.eq(sample & in_body),
            self.body.eq(body[: form.body.size]),
        ]
        m.d.sync += [self.valid.eq(0), self.corrupted.eq(0)]
        with m.If(running):
            m.d.sync += wait.eq(wait - 1)
        with m.Elif(before & ~now[0]):
            # The edge is up to a cycle old: half a symbol less one is the middle, on average half a cycle early.
            m.d.sync += [running.eq(1), place.eq(0), wrong.eq(0), wait.eq(self.oversampling // 2 - 2)]
        with m.If(sample):
            m.d.sync += [wait.eq(self.oversampling - 1), place.eq(place + 1)]
            with m.If((place == 0) & now.any()):
                m.d.sync += running.eq(0)
            with m.If(in_body):
                m.d.sync += body.eq((body >> wires) | (now << (form.body_symbols - 1) * wires))
            for index in range(form.check_symbols):
                with m.If(place == 1 + form.body_symbols + index):
                    expected = crc.crc[index * wires : min((index + 1) * wires, CHECK_WIDTH)]
                    m.d.sync += wrong.eq(wrong | (now[: len(expected)] != expected))
            with m.If(place == form.symbols - 1):
                good = ~wrong & now.all()
                m.d.sync += [running.eq(0), self.valid.eq(good), self.corrupted.eq(~good)]
        return m
