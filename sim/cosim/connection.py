"""The simulator's process: started, asked, ended with its model."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import weakref
from pathlib import Path
from typing import Any

from ranvier.gen.errors import RanvierError

from ..process import LOG, reason, start
from ..request import Simulator


class Connection:
    """A simulator of the bench in ``folder``, and ``run``, the folder of its files, which goes when this one does."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self._simulator = simulator
        temporary = tempfile.TemporaryDirectory()
        self.run = Path(temporary.name)
        ours, theirs = socket.socketpair()
        with theirs, (self.run / LOG).open("w") as output:
            module = ["ranvier.sim.cosim.launch", simulator, str(folder), str(self.run)]
            process = start(module, output, stdin=theirs.fileno())
        self._process, self._lines = process, ours.makefile("rw", buffering=1)
        ours.close()  # with the file
        self.close = weakref.finalize(self, _end, process, temporary)

    def check(self) -> None:
        """Raise RanvierError if it has been closed."""
        if not self.close.alive:
            raise RanvierError(f"Simulation with {self._simulator} must not have ended to go on")

    def ask(self, **request: Any) -> dict[str, Any]:
        """What the simulator says when it has carried out ``request``. Raises RanvierError where it has ended."""
        self.check()
        try:
            self._lines.write(json.dumps(request) + "\n")
            line = self._lines.readline()
        except OSError:
            line = ""
        except BaseException:
            self.close()
            raise
        if not line:
            status, why = self._process.wait(), reason(self.run / LOG)
            self.close()
            raise RanvierError(f"Simulation with {self._simulator} ended (exit status {status}): {why}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _end(process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    folder.cleanup()
