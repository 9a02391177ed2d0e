#!/usr/bin/env python3
"""Measure what docs/ablations.md states: events, look-up tables and a systolic array, the same layer forward.

    scripts/measure_ablations.py            print the tables
    scripts/measure_ablations.py --write    put them into docs/ablations.md, between the marks

Cells: the forward part of a trainer (ForwardPart) for ECP5, placed and routed with one seed where it fits and that
takes no more than a few minutes. Cycles: the same part in compiled simulation, every potential and spike compared with
golden. Compilations and syntheses are cached by content: a second run takes a minute.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from ranvier.gen.emit import emit_part
from ranvier.gen.synth import map_cells, synthesise
from ranvier.gen.synth.targets import find_target
from ranvier.golden.neurons.leak import Shift
from ranvier.golden.neurons.lif import Lif
from ranvier.golden.train.loss import CountError
from ranvier.golden.train.optimiser import Sgd
from ranvier.golden.train.setup import TrainedLayer, TrainingSetup
from ranvier.golden.train.surrogate import Rectangle
from ranvier.hw.train.ablation.front import copy_cycles
from ranvier.hw.train.ablation.part import ForwardPart
from ranvier.hw.train.config import TrainerConfig
from ranvier.sim.training.part import PartDevice

PAGE = Path(__file__).resolve().parents[1] / "docs/ablations.md"
INPUTS, NEURONS, STEPS, SAMPLES = 64, 128, 8, 32
SHARES = (1.0, 0.1)  # of inputs that spike
NAMES = {"events": "events", "lookup": "look-up", "systolic": "systolic"}
PLACED = 32  # most additions a cycle of what is placed and routed, beside the array as published
HEADER = """\
| forward | axons × lanes | additions a cycle | LUT4 | logic sites | FF | block RAM: weights, copies | DSP | MHz \
| cycles a step: dense, 10 % | µs a step: dense, 10 % | sites × cycles / 1000: dense, 10 % | cycles to copy \
| values compared |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
"""


def options() -> dict[str, list[TrainerConfig]]:
    """The configurations of each table: equal additions a cycle where all inputs spike."""
    return {
        "8": [
            config("events", 1, 8),
            config("lookup", 2, 4),
            config("lookup", 4, 2),
            config("systolic", 1, 8),
            config("systolic", 2, 4),
            config("systolic", 4, 2),
        ],
        "16": [
            config("events", 1, 16),
            config("lookup", 2, 8),
            config("lookup", 4, 4),
            config("lookup", 8, 2),
            config("systolic", 1, 16),
            config("systolic", 8, 2),
        ],
        "few": [
            config("events", 1, 4),
            config("events", 1, 2),
        ],
        "more": [
            config("events", 1, 64),
            config("lookup", 2, 64),
            config("lookup", 4, 32),
            config("lookup", 8, 16),
            config("systolic", 8, 16),
        ],
    }


def config(forward: str, fused: int, lanes: int, weight_width: int = 16) -> TrainerConfig:
    """The digits' hidden layer, its neurons and formats."""
    parameters = {"bias": 0, "threshold": 4096, "reset_value": 0}
    layer = TrainedLayer("hidden", INPUTS, NEURONS, Lif(18, Shift(3)), parameters, Rectangle(2048))
    setup = TrainingSetup(
        "hidden", (layer,), CountError(NEURONS, 1), Sgd(), STEPS, weight_width=weight_width, lanes=lanes
    )
    return TrainerConfig(setup, forward=forward, fused=fused)


@dataclass(frozen=True)
class Cells:
    """Yosys' cells. ``sites``: of logic, with carries and LUT RAM. ``mhz``: None if not placed, and ``why``."""

    lut4: int
    sites: int
    ff: int
    block_ram: int
    dsp: int
    mhz: float | None
    why: str = ""


def cells(config: TrainerConfig) -> Cells:
    """What Yosys maps the part to; its clock, where it is placed."""
    target = find_target("ecp5")
    rtlil = emit_part(ForwardPart(config), "forward_part")
    types = map_cells(rtlil, "forward_part", target)
    counted, needed = target.count(types), target.needs(types)
    published = config.forward == "systolic" and config.fused == 8
    mhz, why = None, "not placed"
    if needed["block_ram"] > target.sites["block_ram"].capacity:
        why = "too large"
    elif config.fused * config.lanes <= PLACED or published:
        mhz = synthesise(rtlil, "forward_part", target, seeds=(1,)).fmax_median_mhz
    return Cells(counted["lut4"], needed["logic"], counted["ff"], counted["block_ram"], counted["dsp"], mhz, why)


def cycles(config: TrainerConfig) -> tuple[list[float], int, int]:
    """Mean cycles of a step for each of the shares; cycles to copy the weights; values that were compared."""
    device, rng = PartDevice(config), np.random.default_rng(1)
    device.load([rng.integers(-1500, 1700, (INPUTS, NEURONS))])
    runs = [device.run(rng.random((SAMPLES, STEPS, INPUTS)) < share) for share in SHARES]
    if device.tally.wrong:
        raise SystemExit(f"measure_ablations: part differs from golden: {device.tally.first}")
    return [float(run.steps.mean()) for run in runs], runs[0].copying, device.tally.total


def row(config: TrainerConfig) -> str:
    """One line of a table."""
    found = cells(config)
    (dense, sparse), copying, compared = cycles(config)
    if config.forward != "events":
        assert copying + 1 == copy_cycles(config)
    alone = TrainerConfig(config.setup)  # whose only block RAMs are those of the weights, spikes and states
    weights = cells_of_weights(alone)
    clock = f"{found.mhz:.0f}" if found.mhz else found.why
    micro = f"{dense / found.mhz:.2f}, {sparse / found.mhz:.2f}" if found.mhz else "–"
    columns = [
        NAMES[config.forward],
        f"{config.fused} × {config.lanes}",
        str(config.fused * config.lanes),
        f"{found.lut4:,}",
        f"{found.sites:,}",
        f"{found.ff:,}",
        f"{weights}, {found.block_ram - weights}",
        str(found.dsp),
        clock,
        f"{dense:,.0f}, {sparse:,.0f}",
        micro,
        f"{found.sites * dense / 1000:,.0f}, {found.sites * sparse / 1000:,.0f}",
        f"{copying:,}" if copying else "–",
        f"{compared:,}",
    ]
    return "| " + " | ".join(columns) + " |\n"


def cells_of_weights(config: TrainerConfig) -> int:
    """Block RAMs of the same part over events: what does not lie in copies."""
    target = find_target("ecp5")
    rtlil = emit_part(ForwardPart(config), "forward_part")
    return target.count(map_cells(rtlil, "forward_part", target))["block_ram"]


def main(
    write: Annotated[bool, typer.Option("--write", help="Put the tables into docs/ablations.md.")] = False,
    only: Annotated[str, typer.Option(help="One table: 8, 16, few or more; all of them if left out.")] = "",
) -> None:
    console = Console(stderr=True, highlight=False)
    for name, configurations in options().items():
        if only not in ("", name):
            continue
        lines = [HEADER]
        for configuration in configurations:
            with console.status(f"{configuration.forward} {configuration.fused} × {configuration.lanes}"):
                lines.append(row(configuration))
            console.print(lines[-1].strip(), soft_wrap=True)
        table = "".join(lines)
        print(table)
        if write:
            opening, closing = f"<!-- measured: {name} -->\n", f"<!-- end of {name} -->"
            before, rest = PAGE.read_text().split(opening)
            PAGE.write_text(before + opening + table + closing + rest.split(closing)[1])


if __name__ == "__main__":
    typer.run(main)
