"""What a build folder holds, read for the report."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ranvier.golden.inference import run_program
from ranvier.golden.program import Program

from ..errors import RanvierError


@dataclass(frozen=True)
class Traces:
    """The samples whose spikes and membrane potentials the last simulation kept, as the RTL computed them.

    ``numbers``: which samples they are; ``inputs`` bool ``[samples, steps, inputs]``; ``spikes`` bool and
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

    def layer_inputs(self) -> list[np.ndarray]:
        """Spikes into each layer in all the samples whose input was kept, from the golden model."""
        assert self.stimulus is not None
        return [self.stimulus, *(trace.spikes for trace in run_program(self.program, self.stimulus))]


def read_build(folder: Path) -> Build:
    """Everything in ``folder``; raises RanvierError where it is no build, or a file in it cannot be read."""
    if not (folder / "manifest.json").is_file():
        raise RanvierError(f"Build folder {folder} must hold a manifest.json: run 'ranvier generate' first")
    manifest = _json(folder / "manifest.json")
    try:
        program = Program.load(folder / "program.npz")
        traces, stimulus = _traces(folder / "traces.npz", program)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise RanvierError(f"Build folder {folder} is damaged ({error}): run 'ranvier generate' again") from None
    simulation = _json(folder / "sim.json") if (folder / "sim.json").exists() else None
    syntheses = [_json(path) for path in sorted(folder.glob("synth_*.json"))]
    return Build(folder, manifest, program, simulation, traces, stimulus, syntheses)


def _traces(path: Path, program: Program) -> tuple[Traces | None, np.ndarray | None]:
    if not path.exists():
        return None, None
    with np.load(path, allow_pickle=False) as file:
        numbers, stimulus = file["samples"], file["input"].astype(bool)
        spikes = [file[f"{layer.name}.spikes"].astype(bool) for layer in program.layers]
        membrane = [file[f"{layer.name}.membrane"].astype(np.int64) for layer in program.layers]
    return Traces(numbers, stimulus[numbers], spikes, membrane), stimulus


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RanvierError(f"File {path} cannot be read ({error}): make it again") from None
    return content
