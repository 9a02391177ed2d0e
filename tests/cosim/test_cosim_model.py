"""Any design under cocotb as in compiled simulation: wide words, stalls, resets; what goes wrong, and what is left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from ranvier.gen.errors import RanvierError
from ranvier.gen.names import readable
from ranvier.sim.compiled import CompiledModel
from ranvier.sim.cosim import CosimModel
from ranvier.sim.simulation import Simulation

WIDE = 150


class Queue(wiring.Component):
    """A FIFO of wide words; ``probe_level`` is recorded whenever a word comes in. ``last``: that word, with the bits
    of ``mask`` inverted."""

    words: In(stream.Signature(WIDE))
    out: Out(stream.Signature(WIDE))
    empty: Out(1)
    mask: In(WIDE)
    last: Out(WIDE)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=WIDE, depth=5)
        valid, level = Signal(name="probe_valid"), Signal(4, name="probe_level")
        m.d.comb += [
            fifo.w_data.eq(self.words.payload),
            fifo.w_en.eq(self.words.valid),
            self.words.ready.eq(fifo.w_rdy),
            self.out.payload.eq(fifo.r_data),
            self.out.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.out.ready),
            self.empty.eq(~fifo.r_rdy & (fifo.level == 0)),
            valid.eq(self.words.valid & self.words.ready),
            level.eq(fifo.level),
        ]
        with m.If(valid):
            m.d.sync += self.last.eq(self.words.payload ^ self.mask)
        return m


RTLIL = readable(rtlil.convert(Queue(), name="queue", emit_src=False))
OPTIONS = {
    "sources": ["words"],
    "sinks": ["out"],
    "probes": {"in": ("probe_valid", ["probe_level"])},
}


def queue(**options) -> CosimModel:
    return CosimModel(RTLIL, "queue", **OPTIONS, **options)


def play(model: Simulation) -> list[np.ndarray]:
    """Words with and without stalls, and a reset; all that came of it."""
    rng, seen = np.random.default_rng(1), []
    words = [int.from_bytes(rng.bytes(19), "little") >> 2 for _ in range(300)]
    for seed, part in ((None, words[:100]), (3, words[100:200]), (4, words[200:])):
        model.stall(seed, 0.4)
        model.send("words", part[:30])
        model.send("words", part[30:])
        cycles = model.run(receive={"out": len(part)}, idle="empty", limit=5000)
        assert model.run(idle="empty", limit=0) == 0
        seen += [
            np.array([cycles, model.cycles]),
            model.received("out"),
            *model.recorded("in"),
            model.sent_cycles("words"),
        ]
        seen += [model.received_cycles("out"), model.recorded_cycles("in")]
        assert [int.from_bytes(row.tobytes(), "little") for row in seen[-5]] == part
        model.send("words", [5])
        model.reset(3)
    return seen


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_all_is_as_in_compiled_simulation(simulator):
    found, expected = play(queue(simulator=simulator)), play(CompiledModel(RTLIL, "queue", **OPTIONS))
    assert found[0][0] >= 100 and found[6][0] > found[0][0]
    assert len(found) == len(expected) == 18
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_run_that_does_not_end_says_how_far_it_came_and_is_the_last():
    model = queue()
    model.send("words", [1, 2, 3])
    text = (
        "Simulation of queue did not end within 50 cycles: words has taken 3 of 3 words, "
        "out has sent 3 of 4 words, empty is 1"
    )
    with pytest.raises(RanvierError, match=f"^{text}$"):
        model.run(receive={"out": 4}, idle="empty", limit=50)
    assert len(model.received("out")) == 3
    with pytest.raises(RanvierError, match=r"^Simulation with icarus must not have ended to go on$"):
        model.run(limit=1)


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
def test_ports_apart_from_streams_are_read_and_written(simulator):
    models = [queue(simulator=simulator), CompiledModel(RTLIL, "queue", **OPTIONS)]
    for mask in (0, (1 << WIDE) - 5, 1 << 100):
        for model in models:
            model.write("mask", mask)
            model.send("words", [0b1011])
            model.run(receive={"out": 1}, limit=20)
            assert model.read("last") == 0b1011 ^ mask
    with pytest.raises(ValueError, match=r"Words must be 0 to 2\*\*150 - 1"):
        models[0].write("mask", 1 << WIDE)


def test_bits_that_are_neither_0_nor_1_end_the_simulation():
    model = queue(edit=lambda text: text.replace("data(words__payload)", "data(words__payload ^ 150'bx)"))
    model.send("words", [1])
    with pytest.raises(RanvierError, match=r"must record bits that are 0 or 1 in out, not '0+[0-9a-f] x+'"):
        model.run(receive={"out": 1}, limit=50)


def test_handshakes_that_are_neither_0_nor_1_end_the_simulation():
    model = queue(edit=lambda text: text.replace("w_en(words__valid)", "w_en(words__valid | 1'bx)"))
    model.send("words", [1])
    with pytest.raises(RanvierError, match=r"must have known valid and ready, but \d+ cycles had not"):
        model.run(receive={"out": 4}, limit=10)


def test_verilog_that_does_not_compile_is_told_in_one_line():
    with pytest.raises(RanvierError, match=r"^Simulation with icarus ended .*design\.v:1: .*error"):
        queue(edit=lambda text: "module (\n" + text)


def test_wrong_names_are_refused():
    with pytest.raises(ValueError, match="Names of probes must begin with probe_ to be kept in Verilog, as empty does"):
        CosimModel(RTLIL, "queue", sources=["words"], sinks=["out"], probes={"in": ("empty", [])})
    model = queue()
    with pytest.raises(ValueError, match="Model has no output out__valid, only empty, last"):
        model.read("out__valid")
    with pytest.raises(ValueError, match="Model has no input words__valid, only mask"):
        model.write("words__valid", 1)
    with pytest.raises(ValueError, match="Module queue must have an output out__valid of 1 bit"):
        model.run(idle="out__valid", limit=1)
    with pytest.raises(ValueError, match=r"Share of stalls must be 0\.\.1, not 2"):
        model.stall(1, 2)


def processes(group: int) -> list[str]:
    """Command lines of the processes of a group."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(status.parent.name)
    return found


def ends(group: int) -> bool:
    """Whether a group ends: a killed process that is not our child is still there for a moment."""
    end = time.monotonic() + 10
    while processes(group) and time.monotonic() < end:
        time.sleep(0.05)
    return not processes(group)


def test_the_simulator_ends_with_its_model():
    model = queue()
    group = model._connection._process.pid
    assert len(processes(group)) >= 2
    folder = model._connection.run
    del model
    assert not folder.exists()
    assert ends(group)


def test_the_simulator_ends_with_its_parent_however_that_ends():
    call = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from test_cosim_model import queue; model = queue();"
        "print(model._connection._process.pid, model._connection.run, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", call, str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True
    )
    group = int(parent.stdout.readline().split()[0])
    assert len(processes(group)) >= 2
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert ends(group)
