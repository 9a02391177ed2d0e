"""What ``generate`` writes and ``synth`` synthesises: a chip that runs a network, or a trainer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

from .config import load_configuration
from .design import Design, load_design
from .errors import RanvierError
from .mapping.config import Mesh, sized
from .synth.performance import Performance, performance


@dataclass(frozen=True)
class Overview:
    """A table of the layers: names of its columns, the first of text and the others of numbers, then its rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    contents: str
    """What the build folder holds beside the Verilog, to follow its name."""


class Build(Protocol):
    """Something that becomes Verilog. ``measure``: the command that measures its cycles in simulation."""

    measure: str

    @property
    def name(self) -> str:
        """Of the top module and the build folder."""

    def rtlil(self) -> str:
        """As RTLIL text; the same every time."""

    def tile_module(self, tile: str) -> str:
        """The module of a tile. Raises RanvierError where there is none."""

    def generate(self, folder: Path) -> dict[str, Any]:
        """Write it into ``folder``, unless it is there, and return the manifest. Raises RanvierError."""

    def overview(self, manifest: dict[str, Any]) -> Overview:
        """The layers of the manifest."""

    def speed(self, folder: Path, fmax_mhz: float) -> Performance | None:
        """At this clock, with the cycles measured in ``folder``; None where there are none."""


def no_tile(name: str, tile: str) -> NoReturn:
    """Raise RanvierError: design ``name`` is no mesh."""
    raise RanvierError(f"Design {name} has no tile {tile}, it is no mesh: add --mesh, such as --mesh 2x2")


def mesh_of(source: str, size: str | None) -> Mesh | None:
    """The mesh that a MODEL argument is spread over, ``size`` if given, else its configuration's. Raises
    RanvierError."""
    configuration = load_configuration(source)
    if size is None:
        return configuration.mesh
    if configuration.training is not None:
        raise RanvierError(f"Model {source} is a training, which runs on a trainer: leave --mesh out")
    if configuration.encoder is not None:
        raise RanvierError(f"Model {source} has an encoder, which is for one chip: leave --mesh out, or the encoder")
    return sized(configuration.mesh, size)


def load_build(source: str, size: str | None = None) -> Build:
    """The chip, the mesh or the trainer that a MODEL argument names. Raises RanvierError."""
    mesh = mesh_of(source, size)
    if mesh is not None:
        from .mapping.build import MeshBuild

        return MeshBuild(source, mesh)
    configuration = load_configuration(source)
    if configuration.training is None:
        return ChipBuild(load_design(source))
    from .training.build import TrainerBuild

    return TrainerBuild(configuration.name, configuration.training)


@dataclass(frozen=True)
class ChipBuild:
    """The chip of a design."""

    design: Design
    measure = "ranvier sim"

    @property
    def name(self) -> str:
        return self.design.chip.name

    def rtlil(self) -> str:
        from .emit import emit_rtlil

        return emit_rtlil(self.design)

    def tile_module(self, tile: str) -> str:
        return no_tile(self.name, tile)

    def generate(self, folder: Path) -> dict[str, Any]:
        from .emit import generate

        return generate(self.design, folder)

    def overview(self, manifest: dict[str, Any]) -> Overview:
        return Overview(
            ("layer", "axons × neurons", "lanes", "bits", "cycles/event", "memory"),
            [_row(layer, manifest["memory_map"]) for layer in manifest["layers"]],
            "bits: weight / state / accumulator; memory: bits of weights and parameters",
            ", memory images and manifest.json",
        )

    def speed(self, folder: Path, fmax_mhz: float) -> Performance | None:
        from .report.data import read_build
        from .report.summary import summarise

        measured: dict[str, Any] = summarise(read_build(folder))
        if not measured["cycles"]:
            return None
        operations = measured["SynapticOperations"]
        return performance(measured["cycles"]["mean"], fmax_mhz, operations["Effective_ACs"] if operations else None)


def _row(layer: dict[str, Any], memory_map: list[dict[str, Any]]) -> list[str]:
    memory = sum(item["words"] * item["width"] for item in memory_map if item["layer"] == layer["name"])
    bits = " / ".join(str(layer[key]) for key in ("weight_width", "state_width", "accumulator_width"))
    size = f"{layer['axons']} × {layer['neurons']}"
    return [layer["name"], size, str(layer["lanes"]), bits, str(layer["cycles"]["event"]), f"{memory:,}"]
