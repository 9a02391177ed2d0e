"""Process that compiles a bench if it must and serves its simulation: see :mod:`.server`.

    python -m ranvier.sim.cosim.launch SIMULATOR FOLDER RUN

``FOLDER`` is one of :func:`.build.prepare`, ``RUN`` the folder of the streams' files. Standard input is a socket.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from ..launch import build_bench, run_bench
from ..lifeline import die_with_parent
from ..request import Simulator
from .build import BENCH_FILE, DESIGN, compiled

_OBJECTS = ("*.o", "*.a", "*.cpp", "*.h", "*.gch", "*.d", "*.mk", "*.dat")  # of Verilator, large


def main() -> None:
    die_with_parent()
    simulator: Simulator = "icarus" if sys.argv[1] == "icarus" else "verilator"
    folder, run = Path(sys.argv[2]), Path(sys.argv[3])
    work = compiled(folder)
    if not work.exists():
        _compile(simulator, folder, work)
    run_bench(simulator, "ranvier.sim.cosim.server", work, run, results_xml=str(run / "results.xml"))


def _compile(simulator: Simulator, folder: Path, work: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        aside = Path(name) / work.name
        build_bench(simulator, [folder / DESIGN, folder / BENCH_FILE], aside)
        for pattern in _OBJECTS:
            for path in aside.glob(pattern):
                path.unlink()
        try:
            aside.rename(work)
        except OSError:
            if not work.exists():
                raise
            shutil.rmtree(aside)  # another process was faster


if __name__ == "__main__":
    main()
