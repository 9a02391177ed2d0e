"""What compiled objects of a bench depend on. Without cocotb's runner, whose import would slow every command."""

import hashlib
import json
from importlib import metadata

from cocotb_tools.config import libs_dir

from .request import Simulator
from .simulators import version

# Only the signals that Python reads or writes stay visible: the rest may be optimised.
BUILD_ARGUMENTS = {
    "icarus": ["-Wno-timescale"],
    "verilator": ["--no-public-flat-rw", "--no-timing", "-O3", "-Wno-lint", "-Wno-style"],
}


def bench_digest(simulator: Simulator, *texts: str) -> str:
    """SHA-256 over all that compiled objects of Verilog ``texts`` depend on."""
    cocotb = [metadata.version("cocotb"), str(libs_dir)]  # Verilator's programs are linked to it by its path
    content = json.dumps([*texts, version(simulator), BUILD_ARGUMENTS[simulator], cocotb])
    return hashlib.sha256(content.encode()).hexdigest()
