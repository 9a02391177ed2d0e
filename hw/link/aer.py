"""Address events between chips: the four-phase handshake with bundled data, as neuromorphic chips speak it.

    request      ___/‾‾‾‾‾‾‾‾‾\\___________
    acknowledge  _________/‾‾‾‾‾‾‾‾‾\\_____
    data         XX[ held              ]XX

The protocol is that of M. Mahowald, VLSI Analogs of Neuronal Visual Processing (1992), and of K. Boahen,
Point-to-Point Connectivity Between Neuromorphic Chips Using Address Events (2000). The partner needs no clock, or has
its own: request and acknowledge pass through synchronisers, data do not. They are bundled: whoever sends them has them
at the pins before its request gets there, and the receiver looks at them only after it has seen the request.

Both outputs are registers, because a partner without a clock would take a glitch for an edge.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import cdc, stream, wiring
from amaranth.lib.wiring import In, Out

from .watch import COUNTER_WIDTH, Watch, check_patience


def _check(subject: str, width: int, patience: int, stages: int) -> None:
    if width < 1:
        raise ValueError(f"Width of {subject} must be at least 1 bit, not {width}")
    if stages < 2:
        raise ValueError(f"Synchroniser of {subject} must have at least 2 stages, not {stages}")
    check_patience(patience)


class AerReceiver(wiring.Component):
    """Takes address events from another chip and sends them into a stream.

        request → [synchroniser] → control → acknowledge
        data ────────────────────→ [event] → events

    ``width`` of an event in bits, ``stages`` of the synchroniser. An event is acknowledged when the stream has taken
    it, so that a stalled stream holds up the partner and nothing is lost.

    ``patience``: cycles for which the request, behind the synchroniser, may stay high after the acknowledge. Beyond
    that ``stuck`` rises and ``errors`` (16 bits, sticks at its maximum) counts one incident. Recovery: the receiver
    keeps its acknowledge and waits, sends no event, and goes on by itself as soon as the request falls, which also
    clears ``stuck``. Nothing else on the chip waits for it.

    Constraint: data must be stable from less than ``stages`` cycles after ``request`` rises, at the registers that
    take them, until ``acknowledge`` rises. A reset between request and acknowledge may have this event come twice;
    reset both sides to begin anew.

    Latency: an event is offered ``stages + 1`` cycles after its request; the acknowledge rises in the cycle after it
    was taken and falls ``stages + 1`` cycles after the request. Throughput: at most an event in ``2 * stages + 3``
    cycles, for a partner that answers at once; ``4 * stages + 6`` with an :class:`AerSender`.

    Raises ValueError for a width below 1, fewer than 2 stages, and a patience below 1.
    """

    def __init__(self, width: int, patience: int, *, stages: int = 2) -> None:
        _check("an AER receiver", width, patience, stages)
        self.width, self.patience, self.stages = width, patience, stages
        super().__init__(
            {
                "request": In(1),
                "data": In(width),
                "acknowledge": Out(1),
                "events": Out(stream.Signature(width)),
                "stuck": Out(1),
                "errors": Out(COUNTER_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.watch = watch = Watch(self.patience)
        request = Signal()  # as the clock sees it
        m.submodules.synchroniser = cdc.FFSynchronizer(self.request, request, stages=self.stages)
        events = self.events
        with m.If(events.valid & events.ready):
            m.d.sync += [events.valid.eq(0), self.acknowledge.eq(1)]
        with m.If(self.acknowledge):
            m.d.sync += self.acknowledge.eq(request)
        with m.If(request & ~events.valid & ~self.acknowledge):
            m.d.sync += [events.valid.eq(1), events.payload.eq(self.data)]
        m.d.comb += [
            watch.waiting.eq(self.acknowledge & request),
            self.stuck.eq(watch.stuck),
            self.errors.eq(watch.errors),
        ]
        return m


class AerSender(wiring.Component):
    """Takes events from a stream and sends them to another chip.

        events → [data] ───────────────────────────────→ data
                    ↘ control → [request] ─────────────→ request
                         ↖ [synchroniser] ←──────────── acknowledge

    ``width`` of an event in bits, ``stages`` of the synchroniser. Data are there a cycle before the request rises and
    stay until the acknowledge has fallen.

    ``patience``: cycles that the acknowledge, behind the synchroniser, may take to rise, and again to fall; it must
    cover the stalls of whatever the partner feeds. Beyond that ``stuck`` rises and ``errors`` (16 bits, sticks at its
    maximum) counts one incident. Recovery: the sender keeps its request and waits, takes no event, and goes on by
    itself as soon as the partner answers, which also clears ``stuck``.

    A reset takes the request back: the event in hand may be lost; reset both sides to begin anew. After a reset the
    sender waits for the acknowledge to be low.

    Latency: the request rises 2 cycles after the event was taken. Throughput: at most an event in ``2 * stages + 3``
    cycles, for a partner that answers at once; ``4 * stages + 6`` with an :class:`AerReceiver` that is never stalled.

    Raises ValueError for a width below 1, fewer than 2 stages, and a patience below 1.
    """

    def __init__(self, width: int, patience: int, *, stages: int = 2) -> None:
        _check("an AER sender", width, patience, stages)
        self.width, self.patience, self.stages = width, patience, stages
        super().__init__(
            {
                "events": In(stream.Signature(width)),
                "request": Out(1),
                "data": Out(width),
                "acknowledge": In(1),
                "stuck": Out(1),
                "errors": Out(COUNTER_WIDTH),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.watch = watch = Watch(self.patience)
        acknowledge = Signal()  # as the clock sees it
        m.submodules.synchroniser = cdc.FFSynchronizer(self.acknowledge, acknowledge, stages=self.stages)
        busy = Signal()  # data hold an event that is not acknowledged
        m.d.comb += [
            self.events.ready.eq(~busy & ~acknowledge),
            watch.waiting.eq((self.request & ~acknowledge) | (~busy & acknowledge)),
            self.stuck.eq(watch.stuck),
            self.errors.eq(watch.errors),
        ]
        with m.If(self.events.valid & self.events.ready):
            m.d.sync += [busy.eq(1), self.data.eq(self.events.payload)]
        with m.If(busy):
            m.d.sync += self.request.eq(1)
            with m.If(self.request & acknowledge):
                m.d.sync += [busy.eq(0), self.request.eq(0)]
        return m
