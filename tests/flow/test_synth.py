"""Yosys and nextpnr on designs whose answer is known."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ranvier.gen.errors import RanvierError
from ranvier.gen.synth import SynthReport, synthesise
from ranvier.gen.synth.targets import ECP5, ICE40, TARGETS, Target

Synthesise = Callable[..., SynthReport]


class Quick(wiring.Component):
    """A memory, and a register after it."""

    x: In(12)
    y: Out(12)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.store = store = memory.Memory(shape=12, depth=512, init=[])
        write, read = store.write_port(), store.read_port()
        count = Signal(9)
        m.d.sync += count.eq(count + 1)
        m.d.comb += [write.addr.eq(count), write.en.eq(1), write.data.eq(self.x), read.addr.eq(self.x), read.en.eq(1)]
        m.d.sync += self.y.eq(read.data)
        return m


class Slow(wiring.Component):
    """A product in one cycle, from the register ``total`` and the input back to it."""

    x: In(12)
    y: Out(12)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        total = Signal(24)
        product = Signal(24)
        m.d.comb += product.eq(total[:8] * self.x[:8] + total)
        m.d.sync += total.eq(Mux(product > 1000, product - 77, product))
        m.d.comb += self.y.eq(total >> 12)
        return m


class Chain(wiring.Component):
    """``alpha`` before ``beta``; one of the two is slow."""

    a: In(12)
    b: Out(12)

    def __init__(self, alpha: type[wiring.Component], beta: type[wiring.Component]) -> None:
        self.alpha, self.beta = alpha, beta
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.alpha = alpha = self.alpha()
        m.submodules.beta = beta = self.beta()
        m.d.comb += [alpha.x.eq(self.a), beta.x.eq(alpha.y), self.b.eq(beta.y)]
        return m


class Wide(wiring.Component):
    """More port bits than the packages have pins."""

    a: In(250)
    b: Out(250)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += self.b.eq(self.b ^ self.a)
        return m


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    """Synthesis of a component, with one seed unless told, and a cache for the session."""
    cache = tmp_path_factory.mktemp("synth")

    def synth(design: wiring.Component, target: Target, **options: object) -> SynthReport:
        text = rtlil.convert(design, name="chip")
        return synthesise(text, "chip", target, **{"seeds": (1,), "cache_dir": cache, **options})  # type: ignore[arg-type]

    return synth


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("slow", ["alpha", "beta"])
def test_critical_path_names_the_slow_module(run: Synthesise, target: Target, slow: str) -> None:
    report = run(Chain(Slow, Quick) if slow == "alpha" else Chain(Quick, Slow), target)
    last = report.critical_path[-1]
    assert last.instance == slow
    assert "total" in last.signal
    assert last.cells["register"] == 1
    assert sum(last.cells.values()) > 3
    assert report.path_ns == pytest.approx(1e3 / report.fmax_median_mhz, rel=1e-3)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_yosys_and_nextpnr_agree_on_what_is_counted(run: Synthesise, target: Target) -> None:
    report = run(Chain(Quick, Slow), target)
    needs = target.needs(report.cell_types)
    used = {kind: report.utilisation.get(site.name, {"used": 0})["used"] for kind, site in target.sites.items()}
    assert used["block_ram"] == needs["block_ram"] == report.cells["block_ram"] > 0
    assert used["pins"] == 12 + 12 + 2
    assert used["logic"] >= needs["logic"] > 0
    assert used["registers"] >= needs["registers"] == report.cells["ff"] == 24 + 8 + 9  # the product uses 8 of 12 bits
    for kind, site in target.sites.items():
        if used[kind]:
            assert report.utilisation[site.name]["available"] == site.capacity


def test_median_of_three_seeds_and_an_instant_second_run(run: Synthesise) -> None:
    begun: list[str] = []
    first = run(Chain(Quick, Slow), ECP5, seeds=(1, 2, 3), progress=lambda title, done, total: begun.append(title))
    assert sorted(first.fmax_mhz) == ["1", "2", "3"]
    assert first.fmax_median_mhz == sorted(first.fmax_mhz.values())[1]
    assert first.path_ns == pytest.approx(1e3 / first.fmax_median_mhz, rel=1e-3)
    assert len(set(begun)) >= 3
    begun.clear()
    second = run(Chain(Quick, Slow), ECP5, seeds=(1, 2, 3), progress=lambda title, done, total: begun.append(title))
    assert second == first
    assert begun == []


def test_more_port_bits_than_pins(run: Synthesise) -> None:
    report = run(Wide(), ECP5)
    assert report.notes == ("502 port bits for 365 pins: placed without pins (--out-of-context)",)
    assert report.cells["ff"] == 250
    assert "TRELLIS_IO" not in report.utilisation
    with pytest.raises(RanvierError) as caught:
        run(Wide(), ICE40)
    assert str(caught.value) == (
        "The chip has 502 port bits, target ice40 (Lattice iCE40 HX8K, CT256) has 206 pins: 296 too many; "
        "take --target ecp5, which can place it without pins"
    )


def test_broken_rtlil_is_one_line_with_a_log(tmp_path: Path) -> None:
    with pytest.raises(RanvierError) as caught:
        synthesise("module \\chip\n  nonsense\nend\n", "chip", ECP5, cache_dir=tmp_path)
    message = str(caught.value)
    assert message.startswith("Yosys synth_ecp5 failed: ")
    assert "ERROR" in message
    assert "\n" not in message
    (log,) = (tmp_path / "failed").iterdir()
    assert message.endswith(f"its log is {log}")
    assert list(tmp_path.iterdir()) == [tmp_path / "failed"]


def ranvier(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, with a cache of its own but the tools' compiled WebAssembly."""
    tools = os.environ.get("YOWASP_CACHE_DIR", platformdirs.user_cache_dir("YoWASP", appauthor=False))
    return subprocess.run(
        [sys.executable, "-c", "from ranvier.gen.cli import main; main()", *arguments],
        env=os.environ | {"XDG_CACHE_HOME": str(cache), "YOWASP_CACHE_DIR": tools},
        capture_output=True,
        text=True,
        check=False,
    )


def test_command(tmp_path: Path) -> None:
    build = tmp_path / "build"
    done = ranvier(tmp_path, "synth", "tiny", "--seeds", "1", "--build", str(build), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer.pop("performance") is None
    assert answer == json.loads((build / "synth_ecp5.json").read_text())
    assert answer["fmax_median_mhz"] == answer["fmax_mhz"]["1"] > 50
    assert answer["critical_path"][-1]["instance"].startswith("core")
    assert (build / "tiny.v").exists()
    again = ranvier(tmp_path, "synth", "tiny", "--seeds", "1", "--build", str(build))
    assert again.returncode == 0, again.stderr
    assert f"{answer['cells']['lut4']:,}" in again.stdout


def test_command_refuses_what_does_not_fit(tmp_path: Path) -> None:
    done = ranvier(tmp_path, "synth", "reference", "--target", "ice40", "--build", str(tmp_path / "build"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "ranvier: The design needs 64 block RAMs, target ice40 (Lattice iCE40 HX8K, CT256) has 32: 32 too many; "
        "lower axons, neurons or weight_width, or take --target ecp5\n"
    )
    assert not (tmp_path / "build" / "synth_ice40.json").exists()
    assert not (tmp_path / "ranvier").exists()
