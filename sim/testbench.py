"""The cocotb test: sends the samples, and stops when all is compared or at the first mismatch."""

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Event, RisingEdge, select

from ranvier.golden.decoding.registry import decoder_of
from ranvier.golden.inference import run_program
from ranvier.golden.program import Program

from .agents import AnswerMonitor, BurstDriver, LayerMonitor, OutputMonitor
from .bench import HALF_PERIOD_NS, BenchLayout
from .comparison import Mismatch
from .lifeline import die_with_parent
from .request import FOLDER_VARIABLE, OBSERVED, PROGRESS, RESULT, SAMPLES, Request
from .scoreboard import TraceScoreboard
from .stimulus import encode_sample, transfer_words

COUNTER_MAX = (1 << 16) - 1
HUNG = 2  # place among what the test waits for
CYCLES_OF_REST = 8  # an update of few groups keeps the next pass waiting for fewer
CYCLES_AFTER_MISMATCH = 32  # so that a waveform shows what follows


class Testbench:
    """Bench, agents and scoreboard of one run."""

    def __init__(self, bench: Any, run: Path) -> None:
        die_with_parent()  # this is the simulator's process
        self.bench, self.run, self.request = bench, run, Request.load(run)
        folder = Path(self.request.folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        self.layout = BenchLayout.of(manifest)
        program = Program.load(folder / "program.npz")
        with np.load(run / SAMPLES) as file:
            self.spikes, self.transfers = file["spikes"], file.get("transfers")
        self.traces = run_program(program, self.spikes)
        self.plays = [*self.request.alone, *self.request.stressed]
        self.board = TraceScoreboard(bench, program, self.traces, self.plays)
        self.driver = BurstDriver(bench, "events_in", bench.clk, self.layout.event_in.width)
        for index, layer in enumerate(self.layout.layers):
            self.board.watch_layer(LayerMonitor(bench, bench.clk, layer), index)
        self.board.watch_output(OutputMonitor(bench, bench.clk, self.layout.event_out))
        if self.layout.answers is not None:
            last = self.traces[-1]
            decoded = decoder_of(program, **manifest["configuration"]["decoder"]).decode(last.spikes, last.membrane)
            self.board.watch_answers(AnswerMonitor(bench, bench.clk, self.layout.answers), decoded)
        self.board.on_sample = self.tell
        self.sample_done = Event()
        self.progress = (run / PROGRESS).open("w", buffering=1)
        self.saturations = np.zeros(len(self.traces), np.int64)
        self.rejected = [0] * len(self.traces)  # illegal events that each layer must have counted
        self.merged = 0  # events that the encoder must have merged
        self.latencies: list[int] = []
        self.active: list[int] = []  # cycles in which each layer had something to do, and at last the chip

    async def reset(self) -> None:
        """Start the clock where the bench has none, and hold the reset for a few cycles."""
        if self.request.simulator == "verilator":
            Clock(self.bench.clk, 2 * HALF_PERIOD_NS, "ns", impl="gpi").start()
        await ClockCycles(self.bench.clk, 4)
        self.bench.random.value = (self.request.seed * 2 + 1) % (1 << 32)
        self.bench.rst.value = 0
        await self.rest()

    async def rest(self) -> None:
        """Wait until nothing is in flight, the pauses after updates included."""
        await ClockCycles(self.bench.clk, 2)
        if not int(self.bench.idle.value):
            await RisingEdge(self.bench.idle)
        await ClockCycles(self.bench.clk, CYCLES_OF_REST)

    async def play(self) -> None:
        """Send every sample, wait until the chip is idle, compare the counters."""
        order = np.random.default_rng(self.request.seed)
        words = {k: self.events(k, order) for k in sorted(set(self.plays))}
        before = self.active_cycles()
        for count, sample in enumerate(self.request.alone, 1):
            await self.driver.send(words[sample])
            await self.settle(count)
            self.latencies.append(int(self.board.sample_ends[sample]) - self.driver.first_cycle + 1)
            self.compare_counters([sample])
        self.active = [now - then for now, then in zip(self.active_cycles(), before, strict=True)]
        if self.request.stressed:
            self.bench.stress.value = 1
            for sample in self.request.stressed:
                await self.driver.send(words[sample])
            await self.settle(len(self.plays))
            self.compare_counters(self.request.stressed)

    def events(self, sample: int, order: np.random.Generator) -> list[int]:
        """Payloads of one sample."""
        if self.transfers is not None:
            return transfer_words(self.layout.event_in, self.transfers[sample])
        return encode_sample(self.layout.event_in, self.spikes[sample], order)

    async def settle(self, samples: int) -> None:
        """Wait until the outputs of ``samples`` samples have come and nothing is in flight."""
        while self.board.samples_done < samples:
            self.sample_done.clear()
            await self.sample_done.wait()
        await self.rest()
        steps = samples * self.spikes.shape[1]
        for layer, done in zip(self.layout.layers, self.board.steps_done, strict=True):
            if done != steps:
                self.find(f"layer {layer.name}", self.plays[samples - 1], "steps seen so far", steps, done)

        answers = self.board.compared.answers
        if self.layout.answers is not None and answers != steps:
            self.find("answers", self.plays[samples - 1], "answers seen so far", steps, answers)

    def active_cycles(self) -> list[int]:
        """Cycles in which each layer, and the chip, have had something to do."""
        counters = [f"layer_{layer.name}_active" for layer in self.layout.layers]
        return [int(getattr(self.bench, name).value) for name in [*counters, "active"]]

    def compare_counters(self, samples: tuple[int, ...] | list[int]) -> None:
        """Compare the counters of the layers with the golden model's, after ``samples`` more samples."""
        for index, (layer, trace) in enumerate(zip(self.layout.layers, self.traces, strict=True)):
            self.saturations[index] += trace.saturations[list(samples)].sum()
            counters = (
                ("saturations", min(int(self.saturations[index]), COUNTER_MAX)),
                ("rejected", self.rejected[index]),
            )
            for name, expected in counters:
                got = int(getattr(self.bench, f"layer_{layer.name}_{name}").value)
                if got != expected:
                    self.find(f"layer {layer.name}", samples[-1], f"counter of {name}", expected, got)
                self.board.compared.counters += 1
        if self.transfers is not None:
            self.compare_encoder(self.transfers, list(samples))

    def compare_encoder(self, transfers: np.ndarray, samples: list[int]) -> None:
        """Compare its counters: nothing is rejected, and merged are a camera's events that made no spike."""
        for name in self.layout.counters:
            expected = 0
            if name == "values_in_merged":
                events = (transfers[samples, :-1, 0] >= 0).sum()
                self.merged += int(events - self.spikes[samples].sum(dtype=np.int64))
                expected = min(self.merged, COUNTER_MAX)
            got = int(getattr(self.bench, name).value)
            if got != expected:
                self.find("encoder", samples[-1], f"counter {name}", expected, got)
            self.board.compared.counters += 1

        if self.layout.answers is not None:
            got = int(self.bench.answers_rejected.value)
            if got:
                self.find("answers", samples[-1], "counter of rejected", 0, got)
            self.board.compared.counters += 1

    def find(self, where: str, sample: int, what: str, expected: int, got: int) -> None:
        """Report a mismatch that shows at the end of a sample."""
        cycle, since = int(self.bench.cycle.value), self.driver.first_cycle
        self.board.finding.report(Mismatch(where, sample, self.spikes.shape[1] - 1, what, expected, got, cycle, since))

    def tell(self) -> None:
        """A line for the process that waits, and a nudge for :meth:`settle`."""
        self.progress.write(json.dumps({"samples": self.board.samples_done, "of": len(self.plays)}) + "\n")
        self.sample_done.set()

    def where(self) -> str:
        """How far each layer has come."""
        steps = len(self.plays) * self.spikes.shape[1]
        done = zip(self.layout.layers, self.board.steps_done, strict=True)
        return ", ".join(f"layer {layer.name} after {count} of {steps} steps" for layer, count in done)

    def save(self, wall_seconds: float, cpu_seconds: float, hung: bool) -> None:
        """Write the result and what was observed."""
        board = self.board
        result = {
            "compared": asdict(board.compared),
            "mismatch": None if board.finding.mismatch is None else asdict(board.finding.mismatch),
            "hung": self.where() if hung else None,
            "latencies": self.latencies,
            "active": self.active,
            "cycles": int(self.bench.cycle.value),
            "wall_seconds": wall_seconds,
            "cpu_seconds": cpu_seconds,
        }
        arrays: dict[str, np.ndarray] = {}
        for layer, recording in zip(self.layout.layers, board.recordings, strict=True):
            arrays |= {f"{layer.name}.{key}": array for key, array in vars(recording).items()}
        self.progress.close()
        np.savez(self.run / OBSERVED, allow_pickle=False, **arrays)
        (self.run / RESULT).write_text(json.dumps(result))


def run_folder() -> Path:
    """The folder of this run, as the process that started the simulator named it."""
    return Path(os.environ[FOLDER_VARIABLE])


@cocotb.test()
async def compare(bench: Any) -> None:
    """Every value of every step of the samples that were asked for."""
    await carry_out(Testbench(bench, run_folder()))


async def carry_out(testbench: Testbench) -> None:
    """Play all of ``testbench``, write its result, and fail where it found something."""
    bench, wall, cpu = testbench.bench, time.perf_counter(), time.process_time()
    await testbench.reset()
    finding, hung = testbench.board.finding, RisingEdge(bench.hung)
    first, _ = await select(testbench.play(), finding.event.wait(), hung)
    wall_seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    if finding.mismatch:
        await ClockCycles(bench.clk, CYCLES_AFTER_MISMATCH)
    testbench.save(wall_seconds, cpu_seconds, first == HUNG)
    assert finding.mismatch is None, str(finding.mismatch)
    assert first != HUNG, testbench.where()
