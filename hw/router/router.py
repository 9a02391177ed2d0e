"""The router: buffers at its inputs, an arbiter at each output, a crossbar between them."""

from amaranth.hdl import Array, Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .arbiter import OldestFirst, RoundRobin
from .buffer import Buffer
from .fork import Fork
from .register import Register
from .routing import Routing


class Router(wiring.Component):
    """Takes flits at all ports and sends each one on, at the port that ``routing`` says, or at all that it says.

        <port>_in → route → buffer ─┬→ arbiter
                              ├────→ crossbar → <port>_out
                              └────→ route at the next router ↗

    Nothing is lost, doubled or overtaken: flits from one port to one other stay in order. A flit that may leave nowhere
    (malformed, or a turn that ``routing`` forbids) is dropped, ``rejected`` is 1 in that cycle for its port, and the
    flits behind it go on. So is a stale flit, as it comes in; ``rejected`` has a second bit for each port that is
    ``expiring``.

    A flit's route lies beside it in the buffer. At a port that is ``plain`` it is found as the flit comes in; between
    two routers it comes with the flit, found while the router before arbitrated.

    ``closed``: ports where nothing comes in, so that they have no buffer. ``depth``: flits in each buffer.
    ``registered``: a register at each output, for a higher clock. ``age_width``: 0, and inputs take turns at an output;
    else the flit goes first that has been longest at the head of its buffer, counted in so many bits.

    Latency: a flit that is taken in cycle c is offered in c + 1, if no other waits for its output; ``registered``, in
    c + 2. Throughput: a flit a cycle at each port. An output shared by n inputs serves each at least once in n flits
    (by age: see :class:`OldestFirst`).
    """

    def __init__(
        self,
        routing: Routing,
        *,
        depth: int = 4,
        registered: bool = False,
        age_width: int = 0,
        closed: tuple[str, ...] = (),
    ) -> None:
        if age_width < 0:
            raise ValueError(f"Width of ages must be at least 0 bits, not {age_width}")
        self.routing, self.depth, self.registered, self.age_width = routing, depth, registered, age_width
        self.closed = closed
        members = {}
        for port in routing.ports:
            members |= {f"{port}_in": In(routing.link_in(port)), f"{port}_out": Out(routing.link_out(port))}
        lost = Out(len(routing.plain) + len(routing.expiring))
        super().__init__(members | {"position": In(routing.position), "rejected": lost})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        routing = self.routing
        open_ = [port for port in routing.ports if port not in self.closed]
        buffers = {port: self._input(m, port) for port in open_}
        forks = {port: self._fork(m, port, buffers[port]) for port in open_ if routing.forking}
        requests = {port: forks[port].pending if forks else buffers[port].requests for port in open_}
        ages = {port: self._age(m, port, buffers[port]) for port in open_ if self.age_width}
        leaves = {port: [] for port in open_}
        for port in routing.ports:
            bits = {other: routing.turns(other).index(port) for other in open_ if port in routing.turns(other)}
            if not bits:
                continue
            wanted = {other: requests[other][bit] for other, bit in bits.items()}
            for other, moved in self._output(m, port, wanted, buffers, ages).items():
                leaves[other].append(moved)
        for port, rejected in zip(routing.plain, self.rejected, strict=False):
            if port in open_:
                m.d.comb += rejected.eq(buffers[port].requests[-1])
                leaves[port].append(rejected)
        for port in open_:
            if routing.forking:
                m.d.comb += [forks[port].moved.eq(Cat(leaves[port])), buffers[port].take.eq(forks[port].take)]
            else:
                m.d.comb += buffers[port].take.eq(Cat(leaves[port]).any())
        return m

    def _input(self, m: Module, port: str) -> Buffer:
        """The buffer of one input; a route has a bit for each turn, and at a plain port one for nowhere."""
        routing, link = self.routing, getattr(self, f"{port}_in")
        turns, plain = routing.turns(port), port in routing.plain
        m.submodules[f"buffer_{port}"] = buffer = Buffer(routing.flit, len(turns) + plain, depth=self.depth)
        if port in routing.expiring:
            stale = self.rejected[len(routing.plain) + routing.expiring.index(port)]
            m.d.comb += [
                stale.eq(link.valid & routing.stale(self.position, link.payload)),
                buffer.flits.valid.eq(link.valid & ~stale),
                link.ready.eq(buffer.flits.ready | stale),
            ]
        else:
            m.d.comb += [buffer.flits.valid.eq(link.valid), link.ready.eq(buffer.flits.ready)]
        arriving = link.payload if plain else link.payload.flit
        flit = routing.enter(self.position, arriving, port)
        if plain:
            if flit is not arriving:
                entered = Signal(routing.flit, name=f"entered_{port}")
                m.d.comb += entered.as_value().eq(flit)
                flit = entered
            routes = routing.find(m, self.position, flit, port)
            known = Cat(routes[other] for other in turns)
            m.d.comb += [
                buffer.flits.payload.flit.eq(flit),
                buffer.flits.payload.route.eq(Cat(known, ~known.any())),
            ]
        else:
            m.d.comb += buffer.flits.payload.eq(link.payload)
            if flit is not arriving:
                m.d.comb += buffer.flits.payload.flit.as_value().eq(flit)
        return buffer

    def _fork(self, m: Module, port: str, buffer: Buffer) -> Fork:
        """What lets a flit of one input leave at several outputs."""
        m.submodules[f"fork_{port}"] = fork = Fork(len(buffer.requests))
        m.d.comb += fork.requests.eq(buffer.requests)
        return fork

    def _age(self, m: Module, port: str, buffer: Buffer) -> Signal:
        """How long the first flit of one input has been that."""
        age = Signal(self.age_width, name=f"age_{port}")
        with m.If(buffer.take | ~buffer.requests.any()):
            m.d.sync += age.eq(0)
        with m.Elif(~age.all()):
            m.d.sync += age.eq(age + 1)
        return age

    def _output(
        self, m: Module, port: str, wanted: dict[str, Value], buffers: dict[str, Buffer], ages: dict[str, Signal]
    ) -> dict[str, Value]:
        """The arbiter and the multiplexer of one output; for each input whether its flit leaves here now."""
        routing, out = self.routing, getattr(self, f"{port}_out")
        if self.registered:
            m.submodules[f"register_{port}"] = register = Register(out.payload.shape())
            wiring.connect(m, register.after, wiring.flipped(out))
            out = register.before
        arbiter = OldestFirst(len(wanted), self.age_width) if ages else RoundRobin(len(wanted))
        m.submodules[f"arbiter_{port}"] = arbiter
        for index, other in enumerate(wanted):
            if ages:
                m.d.comb += getattr(arbiter, f"age_{index}").eq(ages[other])
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
