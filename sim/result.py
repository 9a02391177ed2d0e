"""What a simulation found: figures in ``sim.json``, the traces of the first samples in ``traces.npz``.

``traces.npz``: ``samples`` int64 ``[n]`` (their numbers in the stimulus), ``input`` bool
``[n, steps, inputs]``, and of each layer ``<layer>.spikes`` bool and ``<layer>.membrane`` int64
``[n, steps, neurons]``, as the RTL computed them.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ranvier.golden.inference import run_program
from ranvier.golden.program import Layer, Program

from .request import Request
from .scoreboard import Compared, Mismatch
from .simulators import version

TRACED_SAMPLES = 4


@dataclass(frozen=True)
class Cycles:
    """Clock cycles of one sample, from its first event taken to its last event sent, both included."""

    minimum: int
    mean: float
    maximum: int


@dataclass(frozen=True)
class SimResult:
    """Outcome of :func:`.runner.simulate_build`.

    ``accuracy_golden`` and ``accuracy_rtl``: shares of ``labels`` predicted, None without labels;
    ``event_utilisation``: of the first layer, useful lane-cycles as a share of all lane-cycles from the
    first event of a step to its update, in the samples sent without back-pressure; ``clock_cycles`` and
    ``wall_seconds``: of the simulator run, without compilation; ``mismatch``: the first one, with its
    ``waveform``; ``hung``: how far the layers had come.
    """

    name: str
    simulator: str
    version: str
    seed: int
    samples: int
    steps: int
    compared: Compared
    mismatches: int
    mismatch: Mismatch | None
    hung: str | None
    waveform: str | None
    cycles: Cycles | None
    event_utilisation: float | None
    latencies: tuple[int, ...]
    clock_cycles: int
    wall_seconds: float
    cycles_per_second: float
    accuracy_golden: float | None
    accuracy_rtl: float | None
    labels: tuple[int, ...] | None
    predictions: tuple[int, ...]

    @property
    def passed(self) -> bool:
        """Whether all was compared and equal."""
        return self.mismatch is None and self.hung is None

    @property
    def problem(self) -> str:
        """The mismatch, or what hung, as one line."""
        if self.hung is not None:
            return f"the chip stopped: {self.hung}"
        return str(self.mismatch)

    def json(self) -> str:
        """The figures as JSON, as in ``sim.json``."""
        return json.dumps({field.name: _plain(getattr(self, field.name)) for field in fields(self)}, indent=2) + "\n"


def collect(
    program: Program,
    spikes: np.ndarray,
    labels: np.ndarray | None,
    request: Request,
    answer: dict[str, Any],
    observed: dict[str, np.ndarray],
) -> SimResult:
    """Figures of a run from what the cocotb side answered and observed."""
    last = program.layers[-1]
    golden = run_program(program, spikes)[-1]
    seen = classify(last, observed[f"{last.name}.spikes"], observed[f"{last.name}.membrane"])
    latencies, mismatch = answer["latencies"], answer["mismatch"]
    complete = mismatch is None and answer["hung"] is None

    def accuracy(predictions: np.ndarray) -> float | None:
        return None if labels is None or not complete else float((predictions == labels).mean())

    return SimResult(
        name=program.name,
        simulator=request.simulator,
        version=version(request.simulator),
        seed=request.seed,
        samples=len(spikes),
        steps=spikes.shape[1],
        compared=Compared(**answer["compared"]),
        mismatches=0 if mismatch is None else mismatch["count"],
        mismatch=None if mismatch is None else Mismatch(**mismatch),
        hung=answer["hung"],
        waveform=request.waveform,
        cycles=Cycles(min(latencies), float(np.mean(latencies)), max(latencies)) if latencies else None,
        event_utilisation=_utilisation(program.layers[0], spikes, request, observed) if complete else None,
        latencies=tuple(latencies),
        clock_cycles=answer["cycles"],
        wall_seconds=answer["wall_seconds"],
        cycles_per_second=answer["cycles"] / answer["wall_seconds"],
        accuracy_golden=accuracy(classify(last, golden.spikes, golden.membrane)),
        accuracy_rtl=accuracy(seen),
        labels=None if labels is None else tuple(int(label) for label in labels),
        predictions=tuple(int(prediction) for prediction in seen) if complete else (),
    )


def classify(layer: Layer, spikes: np.ndarray, membrane: np.ndarray) -> np.ndarray:
    """Class of each sample, int64 ``[samples]``: the neuron that spiked most, or of a readout the one of the
    highest mean membrane potential; the lowest index of equals."""
    score = spikes.sum(axis=1) if layer.model.spiking else membrane.sum(axis=1) / layer.scale
    return np.asarray(score.argmax(axis=1))


def _utilisation(
    layer: Layer, spikes: np.ndarray, request: Request, observed: dict[str, np.ndarray]
) -> float | None:
    """Useful share of the lane-cycles between the updates of the first layer, which never waits for input."""
    lanes = json.loads((Path(request.folder) / "manifest.json").read_text())["layers"][0]["lanes"]
    steps = observed[f"{layer.name}.cycles"][list(request.alone)]
    between = steps[:, 1:, 0] - steps[:, :-1, 1] - 1
    if not between.sum():
        return None
    useful = spikes[list(request.alone), 1:].sum() * layer.neurons
    return float(useful / (between.sum() * lanes))


def save(result: SimResult, folder: Path, spikes: np.ndarray, observed: dict[str, np.ndarray]) -> None:
    """Write ``sim.json`` and ``traces.npz``, each aside and then renamed."""
    kept = slice(0, TRACED_SAMPLES)
    arrays = {"samples": np.arange(len(spikes))[kept], "input": spikes[kept]}
    arrays |= {name: array[kept] for name, array in observed.items() if not name.endswith(".cycles")}
    replace_file(folder / "traces.npz", lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))
    replace_file(folder / "sim.json", lambda file: file.write(result.json().encode()))


def replace_file(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file aside, then rename it, so that it is never half there."""
    aside = path.with_name(f".{path.name}.new")
    with aside.open("wb") as file:
        write(file)
    aside.replace(path)


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, Compared | Cycles | Mismatch) else value
