"""Two links in compiled simulation: a hundred thousand flits each way, over lines that invert bits at random."""

import shutil

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ranvier.gen.emit import emit_part
from ranvier.hw.link import Link
from ranvier.sim.compiled import CompiledModel
from ranvier.sim.mesh.noise import Noise

WIDTH, WIRES = 16, 4
OTHER = {"left": "right", "right": "left"}


class NoisyPair(wiring.Component):
    """``left`` and ``right`` with noise on both lines, and the two sides' counters."""

    def __init__(self):
        ports = {"rate": In(32), "flips": Out(32), "down": Out(1)}
        for side in OTHER:
            ports |= {f"{side}_in": In(stream.Signature(WIDTH)), f"{side}_out": Out(stream.Signature(WIDTH))}
            ports |= {f"{side}_corrupted": Out(16), f"{side}_retransmissions": Out(16)}
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        links = {side: Link(width=WIDTH, wires=WIRES) for side in OTHER}
        noises = {side: Noise(0x1234567 + len(side), WIRES) for side in OTHER}
        for side, link in links.items():
            m.submodules[side], m.submodules[f"{side}_noise"] = link, noises[side]
            wiring.connect(m, wiring.flipped(getattr(self, f"{side}_in")), link.flits_in)
            wiring.connect(m, link.flits_out, wiring.flipped(getattr(self, f"{side}_out")))
            m.d.comb += [
                noises[side].rate.eq(self.rate),
                link.line_in.eq(links[OTHER[side]].line_out ^ noises[side].bits),
                getattr(self, f"{side}_corrupted").eq(link.corrupted),
                getattr(self, f"{side}_retransmissions").eq(link.retransmissions),
            ]
        m.d.sync += self.flips.eq(self.flips + sum(noise.bits.any() for noise in noises.values()))
        m.d.comb += self.down.eq(links["left"].down | links["right"].down)
        return m


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiled simulation needs g++")
def test_a_hundred_thousand_flits_arrive_once_and_in_order(tmp_path):
    """A frame in ten thousand spoiled; then, with stalls of all streams, one in fifty; then one in five."""
    streams = {"sources": ["left_in", "right_in"], "sinks": ["left_out", "right_out"]}
    model = CompiledModel(emit_part(NoisyPair(), "pair"), "pair", cache_dir=tmp_path, **streams)
    rng = np.random.default_rng(7)
    for count, rate, stalls in ((120_000, 1e-5, None), (60_000, 2e-3, 1), (10_000, 2e-2, 2)):
        flits = {side: rng.integers(0, 1 << WIDTH, count) for side in OTHER}
        names = ["flips"] + [f"{side}_{name}" for side in OTHER for name in ("corrupted", "retransmissions")]
        before = {name: model.read(name) for name in names}
        model.write("rate", round(rate * 2**32))
        model.stall(stalls, 0.3)
        for side, words in flits.items():
            model.send(f"{side}_in", words)
        cycles = model.run(receive={f"{side}_out": count for side in OTHER}, limit=20_000_000)
        for side in OTHER:
            assert (model.received(f"{OTHER[side]}_out")[:, 0] == flits[side]).all()
        told = {name: model.read(name) - value for name, value in before.items()}
        print(f"{count} flits each way, {cycles} cycles: {told}")
        assert all(value > 0 for value in told.values())
