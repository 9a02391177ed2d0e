#!/usr/bin/env python3
"""Compare random trainers in compiled simulation with the golden model, value by value.

    scripts/compare_trainers.py --values 1e8        until so many values have been compared (about half an hour)

Each trainer has layers, options, formats, weights and samples of its own, all drawn from its seed. Exit status 1 if
anything differs.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import Progress

from ranvier.gen.training.images import Samples
from ranvier.hw.train.config import TrainerConfig
from ranvier.sim.training.compare import Comparison, Tally
from ranvier.sim.training.device import TrainerDevice

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/golden/train"))
from setups import random_setup, random_state

CHUNK = 200  # samples at a time


def main(
    values: Annotated[float, typer.Option(help="How many values to compare.")] = 1e8,
    seed: Annotated[int, typer.Option(min=0, help="Of the first trainer.")] = 0,
    each: Annotated[float, typer.Option(help="Values of one trainer.")] = 2e6,
) -> None:
    console, total, wrong = Console(highlight=False), 0, 0
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("values compared", total=values)
        while total < values:
            tally, what = compare(seed, each, lambda more: bar.advance(task, more))
            total, wrong = total + tally.total, wrong + tally.wrong
            console.print(f"seed {seed}: {what}: {tally.total:,} compared, {tally.wrong} differ {tally.first or ''}")
            seed += 1
    console.print(f"{total:,} values compared, {wrong} differ")
    raise typer.Exit(1 if wrong or not total else 0)


def compare(seed: int, values: float, progress: Callable[[int], None], lanes: int | None = None) -> tuple[Tally, str]:
    """The trainer of ``seed``, until so many of its values have been compared; and what it is."""
    rng = np.random.default_rng(seed)
    sizes = [int(size) for size in rng.integers(2, 40, rng.integers(2, 5))]
    lanes = lanes or int(rng.choice([2, 4, 8]))
    setup = replace(random_setup(rng, sizes), lanes=lanes, batch=16)
    config = TrainerConfig(setup, overlap=bool(rng.integers(2)))
    if config.keeps_membrane and not config.overlap:
        config = replace(config, recompute=seed % 2 == 0)
    device = TrainerDevice(config)
    comparison = Comparison(device, random_state(rng, setup))
    device.model.stall(seed, float(rng.choice([0, 0, 0.3])))
    while comparison.tally.total < values:
        before = comparison.tally.total
        comparison.run(random_stream(rng, config, CHUNK))
        comparison.check_state()
        progress(comparison.tally.total - before)
        if comparison.tally.wrong:
            break
    rule = "OTTT" if setup.traces else "BPTT" if setup.temporal else "SLTT"
    recurrent = sum(layer.recurrent for layer in setup.layers)
    schedule = "overlapped" if config.overlap else "recomputed" if config.recompute else "sequential"
    layers = "-".join(str(size) for size in sizes)
    what = f"{layers}, {recurrent} recurrent, {rule}, {setup.reset_path} reset, {setup.loss.kind}, {config.lanes} lanes"
    return comparison.tally, f"{what}, {schedule}"


def random_stream(rng: np.random.Generator, config: TrainerConfig, count: int) -> Samples:
    """``count`` samples in batches of random length, a tenth of them not learned from, the last one ending its
    batch."""
    setup = config.setup
    end = np.zeros(count, bool)
    end[np.cumsum(rng.integers(1, setup.batch + 1, count)).clip(0, count) - 1] = True
    gaps = np.diff(np.concatenate([[-1], np.flatnonzero(end)]))
    assert gaps.max() <= setup.batch
    rate = rng.integers(0, setup.optimiser.top_rate + 1, count) if setup.optimiser.rate_width else np.ones(count, int)
    spikes = rng.random((count, setup.steps, setup.inputs)) < rng.uniform(0.1, 0.7)
    return Samples(spikes, rng.integers(0, setup.classes, count), rng.random(count) < 0.9, end, rate)


if __name__ == "__main__":
    typer.run(main)
