"""The buffer at each input of a router."""

from amaranth.hdl import Module, Mux, Shape, Signal, Value, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out


class Buffer(wiring.Component):
    """A queue of ``depth`` flits, each with its route of ``routes`` bits.

        flits ─┬→ memory, read without a clock ────→ head
               └→ memory ─┬→ register ─────────────→ requests
                route └───┘

    ``flits`` brings ``flit`` and ``route``; ``head`` is the first flit and ``requests`` its route, 0 while there is
    none; ``take`` removes it. ``ready`` and ``requests`` come from registers, since arbitration begins with them.

    Latency: a flit that is taken in cycle c is the head in c + 1. Throughput: a flit a cycle; a full buffer takes the
    next flit in the cycle after one has left.
    """

    def __init__(self, flit: Shape | data.Layout, routes: int, *, depth: int) -> None:
        if depth < 2:
            raise ValueError(f"Depth of a buffer must be at least 2 flits, not {depth}")
        self.flit, self.routes, self.depth = flit, routes, depth
        entry = data.StructLayout({"flit": flit, "route": routes})
        super().__init__(
            {"flits": In(stream.Signature(entry)), "head": Out(flit), "requests": Out(routes), "take": In(1)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        depth, entry = self.depth, self.flits.payload
        width = Shape.cast(self.flit).width
        m.submodules.flits = flits = memory.Memory(shape=unsigned(width), depth=depth, init=[])
        m.submodules.routes = routes = memory.Memory(shape=unsigned(self.routes), depth=depth, init=[])
        head, second = flits.read_port(domain="comb"), routes.read_port(domain="comb")

        put = Signal()
        empty, single, full = self._level(m, put)
        m.d.comb += [put.eq(self.flits.valid & self.flits.ready), self.flits.ready.eq(~full)]

        writing = Signal(range(depth))
        reading = Signal(range(depth))
        following = Signal(range(depth), init=1)
        for moves, place in ((put, writing), (self.take, reading), (self.take, following)):
            with m.If(moves):
                m.d.sync += place.eq(Mux(place == depth - 1, 0, place + 1))
        for storage, part in ((flits, Value.cast(entry.flit)), (routes, entry.route)):
            write = storage.write_port()
            m.d.comb += [write.en.eq(put), write.addr.eq(writing), write.data.eq(part)]
        m.d.comb += [head.addr.eq(reading), second.addr.eq(following), Value.cast(self.head).eq(head.data)]

        arriving = Mux(put, entry.route, 0)
        with m.If(self.take):
            m.d.sync += self.requests.eq(Mux(single, arriving, second.data))
        with m.Elif(empty):
            m.d.sync += self.requests.eq(arriving)
        return m

    def _level(self, m: Module, put: Signal) -> tuple[Value, Value, Value]:
        """Whether no flit, one, or as many as there can be are here, each from a register."""
        depth, take = self.depth, self.take
        if depth <= 8:
            level = Signal(depth + 1, init=1)  # bit n: n flits are here
            with m.If(put & ~take):
                m.d.sync += level.eq(level << 1)
            with m.If(take & ~put):
                m.d.sync += level.eq(level >> 1)
            return level[0], level[1], level[depth]
        empty = Signal(init=1)
        single = Signal()
        full = Signal()
        level = Signal(range(depth + 1))
        with m.If(put & ~take):
            m.d.sync += [level.eq(level + 1), empty.eq(0), single.eq(empty), full.eq(level == depth - 1)]
        with m.If(take & ~put):
            m.d.sync += [level.eq(level - 1), empty.eq(single), single.eq(level == 2), full.eq(0)]
        return empty, single, full
