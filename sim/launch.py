"""Process of its own that compiles a bench and runs it: ``python -m ranvier.sim.launch RUN_FOLDER``.

cocotb's runner reads the environment, prints and exits as it likes; here it may.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cocotb_tools.runner import get_runner

from .bench import BENCH, BenchLayout
from .digest import BUILD_ARGUMENTS, bench_digest
from .lifeline import die_with_parent
from .request import FOLDER_VARIABLE, Request, Simulator
from .simulators import environment


def main() -> None:
    """Build if the sources changed, then run."""
    die_with_parent()
    run = Path(sys.argv[1])
    request = Request.load(run)
    folder, work = Path(request.folder), Path(request.work)
    manifest = json.loads((folder / "manifest.json").read_text())
    bench, chip = work / "bench.sv", folder / f"{manifest['name']}.v"
    text = BenchLayout.of(manifest).render()
    digest, stamp = bench_digest(request.simulator, text, chip.read_text()), work / "hash"
    if not stamp.exists() or stamp.read_text() != digest:
        work.mkdir(exist_ok=True)
        stamp.unlink(missing_ok=True)
        bench.write_text(text)
        build_bench(request.simulator, [chip, bench], work)
        stamp.write_text(digest)
    plusargs = []
    if request.waveform:
        plusargs = [f"+dump_file={folder / request.waveform}", f"+dump_from={request.dump_from}"]
    run_bench(
        request.simulator,
        request.module,
        work,
        folder,
        results_xml=str(run / "results.xml"),
        seed=request.seed,
        plusargs=plusargs,
        waves=bool(request.waveform),
        extra_env={FOLDER_VARIABLE: str(run)},
    )


def build_bench(simulator: Simulator, sources: Sequence[Path], work: Path) -> None:
    """Compile Verilog whose top module is the bench into the folder ``work``."""
    os.environ |= environment(simulator)
    get_runner(simulator).build(
        sources=sources,
        hdl_toplevel=BENCH,
        always=True,
        build_args=BUILD_ARGUMENTS[simulator],
        build_dir=work,
        timescale=("1ns", "1ps"),
    )


def run_bench(simulator: Simulator, module: str, work: Path, folder: Path, **options: Any) -> None:
    """Run the cocotb tests of ``module`` in ``folder`` on what :func:`build_bench` left in ``work``."""
    os.environ |= environment(simulator)
    get_runner(simulator).test(
        hdl_toplevel=BENCH,
        hdl_toplevel_lang="verilog",
        test_module=module,
        build_dir=work,
        test_dir=folder,
        **options,
    )


if __name__ == "__main__":
    main()
