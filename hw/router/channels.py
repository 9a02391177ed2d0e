"""Two virtual channels on the wires of one link."""

from amaranth.hdl import Cat, Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .arbiter import RoundRobin

CHANNELS = 2


def link_signature(flit: ShapeLike) -> wiring.Signature:
    """A link, from its sender: ``payload`` once, ``valid`` and ``ready`` with a bit for each channel.

    A flit moves in each cycle in which both bits of a channel are 1. At most one bit of ``valid`` is, and that only
    where ``ready`` is too, since it may be the other channel's turn in the next cycle; ``ready`` must not depend on
    ``valid``, and stays until a flit has come.
    """
    return wiring.Signature({"payload": Out(flit), "valid": Out(CHANNELS), "ready": In(CHANNELS)})


class LinkSender(wiring.Component):
    """Sends the streams ``channel_0`` and ``channel_1`` over one ``link``, in turns where both can go.

    Latency: none. Throughput: a flit a cycle over both; a channel that can go waits for at most one flit of the other,
    and never for one that cannot.
    """

    def __init__(self, flit: ShapeLike) -> None:
        channels = {f"channel_{channel}": In(stream.Signature(flit)) for channel in range(CHANNELS)}
        super().__init__({**channels, "link": Out(link_signature(flit))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.arbiter = arbiter = RoundRobin(CHANNELS)
        channels = (self.channel_0, self.channel_1)
        able = Signal(CHANNELS)
        m.d.comb += [
            able.eq(Cat(channel.valid for channel in channels) & self.link.ready),
            arbiter.requests.eq(able),
            arbiter.taken.eq(1),
            self.link.valid.eq(able & (1 << arbiter.choice)),
            self.link.payload.eq(Mux(arbiter.choice, self.channel_1.payload, self.channel_0.payload)),
        ]
        for channel, moves in zip(channels, self.link.valid, strict=True):
            m.d.comb += channel.ready.eq(moves)
        return m


class LinkReceiver(wiring.Component):
    """Takes the streams ``channel_0`` and ``channel_1`` off a ``link``; each must say that it is ready before a flit is
    there.

    Latency: none.
    """

    def __init__(self, flit: ShapeLike) -> None:
        channels = {f"channel_{channel}": Out(stream.Signature(flit)) for channel in range(CHANNELS)}
        super().__init__({**channels, "link": In(link_signature(flit))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for number, channel in enumerate((self.channel_0, self.channel_1)):
            m.d.comb += [
                channel.payload.eq(self.link.payload),
                channel.valid.eq(self.link.valid[number]),
                self.link.ready[number].eq(channel.ready),
            ]
        return m
