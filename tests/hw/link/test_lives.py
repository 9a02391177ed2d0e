"""Both sides of a link reset again and again, at any time and on lines that err, in compiled simulation."""

import shutil

import pytest
from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

import ranvier.hw.link.serial as serial
from ranvier.gen.emit import emit_part
from ranvier.hw.link import Link
from ranvier.hw.link.frame import Kind
from ranvier.sim.compiled import CompiledModel
from ranvier.sim.mesh.noise import Noise

from .broken import broken

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="compiled simulation needs g++")
WINDOW = 4
LONGEST = 2400  # cycles, ten timeouts
FLIT = data.StructLayout({"number": 24, "life": 12})
MEASURES = {"lives": 12, "got": 24, "faults": 16, "pause": 16}
OTHER = {"left": "right", "right": "left"}


class Watched(wiring.Component):
    """A link whose stream in counts flits and its own resets, and whose stream out is held against the other's count.

    Of one life each flit comes once and in order, after a ``reset`` of this side from a window around the last one; a
    new life of the other side goes on behind all that came. ``pause``: most cycles without a flit or a reset.
    """

    def __init__(self):
        self.link = Link(width=FLIT.size, wires=8, window=WINDOW)
        ports = {"line_in": In(8), "line_out": Out(8), "reset": In(1), "other_reset": In(1), "take": In(1)}
        super().__init__(ports | {name: Out(width) for name, width in MEASURES.items()})

    def elaborate(self, platform):
        m = Module()
        link = self.link
        m.submodules.link = ResetInserter(self.reset)(link)
        m.d.comb += [link.line_in.eq(self.line_in), self.line_out.eq(link.line_out)]
        number = Signal(24)
        offered = data.View(FLIT, link.flits_in.payload)
        m.d.comb += [link.flits_in.valid.eq(1), offered.number.eq(number), offered.life.eq(self.lives)]
        m.d.sync += [number.eq(number + link.flits_in.ready), self.lives.eq(self.lives + self.reset)]

        flit, last = data.View(FLIT, link.flits_out.payload), Signal(FLIT)
        fresh, taken, right = Signal(init=1), Signal(), Signal()
        least = Mux(fresh, last.number + 1 - WINDOW, last.number + 1)
        same = (flit.number >= least) & (flit.number <= Mux(fresh, last.number + 1 + WINDOW, last.number + 1))
        first = Signal(init=1)  # nothing has come yet
        m.d.comb += [
            link.flits_out.ready.eq(self.take),
            taken.eq(link.flits_out.valid & self.take),
            right.eq(Mux(flit.life == last.life, same, (flit.life > last.life) & (flit.number > last.number)) | first),
        ]
        with m.If(self.reset):
            m.d.sync += fresh.eq(1)
        with m.If(taken):
            m.d.sync += [last.eq(flit), first.eq(0), self.got.eq(self.got + 1), self.faults.eq(self.faults + ~right)]
            with m.If(~self.reset):
                m.d.sync += fresh.eq(0)
        quiet = Signal(16)
        m.d.sync += quiet.eq(Mux(taken | self.reset | self.other_reset, 0, quiet + 1))
        with m.If(quiet > self.pause):
            m.d.sync += self.pause.eq(quiet)
        return m


class Lives(wiring.Component):
    """Two of :class:`Watched` for ``cycles``."""

    def __init__(self):
        ports = {"cycles": In(32), "noise": In(32), "resets": In(32), "stalls": In(32), "finished": Out(1)}
        for side in OTHER:
            ports |= {f"{side}_{name}": Out(width) for name, width in MEASURES.items()}
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        cycle = Signal(32)
        m.d.sync += cycle.eq(cycle + 1)
        m.d.comb += self.finished.eq(cycle >= self.cycles)
        sides = {side: Watched() for side in OTHER}
        m.d.comb += [sides[side].other_reset.eq(sides[OTHER[side]].reset) for side in OTHER]
        for seed, (side, watched) in enumerate(sides.items(), 1):
            m.submodules[side] = watched
            noise, resets, stalls = (Noise(seed * 0x9E3779B1 + 0x1234567 * n & 0xFFFFFFFF, 8) for n in range(3))
            m.submodules += [noise, resets, stalls]
            m.d.comb += [
                noise.rate.eq(self.noise),
                resets.rate.eq(self.resets),
                stalls.rate.eq(self.stalls),
                watched.line_in.eq(sides[OTHER[side]].line_out ^ noise.bits),
                watched.reset.eq(resets.hit),
                watched.take.eq(~stalls.hit),
            ]
            for name in MEASURES:
                m.d.comb += getattr(self, f"{side}_{name}").eq(getattr(watched, name))
        return m


def live(folder, *, noise, stalls):
    """Lives, flits and faults of each side after two million cycles, with a reset of each in about 3000."""
    model = CompiledModel(emit_part(Lives(), "lives"), "lives", sources=[], sinks=[], cache_dir=folder)
    for name, value in (("noise", noise), ("stalls", stalls), ("resets", 1 / 3000)):
        model.write(name, round(value * 2**32))
    model.write("cycles", 2_000_000)
    model.run(idle="finished", limit=3_000_000)
    told = {f"{side}_{name}": model.read(f"{side}_{name}") for side in OTHER for name in MEASURES}
    print(f"noise {noise}, stalls {stalls}: {told}")
    return told


@needs_compiler
@pytest.mark.parametrize("noise", [0.0, 1e-3])
@pytest.mark.parametrize("stalls", [0.0, 0.98])
def test_resets_of_either_side_at_any_time(noise, stalls, tmp_path_factory):
    told = live(tmp_path_factory.getbasetemp() / "lives", noise=noise, stalls=stalls)
    for side in OTHER:
        assert told[f"{side}_lives"] > 500
        assert told[f"{side}_got"] > 10_000
        assert told[f"{side}_faults"] == 0
        assert told[f"{side}_pause"] <= LONGEST


@needs_compiler
@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("HELLO makes nothing unsent", lambda outer, inner: {"back": inner.again}),
        ("WELCOME tells no number", lambda outer, inner: {"begin": outer.arrive & (outer.arrived == Kind.HELLO)}),
    ],
)
def test_a_broken_session_is_seen(rule, change, tmp_path, monkeypatch):
    monkeypatch.setattr(serial, "Session", broken(serial.Session, change))
    told = live(tmp_path, noise=1e-3, stalls=0.0)
    assert told["left_faults"] + told["right_faults"] > 0 or max(told["left_pause"], told["right_pause"]) > LONGEST
