"""The serial link between two chips: every flit arrives once and in order, whatever the line does."""

from amaranth.hdl import Module, Mux
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .frame import FrameFormat, Kind
from .line_receiver import LineReceiver
from .line_transmitter import LineTransmitter
from .receiver import ReceiverWindow
from .sender import SenderWindow
from .session import Session
from .watch import COUNTER_WIDTH, Watch, count


class Link(wiring.Component):
    """One end of a serial link: flits to and from another chip with a clock of its own.

        flits_in  → [sender's window] → frame → [line transmitter] → line_out
                         ↑ acknowledge, credit       ↑ acknowledge, credit
                      [session] ←───────────────┐  ┌─┘
        flits_out ← [receiver's window] ← frame ← [line receiver] ← line_in

    Connect ``line_out`` of each side to ``line_in`` of the other; both have the same parameters. Lines are high when
    idle, and silent while there is nothing to send or to answer. Frames: :class:`~.frame.FrameFormat`; clocks may
    differ as :class:`~.line_receiver.LineReceiver` says, and a line may delay by less than a frame.

    Go-back-N: the receiver takes only the flit that is due, and after a timeout everything is sent again that is not
    acknowledged. A line keeps order and a round trip is some frames, so that to send again selectively would save a few
    frames an error, for a receiver that sorts. The sender keeps to the receiver's credit: its stream may stall for
    ever, and no flit is dropped for want of room. A frame with a wrong CRC or no stop symbol is dropped.

    Reset of one side: what it had taken and not delivered is lost with it. The sides then open a new session, in which
    each flit from either side arrives once and in order. The other side begins it with the oldest flit that was not
    acknowledged: the first flits, fewer than ``window`` + 1, may have arrived before the reset too. What it had
    received stays in ``flits_out``.

    Parameters: ``width`` of a flit in bits; ``wires`` each way, 1 to 8; ``oversampling``, cycles of a symbol, at
    least 4; ``window``, flits on the way, and the receiver's room; ``timeout`` in cycles, at least 5 frames and 32
    cycles, which is the default; ``patience`` in cycles, at least ``timeout``, by default four of it. Raises ValueError
    for other values, and for a frame's body beyond 135 bits.

    ``linked``: a session is open. ``down``: for more than ``patience`` cycles no good frame came, although there is no
    session or a flit is not acknowledged; the next good frame clears it, and nothing is lost. Counters: ``outages``,
    how often ``down`` rose; ``corrupted``, frames that were dropped; ``retransmissions``, times that everything was
    sent again that was not acknowledged. They have 16 bits and stick at their maximum.

    Latency at equal clocks on a line without delay: ``flits_out`` offers a flit ``latency = frame_cycles - oversampling
    + oversampling // 2 + 6`` cycles after ``flits_in`` took it, if nothing is on the line. Throughput: a flit in
    ``frame_cycles = oversampling * symbols`` cycles in each direction for a window of at least 4 flits (an acknowledge
    takes up to 3 frames: its flit's, the one that the other side has begun, the one that carries it); with a window of
    1, one way, a flit in ``2 * latency`` cycles. An error costs up to a timeout, a silent frame, and the window.
    """

    def __init__(
        self,
        *,
        width: int,
        wires: int = 1,
        oversampling: int = 4,
        window: int = 4,
        timeout: int | None = None,
        patience: int | None = None,
    ) -> None:
        self.form = FrameFormat(width, wires, window)
        if oversampling < 4:
            raise ValueError(f"Oversampling of a link must be at least 4 cycles, not {oversampling}")
        self.oversampling = oversampling
        shortest = 5 * self.frame_cycles + 32
        self.timeout = shortest if timeout is None else timeout
        if self.timeout < shortest:
            raise ValueError(f"Timeout of a link must be at least {shortest} cycles, not {timeout}")
        self.patience = 4 * self.timeout if patience is None else patience
        if self.patience < self.timeout:
            raise ValueError(f"Patience of a link must be at least its timeout, {self.timeout} cycles, not {patience}")
        super().__init__(
            {
                "flits_in": In(stream.Signature(width)),
                "flits_out": Out(stream.Signature(width)),
                "line_out": Out(wires, init=(1 << wires) - 1),
                "line_in": In(wires, init=(1 << wires) - 1),
                "linked": Out(1),
                "down": Out(1),
                "outages": Out(COUNTER_WIDTH),
                "corrupted": Out(COUNTER_WIDTH),
                "retransmissions": Out(COUNTER_WIDTH),
            }
        )

    @property
    def frame_cycles(self) -> int:
        """Cycles of a frame on the line."""
        return self.oversampling * self.form.symbols

    @property
    def latency(self) -> int:
        """Cycles from a flit taken to the same flit offered, on an idle line."""
        return self.frame_cycles - self.oversampling + self.oversampling // 2 + 6

    def elaborate(self, platform: object) -> Module:
        m = Module()
        form = self.form
        m.submodules.transmitter = transmitter = LineTransmitter(form, oversampling=self.oversampling)
        m.submodules.line = line = LineReceiver(form, oversampling=self.oversampling)
        m.submodules.sender = sender = SenderWindow(form)
        m.submodules.receiver = receiver = ReceiverWindow(form)
        m.submodules.session = session = Session(form, timeout=self.timeout)
        m.submodules.watch = watch = Watch(self.patience)
        wiring.connect(m, wiring.flipped(self.flits_in), sender.flits_in)
        wiring.connect(m, receiver.flits_out, wiring.flipped(self.flits_out))
        came, goes = line.body, transmitter.body
        m.d.comb += [
            line.line.eq(self.line_in),
            self.line_out.eq(transmitter.line),
            session.arrive.eq(line.valid),
            session.arrived.eq(came.kind),
            receiver.begin.eq(session.begin),
            receiver.arrive.eq(session.deliver),
            receiver.sequence.eq(came.sequence),
            receiver.flit.eq(came.flit),
            sender.update.eq(session.update),
            sender.acknowledge.eq(came.acknowledge),
            sender.credit.eq(came.credit),
            sender.sent.eq(session.sent),
            sender.back.eq(session.back),
            session.available.eq(sender.available),
            session.outstanding.eq(sender.outstanding),
            session.pending.eq(sender.pending),
            session.progress.eq(sender.progress),
            session.credit.eq(receiver.credit),
            session.ready.eq(transmitter.ready),
            transmitter.start.eq(session.start),
            transmitter.silent.eq(session.silent),
            goes.kind.eq(session.kind),
            goes.sequence.eq(sender.sequence),
            goes.acknowledge.eq(receiver.acknowledge),
            goes.credit.eq(receiver.credit),
            goes.flit.eq(Mux(session.kind == Kind.FLIT, sender.flit, 0)),  # no memory that was never written
            watch.waiting.eq(session.waiting & ~line.valid),
            self.linked.eq(session.linked),
            self.down.eq(watch.stuck),
            self.outages.eq(watch.errors),
        ]
        count(m, self.corrupted, line.corrupted)
        count(m, self.retransmissions, session.again)
        return m
