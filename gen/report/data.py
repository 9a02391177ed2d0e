"""What a build folder holds, read for the report."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from pydantic import BaseModel, ValidationError

from ranvier.golden.inference import LayerTrace, run_program
from ranvier.golden.program import Program

from ..errors import RanvierError
from .schema import Manifest, Simulation, Synthesis

_ANEW = "remove the folder, then run 'ranvier generate' again"
_SIMULATE = "run 'ranvier sim' again"


@dataclass(frozen=True)
class Traces:
    """The samples whose spikes and membrane potentials the last simulation kept, as the RTL computed them.

    ``numbers``: which samples they are; ``inputs`` ``[samples, steps, inputs]``, graded or 0 and 1; ``spikes`` bool and
    ``membrane`` int64 ``[samples, steps, neurons]`` of each layer.
    """

    numbers: np.ndarray
    inputs: np.ndarray
    spikes: list[np.ndarray]
    membrane: list[np.ndarray]


@dataclass(frozen=True)
class Build:
    """A build folder; None, or nothing, stands for what has not been made yet."""

    folder: Path
    manifest: dict[str, Any]
    program: Program
    simulation: dict[str, Any] | None
    traces: Traces | None
    stimulus: np.ndarray | None
    syntheses: list[dict[str, Any]]

    @property
    def labels(self) -> np.ndarray | None:
        """Labels of the samples that were simulated, int64 ``[samples]``."""
        labels = (self.simulation or {}).get("labels")
        return None if not labels else np.array(labels, np.int64)

    @property
    def predictions(self) -> np.ndarray | None:
        """Classes that the RTL predicted, int64 ``[samples]``; None where a mismatch stopped the simulation."""
        predictions = (self.simulation or {}).get("predictions")
        return None if not predictions else np.array(predictions, np.int64)

    def golden(self) -> list[LayerTrace]:
        """What the golden model does with all the samples whose input was kept."""
        assert self.stimulus is not None
        return run_program(self.program, self.stimulus)


def read_build(folder: Path) -> Build:
    """Everything in ``folder``; raises RanvierError where it is no build, or a file in it cannot be read."""
    if not (folder / "manifest.json").is_file():
        raise RanvierError(f"Build folder {folder} must hold a manifest.json: run 'ranvier generate' first")
    manifest = _json(folder / "manifest.json", Manifest, _ANEW)
    with _readable(folder / "program.npz", _ANEW):
        program = Program.load(folder / "program.npz")
    simulation = traces = stimulus = None
    if (folder / "sim.json").exists():
        simulation = _json(folder / "sim.json", Simulation, _SIMULATE)
        with _readable(folder / "sim.json", _SIMULATE):
            _check_classes(simulation, program.outputs)
    if (folder / "traces.npz").exists():
        with _readable(folder / "traces.npz", _SIMULATE):
            traces, stimulus = _traces(folder / "traces.npz", program)
            if simulation is not None and len(stimulus) != simulation["samples"]:
                raise ValueError(f"{len(stimulus)} samples, but {simulation['samples']} in sim.json")
    syntheses = []
    for path in sorted(folder.glob("synth_*.json")):
        target = path.stem.removeprefix("synth_")
        syntheses.append(_json(path, Synthesis, f"run 'ranvier synth --target {target}' again"))
    return Build(folder, manifest, program, simulation, traces, stimulus, syntheses)


def _check_classes(simulation: dict[str, Any], outputs: int) -> None:
    for name in ("labels", "predictions"):
        classes = simulation[name]
        if classes and (len(classes) != simulation["samples"] or max(classes) >= outputs):
            raise ValueError(f"{name} must be one of {outputs} classes for each of {simulation['samples']} samples")


def _traces(path: Path, program: Program) -> tuple[Traces, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        numbers, stimulus = file["samples"].astype(np.int64), file["input"].astype(np.uint8)
        kinds = [np.int16 if layer.model.spike_width > 1 else np.bool_ for layer in program.layers]
        spikes = [file[f"{layer.name}.spikes"].astype(kind) for layer, kind in zip(program.layers, kinds, strict=True)]
        membrane = [file[f"{layer.name}.membrane"].astype(np.int64) for layer in program.layers]
    inputs = stimulus[numbers]
    expected = [(*inputs.shape[:2], layer.neurons) for layer in program.layers]
    shapes = [array.shape for array in spikes], [array.shape for array in membrane]
    if inputs.ndim != 3 or inputs.shape[2] != program.inputs or shapes != (expected, expected):
        raise ValueError("its arrays are not of this network")
    return Traces(numbers, inputs, spikes, membrane), stimulus


def _json(path: Path, schema: type[BaseModel], remedy: str) -> dict[str, Any]:
    with _readable(path, remedy):
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        schema.model_validate(content)
    return content


@contextmanager
def _readable(path: Path, remedy: str) -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise RanvierError(f"File {path} is damaged ({where}: {first['msg']}): {remedy}") from None
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, RecursionError, BadZipFile) as error:
        reason = "not an archive of NumPy's" if "pickle" in str(error) else error  # which it suggests to allow
        raise RanvierError(f"File {path} is damaged ({reason}): {remedy}") from None
