"""The router: buffers at its inputs, an arbiter at each output, a crossbar between them."""

from amaranth.hdl import Array, Cat, Module, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .arbiter import RoundRobin
from .buffer import Buffer
from .routing import Routing


class Router(wiring.Component):
    """Takes flits at all ports and sends each one on, at the port that ``routing`` says.

        <port>_in → route → buffer ─┬→ arbiter
                              ├────→ crossbar → <port>_out
                              └────→ route at the next router ↗

    Nothing is lost, doubled or overtaken: flits from one port to one other stay in order. A flit that may leave nowhere
    (malformed, or a turn that ``routing`` forbids) is dropped, ``rejected`` is 1 in that cycle for its port, and the
    flits behind it go on.

    A flit's route lies beside it in the buffer. At a port that is ``plain`` it is found as the flit comes in; between
    two routers it comes with the flit, found while the router before arbitrated.

    Latency: a flit that is taken in cycle c is offered in c + 1, if no other waits for its output. Throughput: a
    flit a cycle at each port. An output shared by n inputs serves each at least once in n flits.
    """

    def __init__(self, routing: Routing, *, depth: int = 4) -> None:
        self.routing, self.depth = routing, depth
        members = {}
        for port in routing.ports:
            members |= {f"{port}_in": In(routing.link_in(port)), f"{port}_out": Out(routing.link_out(port))}
        super().__init__(members | {"position": In(routing.position), "rejected": Out(len(routing.plain))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        routing = self.routing
        buffers = {port: self._input(m, port) for port in routing.ports}
        leaves = {port: [] for port in routing.ports}
        for port in routing.ports:
            bits = {other: routing.turns(other).index(port) for other in routing.ports if port in routing.turns(other)}
            wanted = {other: buffers[other].requests[bit] for other, bit in bits.items()}
            for other, moved in self._output(m, port, wanted, buffers).items():
                leaves[other].append(moved)
        for port, rejected in zip(routing.plain, self.rejected, strict=True):
            m.d.comb += rejected.eq(buffers[port].requests[-1])
            leaves[port].append(rejected)
        for port in routing.ports:
            m.d.comb += buffers[port].take.eq(Cat(leaves[port]).any())
        return m

    def _input(self, m: Module, port: str) -> Buffer:
        """The buffer of one input; a route has a bit for each turn, and at a plain port one for nowhere."""
        routing, link = self.routing, getattr(self, f"{port}_in")
        turns, plain = routing.turns(port), port in routing.plain
        m.submodules[f"buffer_{port}"] = buffer = Buffer(routing.flit, len(turns) + plain, depth=self.depth)
        m.d.comb += [buffer.flits.valid.eq(link.valid), link.ready.eq(buffer.flits.ready)]
        if plain:
            routes = routing.route(self.position, link.payload)
            known = Cat(routes[other] for other in turns)
            m.d.comb += [
                buffer.flits.payload.flit.eq(link.payload),
                buffer.flits.payload.route.eq(Cat(known, ~known.any())),
            ]
        else:
            m.d.comb += buffer.flits.payload.eq(link.payload)
        return buffer

    def _output(self, m: Module, port: str, wanted: dict[str, Value], buffers: dict[str, Buffer]) -> dict[str, Value]:
        """The arbiter and the multiplexer of one output; for each input whether its flit leaves here now."""
        routing, out = self.routing, getattr(self, f"{port}_out")
        m.submodules[f"arbiter_{port}"] = arbiter = RoundRobin(len(wanted))
        m.d.comb += [
            arbiter.requests.eq(Cat(wanted.values())),
            arbiter.taken.eq(out.ready),
            out.valid.eq(arbiter.requests.any()),
        ]
        offers = []
        for other in wanted:
            flit = buffers[other].head
            offer = Value.cast(flit)
            if port not in routing.plain:
                routes = routing.ahead(self.position, port, flit)
                offer = Cat(offer, *(routes[turn] for turn in routing.onward(port)))
            offers.append(offer)
        m.d.comb += out.payload.as_value().eq(Array(offers)[arbiter.choice])
        return {
            other: request & out.ready & (arbiter.choice == index)
            for index, (other, request) in enumerate(wanted.items())
        }
