#!/usr/bin/env python3
"""Measure what docs/training_measured.md states of the trainer.

    scripts/measure_training.py             print all tables
    scripts/measure_training.py --write     put them into docs/training_measured.md

Sparsity: cycles of the same trainers in compiled simulation, whose weights are chosen so that a wanted share of neurons
fires and a wanted share has a gradient: because only they lie in the surrogate's window, or, with all of them in it,
because nothing reaches the others. Cells: Yosys for ECP5, each unit by itself, then the whole placed and routed.
Compilations and syntheses are cached by content.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib import rcParams
from matplotlib.figure import Figure
from rich.console import Console

from ranvier.gen.config import load_configuration
from ranvier.gen.emit import emit_part
from ranvier.gen.energy.sata import COMPUTE_GAIN, SPARSE
from ranvier.gen.synth import map_cells, synthesise
from ranvier.gen.synth.targets import find_target
from ranvier.gen.training.emit import emit_trainer
from ranvier.gen.training.images import Samples
from ranvier.gen.training.setup import trainer_config
from ranvier.golden.neurons.leak import Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train import bptt
from ranvier.golden.train.bptt import TrainingState
from ranvier.golden.train.loss import CountError
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle, table
from ranvier.hw.train.assess import assessment
from ranvier.hw.train.backward import BackwardEngine
from ranvier.hw.train.backward_pass import BackwardPass
from ranvier.hw.train.config import TrainerConfig
from ranvier.hw.train.forward import ForwardEngine
from ranvier.hw.train.forward_pass import ForwardPass
from ranvier.hw.train.gradient import GradientEngine
from ranvier.hw.train.gradient_pass import GradientPass
from ranvier.hw.train.optimiser import Optimiser
from ranvier.sim.training.compare import Comparison
from ranvier.sim.training.device import TrainerDevice

PAGE = Path(__file__).resolve().parents[1] / "docs/training_measured.md"
CURVES = PAGE.with_name("sparsity.svg")
THRESHOLD, HALF_WIDTH, ALL = 8192, 3535, 1 << 21  # of neurons without memory: each step is drawn anew
STEPS, BATCH = 8, 32
NETWORKS = (((256, 256, 256), True), ((256, 256, 256), False), ((64, 128, 10), False), ((784, 200, 10), False))
SHARES = ((0.5, 0.5), (0.2, 0.4), (0.1, 0.2), (0.05, 0.1))  # of spikes, of gradients that are not zero
PHASES = ("forward", "backward", "gradient")
TITLES = ("forward", "backward", "weight gradient", "whole step")
SATA_ZEROS, SATA_GAIN = 1 - SPARSE.spikes, COMPUTE_GAIN.value


@dataclass(frozen=True)
class Run:
    """One batch of a trainer: measured shares of ``spikes``, of ``gradients`` that are not 0 and of neurons in the
    ``window``, ``cycles`` and ideal ``work`` (cycles if no
    lane ever idled) by phase, ``busy`` cycles in all, ``fixed``: those of loading, loss and update."""

    spikes: float
    gradients: float
    window: float
    cycles: dict[str, int]
    work: dict[str, float]
    busy: int
    fixed: int
    compared: int


def sparse_setup(sizes: tuple[int, ...], *, everybody: bool) -> TrainingSetup:
    """Threshold neurons throughout, with a loss that leaves nobody without an error; or ``everybody`` in the window,
    and no error for outputs that stay silent."""
    model = Lif(24, Shift(0), comparison="greater", reset="none")
    parameters = {"bias": 0, "threshold": THRESHOLD}
    surrogate = Rectangle(ALL if everybody else HALF_WIDTH)
    layers = [
        TrainedLayer(f"layer{k}", a, b, model, parameters, surrogate)
        for k, (a, b) in enumerate(itertools.pairwise(sizes))
    ]
    loss = CountError(sizes[-1], on=20, off=0 if everybody else 10, gain_shift=7)
    return TrainingSetup("sparse", tuple(layers), loss, Sgd(), STEPS, BATCH)


def unreached_weights(
    rng: np.random.Generator, setup: TrainingSetup, spikes: np.ndarray, share: float, reached: float
) -> list[np.ndarray]:
    """Weights with which ``share`` of the neurons before the last layer fire, and only ``reached`` of each layer's are
    joined to neurons behind them, or get an error."""
    weights = sparse_weights(rng, setup, spikes, share, 0.5)
    for matrix in weights[1:]:
        rows = len(matrix)
        matrix[rng.permutation(rows)[round(reached * rows) :]] = 0
    last = weights[-1]
    silent = rng.permutation(last.shape[1])[round(reached * last.shape[1]) :]
    last[last != 0] = 2 * THRESHOLD
    last[:, silent] = 0
    return weights


def sparse_weights(
    rng: np.random.Generator, setup: TrainingSetup, spikes: np.ndarray, share: float, window: float
) -> list[np.ndarray]:
    """Weights with which ``share`` of the neurons fire and ``window`` of them lie in the surrogate's window."""
    weights = []
    for layer in setup.layers:
        rows = spikes.reshape(-1, layer.inputs).astype(float)
        shape = rng.normal(size=(layer.inputs, layer.neurons))
        narrow, wide = 1.0, 1e5
        for _ in range(40):  # the wider the potentials spread, the fewer lie in the window
            scale = (narrow * wide) ** 0.5
            potential = rows @ (shape * scale)
            count = rows.sum(axis=1, keepdims=True)
            low, high = -1e5, 1e5
            for _ in range(40):
                middle = (low + high) / 2
                fired = (potential + middle * count > THRESHOLD).mean()
                low, high = (middle, high) if fired < share else (low, middle)
            inside = (np.abs(potential + low * count - THRESHOLD) < HALF_WIDTH).mean()
            narrow, wide = (scale, wide) if inside > window else (narrow, scale)
        weights.append((shape * scale + low).round().clip(-32767, 32767).astype(np.int64))
        spikes = (rows @ weights[-1] > THRESHOLD).reshape(*spikes.shape[:2], layer.neurons)
    return weights


def dense_weights(setup: TrainingSetup) -> list[np.ndarray]:
    """Weights with which everybody fires, just above the threshold, if all inputs do."""
    return [np.full(layer.weight_shape, THRESHOLD // layer.inputs + 1) for layer in setup.layers]


def measure(device: TrainerDevice, share: float, gradients: float, *, everybody: bool, count: int = BATCH) -> Run:
    """One batch of ``count`` samples, every value of it compared with golden; shares of 1: dense."""
    setup, rng = device.config.setup, np.random.default_rng(1)
    spikes = rng.random((count, STEPS, setup.inputs)) < share
    if share == 1:
        weights = dense_weights(setup)
    else:
        weights = (unreached_weights if everybody else sparse_weights)(rng, setup, spikes, share, gradients)
    state = replace(TrainingState.fresh(setup, 1), weights=weights)
    labels, number = rng.integers(0, setup.classes, count), np.arange(count)
    golden = bptt.run_batch(setup, weights, spikes, labels)
    comparison = Comparison(device, state)
    before = device.counters()
    comparison.run(Samples(spikes, labels, number >= 0, number == count - 1, np.ones(count, int)))
    used = {name: value - before[name] for name, value in device.counters().items()}
    if comparison.tally.wrong:
        raise SystemExit(f"measure_training: trainer differs from golden: {comparison.tally.first}")
    axons = [trace.axons.sum(axis=2) for trace in golden.forward]
    learning = [(trace.membrane != 0).sum(axis=2) for trace in golden.backward]
    inside = [(trace.derivative != 0).sum(axis=2) for trace in golden.forward]
    layers, lanes = device.config.layers, device.config.lanes
    work = {
        "forward": sum(int(n.sum()) * layer.groups for n, layer in zip(axons, layers, strict=True)),
        "backward": sum(int((a * b).sum()) for a, b in zip(inside, learning[1:], strict=False)) / lanes,
        "gradient": sum(int((a * b).sum()) for a, b in zip(axons, learning, strict=True)) / lanes,
    }
    return Run(
        spikes=sum(int(n.sum()) for n in axons) / sum(trace.axons.size for trace in golden.forward),
        gradients=sum(int(n.sum()) for n in learning) / sum(trace.membrane.size for trace in golden.backward),
        window=sum(int(n.sum()) for n in inside) / sum(trace.derivative.size for trace in golden.forward),
        cycles={phase: used[f"{phase}_cycles"] for phase in PHASES},
        work=work,
        busy=used["busy_cycles"],
        fixed=sum(used[f"{phase}_cycles"] for phase in ("load", "assess", "update")),
        compared=comparison.tally.total,
    )


def gains(dense: Run, sparse: Run) -> Iterator[tuple[str, float, float]]:
    """Phase, how many times fewer cycles, and how many times fewer they could be at best; then the whole step."""
    for phase in PHASES:
        yield phase, dense.cycles[phase] / sparse.cycles[phase], dense.work[phase] / sparse.work[phase]
    best = (sum(dense.work.values()) + dense.fixed) / (sum(sparse.work.values()) + sparse.fixed)
    yield "step", dense.busy / sparse.busy, best


def sparsity() -> str:
    """The table of cycles over sparsity; draws the curves, too."""
    lines = [
        "| network | spikes | gradients | inside | forward | backward | weight gradient | whole step | compared |\n",
        "|---|---|---|---|---|---|---|---|---|\n",
    ]
    for sizes, everybody in NETWORKS:
        device = TrainerDevice(TrainerConfig(sparse_setup(sizes, everybody=everybody)))
        dense = measure(device, 1, 1, everybody=everybody)
        runs = [measure(device, share, gradients, everybody=everybody) for share, gradients in SHARES]
        for run in runs:
            cells = [f"{gain:.2f} of {best:.2f} ({gain / best:.0%})" for _, gain, best in gains(dense, run)]
            name = "-".join(str(size) for size in sizes)
            shares = [f"{run.spikes:.3f}", f"{run.gradients:.3f}", f"{run.window:.3f}"]
            lines.append("| " + " | ".join([name, *shares, *cells, f"{dense.compared + run.compared:,}"]) + " |\n")
        if everybody:
            draw(dense, runs)
    return "".join(lines)


def draw(dense: Run, runs: list[Run]) -> None:
    """Curves over sparsity, beside what SATA gains in energy."""
    rcParams["svg.hashsalt"] = "ranvier"  # the same file for the same figures
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    zeros = [0.0, *(1 - run.spikes for run in runs)]
    found = [[(1.0, 1.0)] * len(TITLES)] + [[(gain, best) for _, gain, best in gains(dense, run)] for run in runs]
    for number, title in enumerate(TITLES):
        measured, best = zip(*(row[number] for row in found), strict=True)
        (line,) = axes.plot(zeros, measured, marker="o", label=title)
        axes.plot(zeros, best, linestyle=":", color=line.get_color())
    axes.plot(
        SATA_ZEROS, SATA_GAIN, marker="*", markersize=11, linestyle="", color="black", label="SATA: compute energy"
    )
    axes.annotate(f"{SATA_GAIN:.2f}", (SATA_ZEROS, SATA_GAIN), xytext=(6, -12), textcoords="offset points")
    axes.set(
        yscale="log", xlabel="spikes that are zero (gradients: 0, 0.5, 0.6, 0.8, 0.9)", ylabel="times fewer cycles"
    )
    axes.set_yticks([1, 2, 5, 10, 20, 50, 100, 200], ["1", "2", "5", "10", "20", "50", "100", "200"])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(title="dotted: no lane ever idle", fontsize=8, title_fontsize=8)
    figure.savefig(CURVES, metadata={"Date": None})


def variants() -> dict[str, TrainerConfig]:
    """The configurations of the table, by what they differ in from the preset train_digits."""
    training = load_configuration("train_digits").training
    assert training is not None
    preset = trainer_config("train_digits", training)
    setup, (hidden, readout) = preset.setup, preset.setup.layers
    one = 1 << setup.weight_fraction
    smooth = replace(hidden, surrogate=table("arctan", 2, one))
    changed = {
        "exact reset path": {"reset_path": "exact"},
        "arctan by table": {"layers": (smooth, readout)},
        "TET": {"loss": replace(setup.loss, every_step=True)},
        "SLTT": {"temporal": False},
        "OTTT": {"temporal": False, "traces": True},
        "4 lanes": {"lanes": 4},
        "16 lanes": {"lanes": 16},
    }
    return {
        f"`train_digits`: {setup.lanes} lanes, sequential": preset,
        "overlapped": replace(preset, overlap=True),
        **{name: replace(preset, setup=replace(setup, **fields)) for name, fields in changed.items()},
        "exact reset path, recomputed": replace(preset, setup=replace(setup, reset_path="exact"), recompute=True),
    }


def parts(config: TrainerConfig) -> dict[str, Any]:
    """The units of a trainer, by name."""
    ahead = ForwardPass(config)
    return {
        "forward": ForwardEngine(config),
        "forward_pass": ahead,
        "assessment": assessment(config),
        "backward": BackwardEngine(config),
        "backward_pass": BackwardPass(config, input_depth=ahead.input_depth, trace_depth=ahead.trace_depth),
        "gradient": GradientEngine(config),
        "gradient_pass": GradientPass(config, input_depth=ahead.input_depth, trace_depth=ahead.trace_depth),
        "optimiser": Optimiser(config),
    }


def cells(console: Console) -> str:
    """Cells of each unit, and of the whole in each variant."""
    target, lines = find_target("ecp5"), ["| unit | LUT4 | carry | FF | LUT RAM | block RAM | DSP |\n"]
    lines.append("|---|---|---|---|---|---|---|\n")

    def row(name: str, counted: dict[str, int]) -> str:
        kinds = ("lut4", "carry", "ff", "lut_ram", "block_ram", "dsp")
        return "| " + " | ".join([name, *(f"{counted[kind]:,}" for kind in kinds)]) + " |\n"

    first = next(iter(variants().values()))
    for name, part in parts(first).items():
        with console.status(name):
            lines.append(row(f"`{name}`", target.count(map_cells(emit_part(part, name), name, target))))
    for name, config in variants().items():
        with console.status(name):
            lines.append(row(name, target.count(map_cells(emit_trainer(config, "trainer"), "trainer", target))))
    return "".join(lines)


def clock(console: Console) -> str:
    """The first variant, placed and routed."""
    config = next(iter(variants().values()))
    with console.status("place and route (minutes)"):
        report = synthesise(emit_trainer(config, "trainer"), "trainer", find_target("ecp5"), seeds=(1, 2, 3))
    speeds = ", ".join(f"{mhz:.1f}" for mhz in report.fmax_mhz.values())
    used = {name: site["used"] for name, site in report.utilisation.items()}
    return (
        f"64-128-10, 8 lanes, {report.device}: {report.fmax_median_mhz:.1f} MHz (seeds 1, 2, 3: {speeds}); "
        f"{used['TRELLIS_COMB']:,} of 83,640 logic sites with carry, {used['DP16KD']} of 208 block RAMs, "
        f"{used['MULT18X18D']} of 156 multipliers.\n"
    )


def main(
    write: Annotated[bool, typer.Option("--write", help="Put the tables into docs/training_measured.md.")] = False,
    only: Annotated[str, typer.Option(help="sparsity, cells or clock; all of them if left out.")] = "",
) -> None:
    console = Console(stderr=True, highlight=False)
    measures = {"sparsity": sparsity, "cells": lambda: cells(console), "clock": lambda: clock(console)}
    for name, function in measures.items():
        if only not in ("", name):
            continue
        text = function()
        print(text)
        if write:
            opening, closing = f"<!-- measured: {name} -->\n", f"<!-- end of {name} -->"
            before, rest = PAGE.read_text().split(opening)
            PAGE.write_text(before + opening + text + closing + rest.split(closing)[1])


if __name__ == "__main__":
    typer.run(main)
