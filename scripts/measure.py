#!/usr/bin/env python3
"""Synthesise the presets and put the table of measured configurations into README.md.

    scripts/measure.py            print the table
    scripts/measure.py --write    put it into README.md, between the two marks

Results are cached by content: a second run takes seconds.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ranvier.gen.design import Design, load_design
from ranvier.gen.emit import emit_rtlil
from ranvier.gen.synth import SynthReport, synthesise
from ranvier.gen.synth.targets import find_target

CONFIGURATIONS = [("reference", "ecp5"), ("reference16", "ecp5"), ("digits", "ecp5"), ("tiny", "ice40")]
README = Path(__file__).resolve().parent.parent / "README.md"
MARKS = ("<!-- measured: scripts/measure.py --write -->", "<!-- end of measured -->")
HEADER = """\
| preset | network, weights | lanes | target | LUT4 | FF | block RAM | MHz (seeds) | synaptic operations a second |
|---|---|---|---|---|---|---|---|---|
"""


def main(write: Annotated[bool, typer.Option("--write", help="Put the table into README.md.")] = False) -> None:
    console = Console(stderr=True)
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
    speeds = ", ".join(f"{mhz:.0f}" for mhz in report.fmax_mhz.values())
    operations = sum(core.lanes for core in cores) * report.fmax_median_mhz / 1000
    figures = [f"{cells['lut4']:,}", f"{cells['ff']:,}", str(cells["block_ram"])]
    columns = [f"`{preset}`", f"{sizes}, {cores[0].weight_width} bit", lanes, target_name(report), *figures]
    return "| " + " | ".join([*columns, f"{report.fmax_median_mhz:.0f} ({speeds})", f"{operations:.2f} G"]) + " |\n"


def target_name(report: SynthReport) -> str:
    return report.device.split(",")[0]


if __name__ == "__main__":
    typer.run(main)
