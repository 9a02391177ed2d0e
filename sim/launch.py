"""Process of its own that compiles a bench and runs it: ``python -m ranvier.sim.launch RUN_FOLDER``.

cocotb's runner reads the environment, prints and exits as it likes; here it may.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

from cocotb_tools.runner import get_runner

from .bench import BENCH, BenchLayout
from .lifeline import die_with_parent
from .request import FOLDER_VARIABLE, Request
from .simulators import environment, version

# Only the signals that Python reads or writes stay visible: the rest may be optimised.
BUILD_ARGUMENTS = {
    "icarus": ["-Wno-timescale"],
    "verilator": ["--no-public-flat-rw", "--no-timing", "-O3", "-CFLAGS", "-O2", "-Wno-lint", "-Wno-style"],
}


def main() -> None:
    """Build if the sources changed, then run."""
    die_with_parent()
    run = Path(sys.argv[1])
    request = Request.load(run)
    folder, work = Path(request.folder), Path(request.work)
    manifest = json.loads((folder / "manifest.json").read_text())
    bench, chip = work / "bench.sv", folder / f"{manifest['name']}.v"
    text = BenchLayout.of(manifest).render()
    arguments = BUILD_ARGUMENTS[request.simulator]
    content = json.dumps([text, chip.read_text(), version(request.simulator), arguments])
    digest, stamp = hashlib.sha256(content.encode()).hexdigest(), work / "hash"
    os.environ |= environment(request.simulator)
    runner = get_runner(request.simulator)
    if not stamp.exists() or stamp.read_text() != digest:
        work.mkdir(exist_ok=True)
        stamp.unlink(missing_ok=True)
        bench.write_text(text)
        runner.build(
            sources=[chip, bench],
            hdl_toplevel=BENCH,
            always=True,
            build_args=arguments,
            build_dir=work,
            timescale=("1ns", "1ps"),
        )
        stamp.write_text(digest)
    plusargs = []
    if request.waveform:
        plusargs = [f"+dump_file={folder / request.waveform}", f"+dump_from={request.dump_from}"]
    runner.test(
        hdl_toplevel=BENCH,
        hdl_toplevel_lang="verilog",
        test_module=request.module,
        build_dir=work,
        test_dir=folder,
        results_xml=str(run / "results.xml"),
        seed=request.seed,
        plusargs=plusargs,
        waves=bool(request.waveform),
        extra_env={FOLDER_VARIABLE: str(run)},
    )


if __name__ == "__main__":
    main()
