"""A mesh whose every link pauses at random."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.hw.router.mesh import Mesh

_BITS = 64
_TAPS = 0xD800000000000000  # of x^64 + x^63 + x^61 + x^60 + 1 in Galois form, primitive: a period of 2**64 - 1


class Stall(wiring.Component):
    """Between a source and a sink: lets ``valid`` through where ``draw`` is below ``sixteenths``; once risen it stays
    until the transfer.

    Latency: none, but for the pauses.
    """

    def __init__(self, payload: object, *, sixteenths: int) -> None:
        self.payload, self.sixteenths = payload, sixteenths
        link = stream.Signature(payload)
        super().__init__({"source": In(link), "sink": Out(link), "draw": In(4)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        risen = Signal()
        passes = Signal()
        m.d.comb += [
            passes.eq(risen | (self.draw < self.sixteenths)),
            self.sink.valid.eq(self.source.valid & passes),
            self.sink.payload.eq(self.source.payload),
            self.source.ready.eq(self.sink.ready & passes),
        ]
        m.d.sync += risen.eq(self.sink.valid & ~self.sink.ready)
        return m


def stalled_mesh(seed: int, sixteenths: int) -> type[Mesh]:
    """The class of meshes whose every link, those from and to the cores included, passes in so many sixteenths of the
    cycles, each link at times of its own: it takes four bits of a shift register, scattered differently for each."""

    class StalledMesh(Mesh):
        def elaborate(self, platform: object) -> Module:
            self._state = Signal(_BITS, init=(seed + 1) * 0x9E3779B97F4A7C15 % (1 << _BITS))
            self._links = 0
            m = super().elaborate(platform)
            m.d.sync += self._state.eq((self._state >> 1) ^ Mux(self._state[0], _TAPS, 0))
            return m

        def join(self, m: Module, name: str, source: stream.Interface, sink: stream.Interface) -> None:
            self._links += 1
            m.submodules[f"stall_{name}"] = stall = Stall(source.payload.shape(), sixteenths=sixteenths)
            places = [(7 * self._links, 0), (11 * self._links, 13), (19 * self._links, 29), (27 * self._links, 47)]
            m.d.comb += stall.draw.eq(Cat(self._state[(step + start) % _BITS] for step, start in places))
            wiring.connect(m, source, stall.source)
            wiring.connect(m, stall.sink, sink)

    return StalledMesh
