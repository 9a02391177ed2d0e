"""A mesh whose every link pauses at random."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.hw.router.mesh import Mesh

_TAPS = 0x80000057  # of x^32 + x^31 + x^29 + x^28 + x^26 + 1 in Galois form, primitive: a period of 2**32 - 1


class Stall(wiring.Component):
    """Between a source and a sink: lets ``valid`` through in a random ``sixteenths`` / 16 of the cycles in which it may
    rise; once risen it stays until the transfer.

    Latency: none, but for the pauses. ``paused`` counts the cycles in which something waited that could have gone.
    """

    def __init__(self, payload: object, *, seed: int, sixteenths: int) -> None:
        self.payload, self.seed, self.sixteenths = payload, seed, sixteenths
        super().__init__(
            {"source": In(stream.Signature(payload)), "sink": Out(stream.Signature(payload)), "paused": Out(32)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(32, init=self.seed % 0xFFFFFFFF + 1)
        open_ = Signal()
        passes = Signal()
        m.d.sync += state.eq((state >> 1) ^ Mux(state[0], _TAPS, 0))
        m.d.comb += [
            passes.eq(open_ | (state[:4] < self.sixteenths)),
            self.sink.valid.eq(self.source.valid & passes),
            self.sink.payload.eq(self.source.payload),
            self.source.ready.eq(self.sink.ready & passes),
        ]
        m.d.sync += open_.eq(self.sink.valid & ~self.sink.ready)
        with m.If(self.source.valid & self.sink.ready & ~passes):
            m.d.sync += self.paused.eq(self.paused + 1)
        return m


def stalled_mesh(seed: int, sixteenths: int) -> type[Mesh]:
    """The class of meshes whose every link, those from and to the cores included, passes in so many sixteenths of the
    cycles, each link at times of its own."""

    class StalledMesh(Mesh):
        def join(self, m: Module, name: str, source: stream.Interface, sink: stream.Interface) -> None:
            self._links = getattr(self, "_links", 0) + 1
            stall = Stall(source.payload.shape(), seed=(seed << 16) + 977 * self._links, sixteenths=sixteenths)
            m.submodules[f"stall_{name}"] = stall
            wiring.connect(m, source, stall.source)
            wiring.connect(m, stall.sink, sink)

    return StalledMesh
