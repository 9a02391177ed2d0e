"""The trainer of a configuration as a build: Verilog and manifest."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2

from ranvier.hw.train.config import LayerGeometry, TrainerConfig

from ..builds import Overview, no_tile
from ..emit import yosys_verilog
from ..folder import MANIFEST, digests, write_build
from ..manifest import fields, sources_digest, tool_versions
from ..synth.performance import Performance, performance
from .config import Training
from .emit import emit_trainer
from .folder import RESULT
from .setup import trainer_config
from .writing import read_result

_HEADER = jinja2.Environment(
    loader=jinja2.PackageLoader("ranvier.gen.training", "."),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
)
_OWN = ("build.py", "emit.py", "header.v.jinja")  # shape the emitted files


class TrainerBuild:
    """Raises RanvierError where ``training`` cannot be built."""

    measure = "ranvier train --on rtl"

    def __init__(self, name: str, training: Training) -> None:
        self.name, self._training = name, training
        self.config: TrainerConfig = trainer_config(name, training)

    @cached_property
    def _hash(self) -> str:
        """SHA-256 over all that the build depends on."""
        own = [Path(__file__).with_name(file).read_text() for file in _OWN]
        facts = [self.name, repr(self.config), tool_versions(), sources_digest(), own]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _rtlil(self) -> str:
        return emit_trainer(self.config, self.name)

    def rtlil(self) -> str:
        return self._rtlil

    def tile_module(self, tile: str) -> str:
        return no_tile(self.name, tile)

    def generate(self, folder: Path) -> dict[str, Any]:
        return write_build(folder, self._hash, self._write)

    def _write(self, work: Path) -> None:
        manifest = self._describe()
        header = _HEADER.get_template("header.v.jinja").render(manifest=manifest)
        (work / f"{self.name}.v").write_text(header + yosys_verilog(self.rtlil()))
        (work / MANIFEST).write_text(json.dumps(manifest | {"files": digests(work)}, indent=2) + "\n")

    def _describe(self) -> dict[str, Any]:
        """The manifest as plain JSON values; its fields are listed in ``docs/training.md``."""
        from ranvier.hw.train.access import FIRST_COUNTER, PENDING, Region, access_layout
        from ranvier.hw.train.counters import NAMES
        from ranvier.hw.train.forward_pass import header_layout, result_layout

        config = self.config
        return {
            "name": self.name,
            "hash": self._hash,
            "tools": tool_versions(),
            "configuration": self._training.model_dump(mode="json") | {"data": Path(self._training.data).name},
            "steps": config.setup.steps,
            "lanes": config.lanes,
            "rate_shift": config.setup.optimiser.rate_shift,
            "sample_header": fields(header_layout(config)),
            "result": fields(result_layout(config)),
            "access": fields(access_layout(config)),
            "regions": {region.name.lower(): int(region) for region in Region},
            "miscellany": {"generators": 0, "pending": PENDING}
            | {name: FIRST_COUNTER + index for index, name in enumerate(NAMES)},
            "bank_words": config.weight_words,
            "bank_bits": {
                "weights": config.setup.weight_width,
                "momenta": config.setup.optimiser.momentum_width,
                "sums": config.setup.sum_width,
            },
            "layers": [_layer(layer) for layer in config.layers],
        }

    def overview(self, manifest: dict[str, Any]) -> Overview:
        return Overview(
            ("layer", "axons × neurons", "words", "groups"),
            [
                [layer["name"], f"{layer['axons']} × {layer['neurons']}", str(layer["words"]), str(layer["groups"])]
                for layer in manifest["layers"]
            ],
            f"trainer of {self.config.lanes} lanes; words: of weights in each of as many banks; groups: of neurons",
            " and manifest.json",
        )

    def speed(self, folder: Path, fmax_mhz: float) -> Performance | None:
        path = folder / RESULT
        if not path.exists():
            return None
        measured = [epoch.cycles["busy"] for epoch in read_result(folder).epochs if epoch.cycles]
        return performance(measured[-1], fmax_mhz) if measured else None


def _layer(layer: LayerGeometry) -> dict[str, Any]:
    return {
        "name": layer.layer.name,
        "axons": layer.layer.axons,
        "neurons": layer.layer.neurons,
        "recurrent": layer.layer.recurrent,
        "words": layer.weight_words,
        "groups": layer.groups,
        "weight_base": layer.weight_base,
        "group_base": layer.group_base,
    }
