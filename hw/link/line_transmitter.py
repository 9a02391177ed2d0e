"""Frames onto the line."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .frame import CHECK_WIDTH, FrameFormat


class LineTransmitter(wiring.Component):
    """Sends a frame, or as long a silence, a symbol in ``oversampling`` cycles.

        body → [shift register] → start, body, CRC, stop → [line]
                     ↘ CRC ↗

    ``body`` is taken in a cycle with ``start`` and ``ready``: no stream, because what waits may still change. With
    ``silent`` the line stays high for the length of a frame.

    Latency: the start symbol is on the line 2 cycles after it was taken. Throughput: a frame in ``frame_cycles =
    oversampling * symbols`` cycles, without a gap.
    """

    def __init__(self, form: FrameFormat, *, oversampling: int) -> None:
        self.form, self.oversampling = form, oversampling
        super().__init__(
            {
                "start": In(1),
                "silent": In(1),
                "body": In(form.body),
                "ready": Out(1),
                "line": Out(form.wires, init=(1 << form.wires) - 1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        form, wires = self.form, self.form.wires
        m.submodules.crc = crc = form.check.create()
        rest = Signal(form.body_symbols * wires)  # of the body, the next symbol in the low bits
        running, quiet = Signal(), Signal()
        phase, place = Signal(range(self.oversampling)), Signal(range(form.symbols))
        turn, last = Signal(), Signal()  # a symbol ends; so does the frame
        in_body = (place >= 1) & (place <= form.body_symbols)
        symbol = Signal(wires)
        m.d.comb += [
            turn.eq(running & (phase == self.oversampling - 1)),
            last.eq(turn & (place == form.symbols - 1)),
            self.ready.eq(~running | last),
            crc.start.eq(place == 0),
            crc.data.eq(rest[:wires]),
            crc.valid.eq(turn & in_body),
            symbol.eq(~0),
        ]
        with m.If(running & ~quiet):
            with m.If(place == 0):
                m.d.comb += symbol.eq(0)
            with m.If(in_body):
                m.d.comb += symbol.eq(rest)
            for index in range(form.check_symbols):
                with m.If(place == 1 + form.body_symbols + index):
                    m.d.comb += symbol.eq(crc.crc[index * wires : min((index + 1) * wires, CHECK_WIDTH)])
        m.d.sync += self.line.eq(symbol)

        with m.If(running):
            m.d.sync += phase.eq(phase + 1)
        with m.If(turn):
            m.d.sync += [phase.eq(0), place.eq(place + 1)]
            with m.If(in_body):
                m.d.sync += rest.eq(rest >> wires)
        with m.If(last):
            m.d.sync += running.eq(0)
        with m.If(self.start & self.ready):
            m.d.sync += [running.eq(1), quiet.eq(self.silent), place.eq(0), rest.eq(self.body)]
        return m
