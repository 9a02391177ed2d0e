"""A mesh as a build: Verilog, what its load port is given, and manifest."""

import hashlib
import json
import re
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2

from ranvier.hw.manycore.chip import load_layout
from ranvier.hw.stream import event_layout

from ..builds import Overview
from ..design import load_design
from ..emit import emit_shared, yosys_verilog
from ..errors import RanvierError
from ..folder import MANIFEST, digests, write_build
from ..images import hex_lines
from ..manifest import build_hash, configuration_fields, fields, port_list, sources_digest, tool_versions
from ..synth.performance import Performance, performance
from .config import Mesh
from .design import MeshDesign

_HEADER = jinja2.Environment(
    loader=jinja2.PackageLoader("ranvier.gen.mapping", "."),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
)
LOAD = "load.hex"
_HERE = Path(__file__).parent
# What shapes the emitted files, beside the sources of every chip.
_SHAPING = [
    *(path for path in sorted(_HERE.iterdir()) if path.suffix in (".py", ".jinja")),
    _HERE.parent / "sharing.py",
]


class MeshBuild:
    """The chip of a network over a mesh, or a row of chips."""

    def __init__(self, source: str, mesh: Mesh) -> None:
        self.source = MeshDesign(load_design(source), mesh)
        self.measure = f"ranvier sim {source} --mesh {mesh.size}"

    @property
    def name(self) -> str:
        return self.source.name

    @cached_property
    def _rtlil(self) -> str:
        return emit_shared(self.source.top, self.name)

    def rtlil(self) -> str:
        return self._rtlil

    def tile_module(self, tile: str) -> str:
        chips = self.source.chips
        names = [] if len(chips) == 1 else [f"chip_{number}" for number in range(len(chips))]
        names += [each.name for chip in chips for each in chip.tiles]
        if tile not in names:
            raise RanvierError(f"Tile of {self.name} must be one of {', '.join(names)}, not {tile}")
        match = re.search(rf"^  cell \\(\S+) \\{tile}$", self.rtlil(), re.MULTILINE)
        assert match is not None, f"no instance {tile}"
        return match[1]

    def generate(self, folder: Path) -> dict[str, Any]:
        self.source.require_fit()
        return write_build(folder, self._hash, self._write)

    @cached_property
    def _hash(self) -> str:
        """SHA-256 over all that the build depends on."""
        own = [path.read_text() for path in _SHAPING]
        facts = [build_hash(self.source.design), self.source.mesh.facts(), sources_digest(), own]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _write(self, work: Path) -> None:
        manifest = self._describe()
        header = _HEADER.get_template("header.v.jinja").render(manifest=manifest)
        (work / f"{self.name}.v").write_text(header + yosys_verilog(self.rtlil()))
        for number, (chip, about) in enumerate(zip(self.source.chips, manifest["chips"], strict=True)):
            width = chip.load_address_width + chip.load_data_width
            (work / about["file"]).write_text(hex_lines(self.source.load_words(number), width))
        self.source.design.program.save(work / "program.npz")
        (work / MANIFEST).write_text(json.dumps(manifest | {"files": digests(work)}, indent=2) + "\n")

    def _describe(self) -> dict[str, Any]:
        """The manifest as plain JSON values; its fields are listed in ``docs/architecture.md``."""
        source, chip = self.source, self.source.chip
        design, mapping = source.design, source.mapping
        layers = design.program.layers
        return {
            "name": self.name,
            "hash": self._hash,
            "tools": tool_versions(),
            "configuration": configuration_fields(design)
            | {"mesh": {name: value for name, value in source.mesh.facts().items() if value is not None}},
            "quantisation": None if design.report is None else asdict(design.report),
            "steps": design.program.steps,
            "ports": port_list(source.top.signature),
            "event_in": fields(event_layout(chip.outside.sends)),
            "event_out": fields(event_layout(chip.outside.receives, chip.outside.receives_width)),
            "layers": [
                {"name": layer.name, "axons": layer.axons, "neurons": layer.neurons, "weight_width": layer.weight_width}
                for layer in layers
            ],
            "mesh": {
                "width": chip.width,
                "height": chip.height,
                "depth": chip.depth,
                "gate": list(chip.gate_place),
                "flit": fields(chip.format.flit),
                "payload": fields(chip.format.payload),
                "hops": mapping.hops,
                "hops_in_order": mapping.hops_in_order,
            },
            "chips": [
                {
                    "module": self.name if len(source.chips) == 1 else self.tile_module(f"chip_{number}"),
                    "columns": [each.first, each.first + each.width - 1],
                    "file": LOAD if len(source.chips) == 1 else f"load_{number}.hex",
                    "load": fields(load_layout(each)),
                }
                for number, each in enumerate(source.chips)
            ],
            "tiles": [
                {
                    "name": tile.name,
                    "place": list(tile.place),
                    "layer": layers[part.layer].name,
                    "first": part.first,
                    "neurons": part.neurons,
                    "first_axon": part.first_axon,
                    "axons": part.axons,
                    "lanes": tile.core.lanes,
                    "groups": tile.core.groups,
                }
                for tile, part in zip(source.tiles, mapping.parts.slices, strict=True)
            ],
            "memory_map": [
                {"chip": number, "tile": region.core, "memory": region.memory, "base": region.base}
                | {"words": region.words, "width": region.width}
                for number, each in enumerate(source.chips)
                for region in each.memory_map
            ],
        }

    def overview(self, manifest: dict[str, Any]) -> Overview:
        mesh = manifest["mesh"]
        sizes: dict[str, int] = {}
        for region in manifest["memory_map"]:
            sizes[region["tile"]] = sizes.get(region["tile"], 0) + region["words"] * region["width"]
        saved = 1 - mesh["hops"] / mesh["hops_in_order"]
        return Overview(
            ("tile", "layer", "neurons", "axons", "lanes", "memory"),
            [
                [
                    tile["name"],
                    tile["layer"],
                    f"{tile['first']}–{tile['first'] + tile['neurons'] - 1}",
                    f"{tile['first_axon']}–{tile['first_axon'] + tile['axons'] - 1}",
                    str(tile["lanes"]),
                    f"{sizes[tile['name']]:,}",
                ]
                for tile in manifest["tiles"]
            ],
            f"memory: bits; {mesh['hops']:.0f} packets × links a step, {saved:.0%} fewer than row by row",
            f", {', '.join(chip['file'] for chip in manifest['chips'])} and manifest.json",
        )

    def speed(self, folder: Path, fmax_mhz: float) -> Performance | None:
        try:
            measured = json.loads((folder / "sim.json").read_text())
        except OSError:
            return None
        except ValueError:
            raise RanvierError(f"File {folder / 'sim.json'} is damaged: run '{self.measure}' again") from None
        cycles = measured["cycles"]
        return performance(sum(cycles) / len(cycles), fmax_mhz) if cycles else None
