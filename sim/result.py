"""What a simulation found: figures in ``sim.json``, the traces of the first samples in ``traces.npz``.

``traces.npz``: ``input`` bool ``[samples, steps, inputs]`` of all samples, ``samples`` int64 ``[n]`` (which of
them were kept), and of each layer of these ``<layer>.spikes`` bool and ``<layer>.membrane`` int64
``[n, steps, neurons]``, as the RTL computed them.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.gen.files import written_aside
from ranvier.gen.metrics import Metrics, metrics_of
from ranvier.gen.stimulus import Samples
from ranvier.golden.codes.registry import CODES, Code
from ranvier.golden.decoding.registry import decoder_of
from ranvier.golden.inference import LayerTrace, run_program
from ranvier.golden.program import Layer, Program
from ranvier.golden.synapse import counts
from ranvier.hw.config import ChipConfig, CoreConfig, chip_config
from ranvier.hw.timing import ChipTiming

from .comparison import Compared, Mismatch
from .request import Request
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
    first event of a step to its update, in the samples sent without back-pressure (None behind an encoder,
    which it waits for); ``clock_cycles``, ``wall_seconds`` and ``cpu_seconds``: of the simulator's run, without
    compilation; ``mismatch``: the first one, with its ``waveform``; ``predicted``: what
    :class:`ranvier.hw.timing.ChipTiming` says that each of the ``latencies`` must be; ``hung``: how far the layers
    had come; ``metrics``: of the RTL, None where it was stopped; ``observed``: ``<layer>.spikes`` bool and
    ``<layer>.membrane`` int64, ``[samples, steps, neurons]``, of the RTL, not part of the JSON.
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
    predicted: tuple[int, ...]
    clock_cycles: int
    wall_seconds: float
    cpu_seconds: float
    cycles_per_second: float
    accuracy_golden: float | None
    accuracy_rtl: float | None
    labels: tuple[int, ...] | None
    predictions: tuple[int, ...]
    metrics: Metrics | None
    observed: dict[str, np.ndarray] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether all was compared and equal, and took as many cycles as predicted."""
        return self.mismatch is None and self.hung is None and self.latencies == self.predicted

    @property
    def problem(self) -> str:
        """What is wrong, as one line; empty if nothing is."""
        if self.hung is not None:
            return f"the chip stopped: {self.hung}"
        if self.mismatch is not None:
            return str(self.mismatch)
        if self.latencies != self.predicted:
            return f"cycles of each sample expected {list(self.predicted)}, got {list(self.latencies)}"
        return ""

    def figures(self) -> dict[str, Any]:
        """All but the arrays, as plain JSON values: the contents of ``sim.json``."""
        values = asdict(replace(self, observed={}))
        del values["observed"]
        return values


def collect(
    program: Program,
    samples: Samples,
    request: Request,
    answer: dict[str, Any],
    observed: dict[str, np.ndarray],
) -> SimResult:
    """Figures of a run from what the cocotb side answered and observed."""
    spikes, labels, last = samples.spikes, samples.labels, program.layers[-1]
    traces = run_program(program, spikes)
    manifest = json.loads((Path(request.folder) / "manifest.json").read_text())
    decoder = decoder_of(program, **manifest["configuration"].get("decoder", {}))
    golden = decoder.decode(traces[-1].spikes, traces[-1].membrane)
    seen = decoder.decode(observed[f"{last.name}.spikes"], observed[f"{last.name}.membrane"])
    sparse = [layer["synapses"] == "sparse" for layer in manifest["layers"]]
    chip = chip_config(program, [layer["lanes"] for layer in manifest["layers"]], sparse)
    if "encoder" in manifest:
        chip = replace(chip, encoder=_code(manifest["encoder"]))
    latencies, mismatch = answer["latencies"], answer["mismatch"]
    first, alone = program.layers[0], list(request.alone)
    complete = mismatch is None and answer["hung"] is None

    def accuracy(predictions: np.ndarray) -> float | None:
        return None if labels is None or not complete else float((predictions == labels).mean())

    metrics = None
    if complete:
        outputs = [observed[f"{layer.name}.spikes"] for layer in program.layers]
        *active, total = answer["active"]
        duty = sum(active) / len(active) / total
        metrics = metrics_of(program, spikes, outputs, decoder.name, seen, labels, duty)

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
        event_utilisation=_utilisation(first, chip.cores[0], spikes[alone], observed[f"{first.name}.cycles"][alone])
        if complete and program.is_chain and chip.encoder is None
        else None,
        latencies=tuple(latencies) if complete else (),
        predicted=tuple(_predict(program, chip, samples, traces, request.alone)) if complete else (),
        clock_cycles=answer["cycles"],
        wall_seconds=answer["wall_seconds"],
        cpu_seconds=answer["cpu_seconds"],
        cycles_per_second=answer["cycles"] / answer["wall_seconds"],
        accuracy_golden=accuracy(golden.answers),
        accuracy_rtl=accuracy(seen.answers),
        labels=None if labels is None else tuple(int(label) for label in labels),
        predictions=tuple(int(prediction) for prediction in seen.answers) if complete else (),
        metrics=metrics,
        observed={name: array for name, array in observed.items() if not name.endswith(".cycles")},
    )


def _predict(
    program: Program, chip: ChipConfig, samples: Samples, traces: list[LayerTrace], alone: tuple[int, ...]
) -> Iterator[int]:
    """Cycles that each of the samples ``alone`` must take."""
    spikes = samples.spikes
    signals = [spikes, *(t.spikes for t, layer in zip(traces, program.layers, strict=True) if layer.model.spiking)]
    for sample in alone:
        transfers = None if samples.transfers is None else samples.transfers[sample]
        yield ChipTiming(chip, [signal[sample] for signal in signals], transfers=transfers).cycles


def _code(description: dict[str, Any]) -> Code:
    """The code that the manifest describes."""
    return CODES[description["code"]](**{name: value for name, value in description.items() if name != "code"})


def _utilisation(layer: Layer, core: CoreConfig, spikes: np.ndarray, cycles: np.ndarray) -> float | None:
    """Useful share of the lane-cycles between the updates of the first layer, which never waits for input.

    ``cycles`` ``[samples, steps, 2]``: of the first and last group of each update.
    """
    between = cycles[:, 1:, 0] - cycles[:, :-1, 1] - 1
    if not between.sum() or core.attention is not None:
        return None
    added = counts(layer.connections[0].synapses, zeros=core.rows is None)
    useful = added.drive(spikes[:, 1:].sum(axis=(0, 1))[None])
    return float(useful.sum() / (between.sum() * core.lanes))


def save(result: SimResult, folder: Path, spikes: np.ndarray) -> None:
    """Write ``sim.json`` and ``traces.npz``, each aside and then renamed."""
    kept = slice(0, TRACED_SAMPLES)
    arrays = {"samples": np.arange(len(spikes))[kept], "input": spikes}
    arrays |= {name: array[kept] for name, array in result.observed.items()}
    with written_aside(folder / "traces.npz", "Traces") as aside, aside.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    with written_aside(folder / "sim.json", "Result") as aside:
        aside.write_text(json.dumps(result.figures(), indent=2) + "\n")
