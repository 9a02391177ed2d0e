"""Compiled simulation: chips against the golden model, cycles against the formulas, streams, cache and errors."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from ranvier.gen.errors import RanvierError
from ranvier.gen.images import memory_words
from ranvier.gen.names import readable
from ranvier.golden.inference import LayerTrace, run_program
from ranvier.golden.program import Program
from ranvier.hw.config import ChipConfig, chip_config
from ranvier.hw.stream import event_layout
from ranvier.hw.timing import ChipTiming
from ranvier.hw.top import Chip
from ranvier.sim.compiled import CompiledModel, pack_words, unpack_fields
from ranvier.sim.compiled.interface import Interface
from ranvier.sim.compiled.translate import converges, design_source

from ..hw.bench import events_of
from ..programs import random_program

STEPS = 4
PATIENCE = 1_000_000  # cycles: far more than any run here takes
# seed → sizes, lanes, is the last layer a readout; several groups and one, state in memory and in registers
CHIPS: dict[int, tuple[list[int], list[int], bool]] = {
    1: ([30, 37, 6], [5, 6], False),
    2: ([9, 32, 20, 7], [8, 3, 2], True),
    3: ([17, 24], [1], False),
    4: ([40, 23], [8], True),
}


class CompiledChip:
    """The chip of a random program, compiled, with the program loaded through its port."""

    def __init__(self, seed: int, cache_dir: Path) -> None:
        self.seed = seed
        self.rng = np.random.default_rng(seed)
        sizes, lanes, readout = CHIPS[seed]
        self.program: Program = random_program(self.rng, sizes, steps=STEPS, readout=readout, weight_width=8)
        self.config: ChipConfig = chip_config(self.program, lanes)
        self.model = CompiledModel(
            readable(rtlil.convert(Chip(self.config), name="chip", emit_src=False)),
            "chip",
            sources=["events_in", "load"],
            sinks=["events_out"],
            probes={
                core.name: (
                    f"{core.name}.probe_valid",
                    [f"{core.name}.probe_{part}" for part in ("group", "membrane", "spikes")],
                )
                for core in self.config.cores
            },
            cache_dir=cache_dir,
        )
        self.model.reset()
        layers = {core.name: (layer, core) for layer, core in zip(self.program.layers, self.config.cores, strict=True)}
        words = [
            region.base + address | word << self.config.load_address_width
            for region in self.config.memory_map
            for address, word in enumerate(memory_words(*layers[region.core], region.memory))
        ]
        self.model.send("load", words)
        assert self.model.run(idle="idle", limit=PATIENCE) >= len(words) > 0

    def spikes(self, samples: int) -> np.ndarray:
        spikes: np.ndarray = self.rng.random((samples, STEPS, self.program.inputs)) < self.rng.choice([0.05, 0.3, 0.9])
        return spikes

    def play(self, spikes: np.ndarray, *, shuffled: bool = False) -> int:
        """Send ``spikes`` and run until the chip is idle; the number of cycles."""
        end = 1 << event_layout(self.program.inputs)["step_end"].offset
        events = events_of(spikes, self.rng if shuffled else None)
        self.model.send(
            "events_in", [index | (end if step else 0) | (2 * end if last else 0) for index, step, last in events]
        )
        return self.model.run(idle="idle", limit=PATIENCE)

    def compare_layers(self, traces: Sequence[LayerTrace]) -> int:
        """Every membrane potential and spike of every layer; how many were compared."""
        compared = 0
        for layer, core, trace in zip(self.program.layers, self.config.cores, traces, strict=True):
            group, membrane, spikes = self.model.recorded(core.name)
            shape = (*trace.membrane.shape[:2], core.groups * core.lanes)
            assert np.array_equal(group[:, 0], np.tile(np.arange(core.groups), shape[0] * shape[1]))
            assert np.all(np.diff(self.model.recorded_cycles(core.name).astype(np.int64)) > 0)
            seen = unpack_fields(membrane, layer.model.state_width, core.lanes, signed=True).reshape(shape)
            assert np.array_equal(seen[..., : core.neurons], trace.membrane)
            if layer.model.spiking:
                fired = unpack_fields(spikes, 1, core.lanes).reshape(shape)
                assert np.array_equal(fired[..., : core.neurons], trace.spikes)
            compared += trace.membrane.size
        return compared

    def compare_output(self, trace: LayerTrace) -> int:
        """Every output event; how many were compared."""
        layer, core = self.program.layers[-1], self.config.cores[-1]
        layout = event_layout(core.neurons, core.value_width)
        words = self.model.received("events_out")

        def field(name: str) -> np.ndarray:
            place = layout[name]
            return unpack_fields(words, place.width, 1, at=place.offset, signed=name == "value")[:, 0]

        golden: list[tuple[int, int, int, int]] = []  # index, value, step_end, sample_end
        for sample in range(len(trace.spikes)):
            for step in range(STEPS):
                if layer.model.spiking:
                    golden += [(int(n), 0, 0, 0) for n in np.flatnonzero(trace.spikes[sample, step])]
                else:
                    golden += [(n, int(v), 0, 0) for n, v in enumerate(trace.membrane[sample, step])]
                golden.append((0, 0, 1, int(step == STEPS - 1)))
        ends = field("step_end")
        value = np.zeros_like(ends) if layer.model.spiking else field("value")
        seen = np.stack([field("index") * (1 - ends), value * (1 - ends), ends, field("sample_end")], axis=1)
        assert np.array_equal(seen, golden)
        return len(golden)


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for this module: a chip is compiled once."""
    return tmp_path_factory.mktemp("compiled")


@pytest.mark.parametrize("seed", CHIPS)
def test_random_chips_equal_golden_with_and_without_stalls(seed: int, cache_dir: Path) -> None:
    chip = CompiledChip(seed, cache_dir)
    for stalled in (False, True, True):
        chip.model.stall(seed if stalled else None, 0.5)
        spikes = chip.spikes(samples=20)
        traces = run_program(chip.program, spikes)
        cycles = chip.play(spikes, shuffled=True)
        events, values = chip.compare_output(traces[-1]), chip.compare_layers(traces)
        fired = sum(int(trace.spikes.sum()) for trace in traces)
        counts = f"{events} events, {values} membrane potentials, {fired} spikes"
        print(f"seed {seed}, stalled {stalled}: {cycles} cycles, {counts}")
        assert events >= 20 * STEPS and values == 20 * STEPS * sum(layer.neurons for layer in chip.program.layers)
        assert fired > 0 or not chip.program.layers[0].model.spiking


def test_a_difference_from_golden_shows(cache_dir: Path) -> None:
    """The comparison of this file would see one wrong weight."""
    chip = CompiledChip(1, cache_dir)
    region = chip.config.memory_map[0]
    (word,) = memory_words(chip.program.layers[0], chip.config.cores[0], region.memory)[:1]
    chip.model.send("load", [region.base | (word ^ 4) << chip.config.load_address_width])
    chip.model.run(idle="idle", limit=PATIENCE)
    spikes = np.ones((1, STEPS, chip.program.inputs), bool)
    chip.play(spikes)
    with pytest.raises(AssertionError):
        chip.compare_layers(run_program(chip.program, spikes))


@pytest.mark.parametrize("seed", CHIPS)
def test_every_transfer_is_in_the_cycle_that_the_formulas_say(seed: int, cache_dir: Path) -> None:
    chip = CompiledChip(seed, cache_dir)
    for _ in range(5):
        spikes = chip.spikes(samples=3)
        traces = run_program(chip.program, spikes)
        layers = zip(chip.program.layers, traces, strict=True)
        rasters = [spikes, *(trace.spikes for layer, trace in layers if layer.model.spiking)]
        timing = ChipTiming(chip.config, [raster.reshape(3 * STEPS, -1) for raster in rasters])
        start = chip.model.cycles
        chip.play(spikes)
        sent = chip.model.received("events_out")
        assert len(sent) >= 3 * STEPS
        assert (chip.model.sent_cycles("events_in") - np.uint64(start)).tolist() == timing.taken
        assert (chip.model.received_cycles("events_out") - np.uint64(start)).tolist() == timing.sent


WIDE, STRIDE = 150, 10


class WideChain(wiring.Component):
    """A FIFO that adds its parity to each wide word; ``enable`` 0 holds the input back.

    ``ripple``: the parity goes through one signal as wide as a word, from every ``STRIDE`` th bit of it to the next,
    which is feedback to who looks at whole signals.
    """

    def __init__(self, *, ripple: bool) -> None:
        self.ripple = ripple
        super().__init__(
            {
                "words": In(stream.Signature(WIDE)),
                "out": Out(stream.Signature(data.StructLayout({"word": WIDE, "parity": 1}))),
                "enable": In(1),
                "total": Out(16),
                "empty": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=WIDE, depth=5)
        m.d.comb += [
            fifo.w_data.eq(self.words.payload),
            fifo.w_en.eq(self.words.valid & self.enable),
            self.words.ready.eq(fifo.w_rdy & self.enable),
            self.out.payload.word.eq(fifo.r_data),
            self.out.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.out.ready),
            self.empty.eq(~fifo.r_rdy & (fifo.level == 0)),
        ]
        with m.If(self.words.valid & self.words.ready):
            m.d.sync += self.total.eq(self.total + 1)
        if self.ripple:
            parity = Signal(WIDE)
            for first in range(0, WIDE, STRIDE):
                before = parity[first - 1] if first else 0
                m.d.comb += parity[first + STRIDE - 1].eq(before ^ fifo.r_data[first : first + STRIDE].xor())
            m.d.comb += self.out.payload.parity.eq(parity[-1])
        else:
            m.d.comb += self.out.payload.parity.eq(fifo.r_data.xor())
        return m


def wide_rtlil(*, ripple: bool) -> str:
    return readable(rtlil.convert(WideChain(ripple=ripple), name="chain", emit_src=False))


def wide_chain(cache_dir: Path, *, ripple: bool = False) -> CompiledModel:
    return CompiledModel(
        wide_rtlil(ripple=ripple),
        "chain",
        sources=["words"],
        sinks=["out"],
        probes={"written": ("fifo.w_en", ["fifo.w_data", "total"])},
        cache_dir=cache_dir,
    )


def wide_words(count: int) -> list[int]:
    rng = np.random.default_rng(count)
    return [int.from_bytes(rng.bytes(19), "little") >> 2 for _ in range(count)]


@pytest.mark.parametrize("ripple", [False, True])
def test_feedback_needs_more_than_one_evaluation(ripple: bool) -> None:
    """What the harness goes by: the two chains of the next test are driven in its two ways."""
    design = design_source(Interface.of(wide_rtlil(ripple=ripple), "chain", ["words"], ["out"], {}))
    assert converges(design) is not ripple


@pytest.mark.parametrize("ripple", [False, True])
def test_wide_words_pass_unchanged_with_stalls(ripple: bool, cache_dir: Path) -> None:
    model, words = wide_chain(cache_dir, ripple=ripple), wide_words(400)
    model.write("enable", 1)
    model.stall(7, 0.4)
    model.send("words", words[:150])
    model.send("words", pack_words(words[150:], WIDE))
    assert model.run(receive={"out": 400}, idle="empty", limit=10_000) >= 400
    expected = [word | word.bit_count() % 2 << WIDE for word in words]
    assert np.array_equal(model.received("out"), pack_words(expected, WIDE + 1))
    assert len(model.received("out")) == 0
    written, total = model.recorded("written")
    # A stream offers, and so the FIFO's enable is 1, in more cycles than there are transfers.
    assert np.array_equal(written[np.flatnonzero(np.diff(total[:, 0], append=400))], pack_words(words, WIDE))
    assert len(model.recorded_cycles("written")) == len(written)
    assert model.read("total") == 400 and model.read("words__ready") == 1


def test_the_same_seed_stalls_the_same_cycles(cache_dir: Path) -> None:
    runs = []
    for seed in (1, 1, 2, None):
        model = wide_chain(cache_dir)
        model.write("enable", 1)
        model.stall(seed, 0.5)
        model.send("words", wide_words(300))
        model.run(receive={"out": 300}, limit=10_000)
        model.received("out")
        runs.append((model.sent_cycles("words").tolist(), model.received_cycles("out").tolist()))
    assert runs[0] == runs[1] != runs[2]
    assert runs[3][0] == list(range(300)) and runs[3][1] == list(range(runs[3][1][0], runs[3][1][0] + 300))
    assert 450 < runs[0][1][-1] < 1500


def test_a_run_that_does_not_end_says_how_far_it_came(cache_dir: Path) -> None:
    model = wide_chain(cache_dir)
    model.write("enable", 1)
    model.stall(3, 0.0)
    assert model.run(idle="empty", limit=0) == 0
    model.send("words", wide_words(3))
    with pytest.raises(RanvierError) as caught:
        model.run(receive={"out": 4}, idle="empty", limit=1000)
    assert str(caught.value) == (
        "Simulation of chain did not end within 1000 cycles: "
        "words has taken 3 of 3 words, out has sent 3 of 4 words, empty is 1"
    )
    assert model.cycles == 1000
    model.write("enable", 0)
    model.send("words", wide_words(2))
    with pytest.raises(RanvierError, match=r"words has taken 0 of 2 words, out has sent 0 words$"):
        model.run(limit=10)


def test_a_reset_forgets_what_was_not_taken(cache_dir: Path) -> None:
    model = wide_chain(cache_dir)
    model.write("enable", 1)
    model.stall(1, 1.0)
    model.send("words", wide_words(9))
    with pytest.raises(RanvierError, match="taken 0 of 9"):
        model.run(limit=20)
    model.stall(None, 0)
    model.run(receive={"out": 2}, limit=20)
    model.send("words", wide_words(5))
    model.reset(3)
    assert model.run(idle="empty", limit=0) == 0
    assert model.read("total") == 0 and len(model.received("out")) >= 2


def test_a_second_model_is_not_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same design: with another option it is another library."""
    calls, compiler = tmp_path / "calls", tmp_path / "bin" / "g++"
    compiler.parent.mkdir()
    compiler.write_text(f'#!/bin/sh\necho called >>{calls}\nexec /usr/bin/env PATH="{os.environ["PATH"]}" g++ "$@"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(compiler.parent), prepend=os.pathsep)
    first = wide_chain(tmp_path / "cache")
    second = wide_chain(tmp_path / "cache")
    assert calls.read_text() == "called\n"
    first.write("enable", 1)
    first.send("words", [5])
    first.run(receive={"out": 1}, limit=10)
    assert (first.read("total"), second.read("total")) == (1, 0)
    (library,) = (tmp_path / "cache").iterdir()
    assert library.suffix == ".so"


def test_a_missing_or_failing_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RanvierError) as caught:
        wide_chain(tmp_path / "cache")
    assert str(caught.value) == (
        "Compiled simulation needs the program g++, not found: install the package g++ (apt-get install g++)"
    )
    (tmp_path / "g++").write_text("#!/bin/sh\necho 'harness.cc:1: fatal error: no luck' >&2\nexit 1\n")
    (tmp_path / "g++").chmod(0o755)
    with pytest.raises(RanvierError) as caught:
        wide_chain(tmp_path / "cache")
    assert str(caught.value) == "g++ failed to compile the simulation: harness.cc:1: fatal error: no luck"
    assert not list((tmp_path / "cache").iterdir())


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(RanvierError, match=r"^Cache folder .*cache must be writable: File exists$"):
        wide_chain(tmp_path / "cache")


SMALL = "module \\top\n  wire input 0 \\clk\n  wire input 1 \\rst\n  wire width 2 output 2 \\two\nend\n"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"top": "other"}, "Design must have a module other, it has top"),
        ({"sources": ["a"]}, "Module top must have an input a__payload"),
        ({"sinks": ["a"]}, "Module top must have an output a__payload"),
        ({"probes": {"p": ("x.y", [])}}, "Signal x.y does not exist: module top has no instance x"),
        ({"probes": {"p": ("y", [])}}, "Signal y does not exist: module top has no signal y"),
        ({"probes": {"p": ("two", [])}}, "Probe p must be valid by a signal of 1 bit, not two"),
    ],
)
def test_what_the_design_does_not_have(options: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        CompiledModel(SMALL, **{"top": "top", "sources": [], "sinks": [], **options})  # type: ignore[arg-type]
    assert str(caught.value) == problem


def test_a_design_without_a_reset() -> None:
    with pytest.raises(ValueError, match=r"^Module top must have an input rst of 1 bit$"):
        CompiledModel(SMALL.replace("\\rst", "\\other"), "top", sources=[], sinks=[])


def test_names_and_values_that_are_wrong(cache_dir: Path) -> None:
    model = wide_chain(cache_dir)
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: model.send("word", [1]), "Model has no source word, only words"),
        (lambda: model.received("words"), "Model has no sink words, only out"),
        (lambda: model.recorded("total"), "Model has no probe total, only written"),
        (lambda: model.run(receive={"in": 1}, limit=1), "Model has no sink in, only out"),
        (lambda: model.run(idle="total", limit=1), "Module chain must have an output total of 1 bit"),
        (lambda: model.write("words__valid", 1), "Model has no input words__valid, only enable, rst"),
        (lambda: model.write("enable", 2), "Words must be 0 to 2**1 - 1, not 2"),
        (lambda: model.send("words", [-1]), f"Words must be 0 to 2**{WIDE} - 1, not -1"),
        (lambda: model.send("words", np.full((1, 3), 2**63, np.uint64)), "Words must be 0 to 2**150"),
        (lambda: model.send("words", np.zeros((1, 2), int)), "Words must have shape [n] or [n, 3], not [1, 2]"),
        (lambda: model.stall(1, 1.5), "Share of stalls must be 0..1, not 1.5"),
        (lambda: model.run(limit=-1), "Limit must not be negative, as -1 is"),
        (lambda: model.reset(0), "Cycles of a reset must be at least 1, not 0"),
    ]
    for wrong, problem in cases:
        with pytest.raises(ValueError) as caught:
            wrong()
        assert str(caught.value).startswith(problem)
    with pytest.raises(TypeError, match=r"^Words must be integers, not float64$"):
        model.send("words", np.zeros(2))


@pytest.mark.parametrize("width", [1, 7, 12, 63])
@pytest.mark.parametrize("signed", [False, True])
def test_fields_of_words_are_those_of_integers(width: int, signed: bool) -> None:
    rng = np.random.default_rng(width)
    words = [int.from_bytes(rng.bytes(24), "little") for _ in range(50)]
    count = 190 // width
    golden = [[word >> 2 + width * k & (1 << width) - 1 for k in range(count)] for word in words]
    if signed:
        golden = [[value - (value >> width - 1 << width) for value in row] for row in golden]
    assert unpack_fields(pack_words(words, 192), width, count, at=2, signed=signed).tolist() == golden
