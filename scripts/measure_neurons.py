#!/usr/bin/env python3
"""Measure what docs/neurons.md states of the neuron models.

    scripts/measure_neurons.py            both tables: every model as a core, and the digits with some of them
    scripts/measure_neurons.py --write    put them into docs/neurons.md, between the marks
    scripts/measure_neurons.py --only digits

Syntheses are cached by content: a second run takes minutes for the digits' simulations alone.
"""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from rich.console import Console

from ranvier.gen.config import PRESETS
from ranvier.gen.design import Design, load_design
from ranvier.gen.emit import emit_part, emit_rtlil, generate
from ranvier.gen.synth import SynthReport, map_cells, synthesise
from ranvier.gen.synth.targets import find_target
from ranvier.golden.inference import run_program
from ranvier.golden.neurons.fields import filled, models
from ranvier.golden.neurons.leak import Keep, Multiply, Shift, Shifts
from ranvier.golden.neurons.lif import Current, Lif
from ranvier.golden.neurons.neuron import NEURONS, Formats, Neuron
from ranvier.golden.program import Layer, dense
from ranvier.hw.config import CoreConfig, core_config
from ranvier.hw.core import Core
from ranvier.hw.core.timing import core_cycles
from ranvier.sim.runner import simulate_build

PAGE = Path(__file__).resolve().parent.parent / "docs" / "neurons.md"
CORES = ("<!-- cores: scripts/measure_neurons.py --write -->", "<!-- end of cores -->")
DIGITS = ("<!-- digits: scripts/measure_neurons.py --write -->", "<!-- end of digits -->")
CORES_HEAD = """\
| model | state bits | spikes | event | update | latency | LUT4 | FF | DSP | MHz (seeds) |
|---|---:|---|---:|---:|---:|---:|---:|---:|---|
"""
DIGITS_HEAD = """\
| preset | model | neurons | float | integers | RTL | hidden spikes | values compared | cycles | LUT4 | FF | DSP |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""
SIDE, LANES, WEIGHT_WIDTH, SCALE = 64, 4, 8, 64
FORMATS = Formats(state_width=16, fraction_bits=8)
FAMILY: dict[str, Lif] = {
    "IF": Lif(16, Keep()),
    "LIF, shift": Lif(16, Shift(4)),
    "LIF, two shifts": Lif(16, Shifts((3, 5))),
    "LIF, factor": Lif(16, Multiply(8)),
    "LIF, soft reset": Lif(16, Shift(4), reset="soft"),
    "LIF, 5 steps refractory": Lif(16, Shift(4), refractory=5),
    "LI": Lif(16, Shift(4), spiking=False, reset="none"),
    "CubaLIF": Lif(16, Shift(4), Current(16, Shift(2))),
}
VALUES = {"bias": 0, "membrane_bias": 0, "threshold": SCALE, "reset_value": 0, "membrane_factor": 240}


def cores() -> dict[str, tuple[Neuron, dict[str, np.ndarray]]]:
    """Every model with its example's parameters, one value for all neurons."""
    found: dict[str, tuple[Neuron, dict[str, np.ndarray]]] = {
        name: (model, {key: np.array(VALUES[key]) for key in model.parameter_shapes()})
        for name, model in FAMILY.items()
    }
    for kind in models():
        example = {name: np.atleast_1d(value) for name, value in NEURONS[kind].EXAMPLE.items()}
        values = {name: np.atleast_1d(value) for name, value in filled(NEURONS[kind], example).items()}
        model, parameters = NEURONS[kind].fitted(values, np.array([float(SCALE)]), FORMATS)
        integers = {name: np.rint(value).astype(np.int64).reshape(-1)[0] for name, value in parameters.items()}
        found[kind] = model, {"bias": np.array(0)} | {name: np.array(value) for name, value in integers.items()}
    return found


def core_of(model: Neuron, parameters: dict[str, np.ndarray]) -> CoreConfig:
    """The core that all models are measured in."""
    weights = np.ones((SIDE, SIDE), np.int64)
    return core_config(Layer("core", dense(weights), WEIGHT_WIDTH, model, parameters), LANES)


def core_row(name: str, model: Neuron, parameters: dict[str, np.ndarray]) -> str:
    """One line of the first table."""
    config = core_of(model, parameters)
    report = synthesise(emit_part(Core(config), "core"), "core", find_target("ecp5"))
    cycles = core_cycles(config)
    columns = [
        name,
        str(model.state_bits),
        f"{-model.levels if model.signed else 0} to {model.levels}" if model.spiking else "–",
        *(f"{cycles[key]}" for key in ("event", "update", "latency")),
        *(f"{report.cells[kind]:,}" for kind in ("lut4", "ff", "dsp")),
        _speed(report),
    ]
    return "| " + " | ".join(columns) + " |\n"


def digits_row(name: str) -> str:
    """One line of the second table: all images in the compiled Verilog."""
    design = load_design(name)
    samples = design.measured
    traces = run_program(design.program, samples.spikes)
    hidden = np.abs(traces[0].spikes.astype(int)).sum() / len(samples.spikes)
    folder = Path("build") / design.configuration.name
    generate(design, folder)
    result = simulate_build(folder, samples, simulator="verilator")
    assert result.passed, result.problem
    cells = map_cells(emit_rtlil(design), design.configuration.name, find_target("ecp5"))
    assert design.report is not None and result.cycles is not None
    columns = [
        f"`{name}`",
        _kind(design),
        f"{design.program.layers[0].neurons}",
        *(f"{100 * (share or 0):.2f} %" for share in (design.report.float_accuracy, design.report.integer_accuracy)),
        f"{100 * (result.accuracy_rtl or 0):.2f} %",
        f"{hidden:.1f}",
        f"{result.compared.spikes + result.compared.membranes:,}",
        f"{result.cycles.mean:,.0f}",
        *(f"{cells.get(kind, 0):,}" for kind in ("LUT4", "TRELLIS_FF", "MULT18X18D")),
    ]
    return "| " + " | ".join(columns) + " |\n"


def _kind(design: Design) -> str:
    return design.program.layers[0].model.kind


def _speed(report: SynthReport) -> str:
    return f"{report.fmax_median_mhz:.0f} ({', '.join(f'{mhz:.0f}' for mhz in report.fmax_mhz.values())})"


def trained() -> list[str]:
    """Presets of the digits with one hidden layer: LIF's, and those of scripts/train_digits_neurons.py."""
    own = sorted(path.stem for path in PRESETS.glob("digits_*.toml") if "train_digits_neurons" in path.read_text())
    return ["digits", *own]


def put(marks: tuple[str, str], table: str, write: bool) -> None:
    """Print ``table``; ``write``: into the page, between the marks."""
    print(table)
    if write:
        before, rest = PAGE.read_text().split(marks[0])
        PAGE.write_text(f"{before}{marks[0]}\n{table}{marks[1]}{rest.split(marks[1])[1]}")


def main(
    write: Annotated[bool, typer.Option("--write", help="Put the tables into docs/neurons.md.")] = False,
    only: Annotated[Literal["cores", "digits"] | None, typer.Option(help="One of the two.")] = None,
) -> None:
    console = Console(stderr=True)
    if only != "digits":
        table = CORES_HEAD
        for name, (model, parameters) in cores().items():
            with console.status(name):
                table += core_row(name, model, parameters)
        put(CORES, table, write)
    if only != "cores":
        table = DIGITS_HEAD
        for name in trained():
            with console.status(name):
                table += digits_row(name)
        put(DIGITS, table, write)


if __name__ == "__main__":
    typer.run(main)
