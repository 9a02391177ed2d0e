"""The sending end's window: flits that wait to be sent, or to be acknowledged."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import index_width
from .frame import FrameFormat


class SenderWindow(wiring.Component):
    """Keeps flits until the other side has them, and says which comes next.

        flits_in → | … acknowledged | base … sent | next … limit … | top
                                                      └ flit, sequence

    Three sequence numbers point into a ring of at least ``window`` flits: ``base``, the oldest that is not
    acknowledged; ``next``, which is sent next (``sequence``); ``top``, which the next of ``flits_in`` gets. ``limit``
    is the first for which the other side gave no credit. In a cycle with ``sent`` the flit shown is on its way; in one
    with ``back`` all that is not acknowledged becomes unsent. ``update`` takes ``acknowledge`` and ``credit`` of a
    frame; ``progress``: they say something new. ``available``: a flit may be sent; ``outstanding``: one is sent and not
    acknowledged; ``pending``: one is not acknowledged, sent or not.

    Latency: 1 cycle from ``flits_in`` to ``available``. Throughput: a flit a cycle.
    """

    def __init__(self, form: FrameFormat) -> None:
        self.form = form
        number = form.number_width
        super().__init__(
            {
                "flits_in": In(stream.Signature(form.width)),
                "sequence": Out(number),
                "flit": Out(form.width),
                "available": Out(1),
                "outstanding": Out(1),
                "pending": Out(1),
                "sent": In(1),
                "back": In(1),
                "update": In(1),
                "acknowledge": In(number),
                "credit": In(number),
                "progress": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        form = self.form
        place = index_width(form.window)  # bits of a number that point into the ring
        m.submodules.ring = ring = memory.Memory(shape=unsigned(form.width), depth=1 << place, init=[])
        read, write = ring.read_port(domain="comb"), ring.write_port()
        base, following, top, limit = (
            Signal(form.number_width, name=name) for name in ("base", "next", "top", "limit")
        )
        held, gone, news = (Signal(form.number_width, name=name) for name in ("held", "gone", "news"))
        legal = Signal()
        m.d.comb += [
            # Distances from the base, each modulo all numbers.
            held.eq(top - base),
            gone.eq(following - base),
            news.eq(self.acknowledge - base),
            legal.eq(self.update & (news <= held)),
            self.flits_in.ready.eq(held != form.window),
            write.en.eq(self.flits_in.valid & self.flits_in.ready),
            write.addr.eq(top[:place]),
            write.data.eq(self.flits_in.payload),
            read.addr.eq(following[:place]),
            self.flit.eq(read.data),
            self.sequence.eq(following),
            self.available.eq((following != top) & (following != limit)),
            self.outstanding.eq(gone != 0),
            self.pending.eq(held != 0),
            self.progress.eq(legal & ((news != 0) | (self.credit != limit))),
        ]
        with m.If(write.en):
            m.d.sync += top.eq(top + 1)
        with m.If(self.sent):
            m.d.sync += following.eq(following + 1)
        with m.If(legal):
            m.d.sync += [base.eq(self.acknowledge), limit.eq(self.credit)]
            with m.If(news > gone):  # acknowledged while it waits to be sent again
                m.d.sync += following.eq(self.acknowledge)
        with m.If(self.back):
            m.d.sync += following.eq(Mux(legal, self.acknowledge, base))
        return m
