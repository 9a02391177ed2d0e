"""Runs the simulating process: progress while it runs, one line when it fails, nothing left when interrupted."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from ranvier.gen.errors import RanvierError

from .request import PROGRESS, RESULT, Request
from .simulators import require

POLL_SECONDS = 0.1
LOG = "log.txt"  # in the folder of the run
Progress = Callable[[int, int], None]  # samples done, samples in all


def run_process(request: Request, run: Path, progress: Progress) -> dict[str, Any]:
    """Carry out ``request`` in the folder ``run``; the result that the cocotb side wrote.

    Raises RanvierError, with the log's name, if the simulator does not build or crashes.
    """
    require(request.simulator)
    for name in (PROGRESS, RESULT):
        (run / name).unlink(missing_ok=True)
    request.save(run)
    log = run / LOG
    with log.open("w") as output:
        process = start(["ranvier.sim.launch", str(run)], output)
        try:
            while process.poll() is None:
                _tell(run / PROGRESS, progress)
                time.sleep(POLL_SECONDS)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    _tell(run / PROGRESS, progress)
    if not (run / RESULT).exists():
        raise RanvierError(
            f"Simulation with {request.simulator} ended without a result "
            f"(exit status {process.returncode}): {reason(log)}; all of it is in {log}"
        )
    result: dict[str, Any] = json.loads((run / RESULT).read_text())
    return result


def start(module: list[str], output: IO[str], stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """A simulator's process, of a Python ``module`` and its arguments, leader of a group of its own."""
    # A test that runs us must not become the test that cocotb's runner thinks it is.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COCOTB_"))}
    # NumPy's matrices are small here, and cocotb would rewrite the assertions of every module: both only cost time.
    environment |= {"OPENBLAS_NUM_THREADS": "1", "COCOTB_REWRITE_ASSERTION_FILES": ""}
    environment["PYTHONSAFEPATH"] = "1"  # modules of the current folder must not stand for ours
    return subprocess.Popen(
        [sys.executable, "-m", *module],
        stdout=output,
        stderr=subprocess.STDOUT,
        stdin=stdin,
        env=environment,
        start_new_session=True,
    )


def _tell(path: Path, progress: Progress) -> None:
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    if lines:
        last = json.loads(lines[-1])
        progress(last["samples"], last["of"])


def reason(log: Path) -> str:
    """The line of a log that says why: a tool's first error, else the last exception."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    # A traceback's lines of source, each after its file's, say anything.
    said = [line for before, line in pairwise(["", *lines]) if not before.startswith('File "')]
    errors = [line for line in said if re.search(r"\berror\b", line, re.IGNORECASE)]
    exceptions = [line for line in said if re.match(r"[\w.]*(Error|Exception|Exit)\b", line)]
    return (errors[:1] or exceptions[-1:] or lines[-1:] or ["no output"])[0][:200]
