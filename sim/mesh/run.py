"""Simulates the build of a mesh and writes what it found: ``sim.json``."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from ranvier.gen.emit import emit_shared
from ranvier.gen.errors import RanvierError
from ranvier.gen.files import written_aside
from ranvier.gen.mapping.build import MeshBuild
from ranvier.gen.metrics import Metrics, metrics_of
from ranvier.gen.stimulus import Samples
from ranvier.golden.inference import run_program
from ranvier.golden.routing import MESH_PORTS

from ..compiled import CompiledModel
from ..cosim import CosimModel
from ..process import Progress
from ..request import Simulator
from ..simulation import Simulation
from .device import Comparison, MeshDevice
from .system import System, noise_rate

STALLS = 0.5  # share of cycles in which the host pauses, in the second half
PREDICTED = 20_000  # cycles of a sample, at most, that the model of packets is asked for: it takes some seconds
SPOILED = 1e-2  # share of frames between chips that are corrupted, in the second half


@dataclass(frozen=True)
class LinkResult:
    """Of all links between chips: the ``share`` of frames to spoil in the second half, those that came ``corrupted``,
    and ``retransmissions``."""

    share: float
    corrupted: int
    retransmissions: int


@dataclass(frozen=True)
class MeshResult:
    """``cycles``: of each sample of the first half, sent alone; ``predicted``: what the model of packets says of the
    first, if that is not long; ``busy_cycles``: of all runs. ``flits``: by router
    ``x,y``, how many left at each port. ``stalls``: share of cycles in which the host paused in the second half.
    ``faults``: counters of packets astray and refused events that are not 0. ``link``: None for one chip. ``metrics``:
    answers of the RTL, spikes of the golden model; no duty cycle."""

    name: str
    simulator: str
    seed: int
    samples: int
    steps: int
    compared: Comparison
    cycles: list[int]
    predicted: int | None
    busy_cycles: int
    stalls: float
    flits: dict[str, dict[str, int]]
    accuracy_golden: float | None
    accuracy_rtl: float | None
    faults: dict[str, int]
    link: LinkResult | None
    metrics: Metrics

    @property
    def passed(self) -> bool:
        return not self.compared.different and not self.faults

    @property
    def why(self) -> str:
        """What was wrong first."""
        return self.compared.first or f"counters must be 0, but are {self.faults}"

    def figures(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def simulator_of(name: str) -> Callable[..., Simulation]:
    """What simulates a mesh: ``compiled`` its RTLIL, else its Verilog."""
    if name == "compiled":
        return partial(CompiledModel, flat=False)
    return partial(CosimModel, simulator=cast(Simulator, name))


def simulate_mesh(
    build: MeshBuild, folder: Path, samples: Samples, *, simulator: str, seed: int, progress: Progress
) -> MeshResult:
    """Run ``samples`` through the chip of ``build``, the first half one by one, the second back to back while the host
    pauses at random, compare every value with the one-core golden model, and write ``sim.json`` into ``folder``.

    Raises RanvierError where there are no samples, or the simulation ends early.
    """
    design, spikes = build.source, samples.spikes
    count, program = len(spikes), build.source.design.program
    if not count:
        raise RanvierError("Simulation needs at least one sample")
    chips = len(design.chips)
    rtlil = build.rtlil() if chips == 1 else emit_shared(System(design.chips), design.name)
    device = MeshDevice.of(design, rtlil, simulator_of(simulator))
    rng = np.random.default_rng(seed)
    alone = (count + 1) // 2
    runs = []
    for sample in range(alone):
        runs.append(device.run(spikes[sample : sample + 1], rng))
        progress(sample + 1, count)
    cycles = [run.cycles for run in runs]
    prediction = design.predict(spikes[0], 2 * cycles[0]) if cycles[0] <= PREDICTED else None
    device.model.stall(seed, STALLS)
    if chips > 1:
        device.model.write("rate", noise_rate(SPOILED, design.chip.frame.symbols))
    for first in range(alone, count, 8):
        runs.append(device.run(spikes[first : first + 8], rng))
        progress(min(first + 8, count), count)
    decoder, traces, labels = design.design.decoder, run_program(program, spikes), samples.labels
    seen = decoder.decode(np.concatenate([run.spikes for run in runs]), np.concatenate([run.membranes for run in runs]))
    expected = decoder.decode(traces[-1].spikes, traces[-1].membrane)
    outputs = [trace.spikes for trace in traces]
    result = MeshResult(
        name=build.name,
        simulator=simulator,
        seed=seed,
        samples=count,
        steps=spikes.shape[1],
        compared=device.comparison,
        cycles=cycles,
        predicted=None if prediction is None else prediction.cycles,
        busy_cycles=sum(run.cycles for run in runs),
        stalls=STALLS,
        flits={
            f"{x},{y}": dict(zip(MESH_PORTS, numbers.tolist(), strict=True)) for (x, y), numbers in device.flits.items()
        },
        accuracy_golden=None if labels is None else float((expected.answers == labels).mean()),
        accuracy_rtl=None if labels is None else float((seen.answers == labels).mean()),
        faults=device.faults,
        link=None
        if chips == 1
        else LinkResult(SPOILED, sum(device.told("corrupted").values()), sum(device.told("retransmissions").values())),
        metrics=metrics_of(program, spikes, outputs, decoder.name, seen, labels, None),
    )
    if not result.compared.values:
        raise RanvierError(f"Simulation of '{build.name}' compared nothing")
    with written_aside(folder / "sim.json", "Result") as aside:
        aside.write_text(json.dumps(result.figures(), indent=2) + "\n")
    return result
