"""What a link sends next: the session's opening, flits, answers, and everything again after a timeout."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from .frame import FrameFormat, Kind


class State(enum.Enum, shape=unsigned(2)):
    """How far a session is: a frame that opens it has not come, has come, and was answered."""

    CLOSED = 0
    HALF = 1
    OPEN = 2


class Session(wiring.Component):
    """Chooses the kind of each frame, and what those that come are good for.

        CLOSED ──HELLO──→ HALF ──WELCOME, STATUS, PROBE, FLIT──→ OPEN
           └──────────────────WELCOME──────────────────────────────↗   HELLO leads back to HALF

    A side that does not know the other's numbers sends HELLO, one that knows them and does not know if its own are
    known sends WELCOME; both say where their numbers begin. A side in OPEN that gets HELLO sees that the other one was
    reset: it takes the new numbers, keeps its own and makes everything unsent that was not acknowledged.

    A line keeps order and stores nothing, so that two rules suffice where a network needs session numbers: no flit is
    sent before OPEN, and nothing is heard until the first HELLO was sent, behind a silence as long as a frame. What is
    heard then began more than a frame after the reset: by then the other side had got the last frame from before it,
    and its numbers did not move any more.

    ``timeout`` in cycles: for so long, while ``waiting`` (no session, or a flit that is not acknowledged), nothing
    moved. Then everything that is not acknowledged goes again, or else the question whether there is credit, behind
    a silence as long as a frame: in it a receiver that took the middle of a frame for its beginning finds back.
    """

    def __init__(self, form: FrameFormat, *, timeout: int) -> None:
        self.form, self.timeout = form, timeout
        super().__init__(
            {
                # frames that came
                "arrive": In(1),
                "arrived": In(Kind),
                "begin": Out(1),
                "update": Out(1),
                "deliver": Out(1),
                # the window of what is sent
                "available": In(1),
                "outstanding": In(1),
                "pending": In(1),
                "progress": In(1),
                "sent": Out(1),
                "back": Out(1),
                "again": Out(1),
                # frames to be sent
                "credit": In(form.number_width),
                "ready": In(1),
                "start": Out(1),
                "silent": Out(1),
                "kind": Out(Kind),
                "waiting": Out(1),
                "linked": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(State)
        heard, greeted, hearing = Signal(), Signal(), Signal()
        m.d.comb += [
            heard.eq(self.arrive & hearing),
            self.linked.eq(state == State.OPEN),
            self.waiting.eq(~self.linked | self.pending),
        ]

        hello, welcome = self.arrived == Kind.HELLO, self.arrived == Kind.WELCOME
        with m.If(heard):
            with m.If(hello):
                m.d.comb += self.begin.eq(1)
                m.d.sync += state.eq(State.HALF)
            with m.Elif(welcome | (state != State.CLOSED)):
                m.d.comb += [
                    self.update.eq(1),
                    self.begin.eq(welcome & ~self.linked),
                    self.deliver.eq(self.arrived == Kind.FLIT),
                ]
                m.d.sync += state.eq(State.OPEN)

        waited, expired = Signal(range(self.timeout)), Signal()
        m.d.comb += [
            expired.eq(self.waiting & (waited == self.timeout - 1)),
            self.back.eq(expired | (heard & hello)),
            self.again.eq(expired & self.outstanding),
        ]
        oldest = self.sent & ~self.outstanding  # its answer cannot have been on the way before
        with m.If(~self.waiting | expired | self.progress | self.begin | oldest):
            m.d.sync += waited.eq(0)
        with m.Else():
            m.d.sync += waited.eq(waited + 1)

        silence, due, asking = Signal(init=1), Signal(init=1), Signal()
        answer, told = Signal(), Signal.like(self.credit)
        flit, other = Signal(), Signal()
        m.d.comb += [
            flit.eq(self.linked & self.available),
            other.eq(due | (self.linked & (asking | (self.credit != told)))),
            self.silent.eq(silence),
            self.start.eq(silence | flit | other),
            self.sent.eq(self.ready & ~silence & flit),
        ]
        with m.If(flit):
            m.d.comb += self.kind.eq(Kind.FLIT)
        with m.Elif(self.linked):
            m.d.comb += self.kind.eq(Mux(asking, Kind.PROBE, Kind.STATUS))
        with m.Else():
            m.d.comb += self.kind.eq(Mux(state == State.HALF, Kind.WELCOME, Kind.HELLO))
        # A cycle later, so that the answer also tells of the room that a flit leaves which is taken at once.
        m.d.sync += answer.eq(heard & (self.arrived != Kind.STATUS))
        with m.If(self.start & self.ready):
            with m.If(silence):
                m.d.sync += silence.eq(0)
            with m.Else():
                m.d.sync += [due.eq(0), asking.eq(0), told.eq(self.credit), greeted.eq(1)]
        with m.If(greeted & self.ready):
            m.d.sync += hearing.eq(1)
        with m.If(answer):
            m.d.sync += due.eq(1)
        with m.If(expired):
            m.d.sync += [silence.eq(1), asking.eq(self.linked), due.eq(due | ~self.linked)]
        return m
