#!/usr/bin/env python3
"""Measure what docs/codes.md states of the encoders.

    scripts/measure_codes.py            the table: cells, clock and cycles of each encoder
    scripts/measure_codes.py --write    put it into docs/codes.md, between the two marks

Syntheses are cached by content: a second run takes seconds.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ranvier.gen.emit import emit_part
from ranvier.gen.synth import synthesise
from ranvier.gen.synth.targets import find_target
from ranvier.golden.codes.registry import CODES
from ranvier.golden.codes.static import StaticCode
from ranvier.hw.codes.registry import encoder_of
from ranvier.hw.codes.stages import last_stage

PAGE = Path(__file__).resolve().parent.parent / "docs" / "codes.md"
MARKS = ("<!-- measured: scripts/measure_codes.py --write -->", "<!-- end of measured -->")
HEADER = """\
| code | built for | axons | cycles a sample | LUT4 | FF | block RAM | DSP | MHz (seeds) |
|---|---|---:|---|---:|---:|---:|---:|---|
"""
SEED, STEPS = 0x9E3779B9, 8
BYTES = {"inputs": 64, "steps": STEPS, "maximum": 255}
BUILT: dict[str, dict[str, Any]] = {
    "rate": BYTES | {"seed": SEED},
    "regular": BYTES,
    "latency": BYTES,
    "population": BYTES | {"neurons": 4, "curve": "gaussian", "width": 0.5, "seed": SEED},
    "direct": BYTES | {"maximum": 15},
    "delta": BYTES | {"threshold": 10},
    "address": {"rows": 34, "columns": 34, "steps": STEPS, "interval": 10_000},
}


def main(write: Annotated[bool, typer.Option("--write", help="Put the table into docs/codes.md.")] = False) -> None:
    console = Console(stderr=True)
    rows = []
    for name in CODES:
        with console.status(name):
            rows.append(row(name))
    table = HEADER + "".join(rows)
    print(table, end="")
    if write:
        before, rest = PAGE.read_text().split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        PAGE.write_text(f"{before}{MARKS[0]}\n{table}{MARKS[1]}{after}")


def row(name: str) -> str:
    """One line of the table."""
    code = CODES[name](**BUILT[name])
    report = synthesise(emit_part(encoder_of(code), "encoder"), "encoder", find_target("ecp5"))
    speeds = ", ".join(f"{mhz:.0f}" for mhz in report.fmax_mhz.values())
    cells = report.cells
    columns = [
        f"`{name}`",
        ", ".join(f"{field} {value}" for field, value in BUILT[name].items() if field != "seed"),
        f"{code.axons:,}",
        cycles(code),
        *(f"{cells[kind]:,}" for kind in ("lut4", "ff", "block_ram", "dsp")),
        f"{report.fmax_median_mhz:.0f} ({speeds})",
    ]
    return "| " + " | ".join(columns) + " |\n"


def cycles(code: Any) -> str:
    """As the encoders' docstrings say, where events are taken at once."""
    if isinstance(code, StaticCode):
        total = code.inputs + 1 + code.steps * (code.axons + 1 + last_stage(code))
        return f"{total:,}" if code.levels == 1 else f"{total:,}, and one an event beyond the first of an axon and step"
    if code.name == "delta":
        return f"{code.steps * (code.inputs + 1 + last_stage(code)):,}"
    return f"5 an event, {2 * code.steps} for the steps' ends, {code.axons:,} to clear"


if __name__ == "__main__":
    typer.run(main)
