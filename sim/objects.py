"""Compiles what Verilator's makefile asks for, and keeps the objects of its runtime: every design has the same.

    python -m ranvier.sim.objects c++ … -c -o verilated.o …/verilated.cpp

The makefile puts this before each of its compilations (``OBJCACHE``). A file of the runtime (``verilated*.cpp``) is
compiled once for each compiler and command, and then copied; it takes longer than a small design does.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import platformdirs

from ranvier.gen.errors import RanvierError
from ranvier.gen.files import written_aside

CACHE = Path(platformdirs.user_cache_dir("ranvier", appauthor=False)) / "objects"


def main(command: list[str]) -> int:
    """Run ``command``, unless its object is kept; its exit status."""
    source = Path(command[-1])
    if not source.name.startswith("verilated") or "-o" not in command:
        return subprocess.run(command, check=False).returncode
    target = Path(command[command.index("-o") + 1])
    kept = CACHE / f"{key(command, source)}.o"
    with suppress(OSError):
        shutil.copyfile(kept, target)
        return 0
    status = subprocess.run(command, check=False).returncode
    if status == 0:
        with suppress(OSError, RanvierError):  # what cannot be kept is compiled again
            CACHE.mkdir(parents=True, exist_ok=True)
            with written_aside(kept, "Object") as aside:
                shutil.copyfile(target, aside)
    return status


def key(command: list[str], source: Path) -> str:
    """SHA-256 over ``command`` and the size and time of its compiler and of all files beside ``source``, which are what
    that includes."""
    compiler = Path(os.path.realpath(shutil.which(command[0]) or command[0]))
    files = [compiler, *sorted(source.parent.iterdir())]
    states = [(str(file), state.st_size, state.st_mtime_ns) for file in files for state in [file.stat()]]
    return hashlib.sha256(json.dumps([command, states]).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
