"""Simulates a build folder and compares every value with the golden model."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from ranvier.gen.errors import RanvierError
from ranvier.gen.stimulus import Samples
from ranvier.golden.program import Program

from .comparison import Mismatch
from .process import Progress, run_process
from .request import OBSERVED, SAMPLES, Request, Simulator
from .result import SimResult, collect, save
from .simulators import require

WAVES_BEFORE = 64  # cycles before the step of a mismatch that a cut waveform shows


def simulate_build(
    folder: Path,
    samples: Samples,
    *,
    simulator: Simulator = "icarus",
    seed: int = 1,
    back_pressure: bool = True,
    waves: bool = False,
    progress: Progress = lambda done, of: None,
) -> SimResult:
    """Run ``samples`` through the RTL of the build ``folder`` and compare every value with the golden model.

    The first half is sent one sample at a time to an idle chip, to measure cycles; the second half back to
    back under random back-pressure (the middle one of an odd number, both ways). Without ``back_pressure``
    all are measured. ``waves`` dumps the whole run (``waves.fst``). At a mismatch the run is repeated with
    a dump that begins shortly before it (``mismatch.fst``).

    Writes ``sim.json`` and ``traces.npz`` (:mod:`.result`). Raises RanvierError for a missing simulator, a
    folder that is no build, no samples, or samples of another width.
    """
    require(simulator)
    program, encoded = _program(folder)
    count, steps, inputs = samples.spikes.shape
    if not count * steps:
        raise RanvierError(f"Simulation needs at least one sample of one step, not {count} of {steps}")
    if inputs != program.inputs:
        raise RanvierError(f"Samples must have the {program.inputs} inputs of '{program.name}', not {inputs}")
    if encoded != (samples.transfers is not None):
        takes = "values, as it has an encoder" if encoded else "spikes, as it has no encoder"
        raise RanvierError(f"Samples for '{program.name}' must be {takes}: run 'ranvier generate' again")
    if waves and simulator != "icarus":
        raise RanvierError(f"Waveforms are recorded by icarus, not by {simulator}: leave one of the two options out")
    folder = folder.absolute()
    if simulator == "verilator" and re.search(r"\s", str(folder)):
        raise RanvierError(
            f"Verilator builds in no folder with a blank in its path, as '{folder}' has: name another, or take icarus"
        )
    work = folder / f".sim_{simulator}"
    run = work / "run"
    try:
        run.mkdir(parents=True, exist_ok=True)
        for waveform in ("waves.fst", "mismatch.fst"):  # of another run
            (folder / waveform).unlink(missing_ok=True)
        given = {} if samples.transfers is None else {"transfers": samples.transfers}
        np.savez(run / SAMPLES, allow_pickle=False, spikes=samples.spikes, **given)
    except OSError as error:
        raise RanvierError(f"Folder {run} cannot be written: {error.strerror}") from None
    alone, stressed = range(count), range(0)
    if back_pressure:
        alone, stressed = range((count + 1) // 2), range(count // 2, count)
    request = Request(
        str(folder),
        str(work),
        simulator,
        seed,
        tuple(alone),
        tuple(stressed),
        waveform="waves.fst" if waves else None,
    )
    answer = run_process(request, run, progress)
    with np.load(run / OBSERVED) as file:
        observed = dict(file)
    result = collect(program, samples, request, answer, observed)
    if result.mismatch is not None:
        result = replace(result, waveform=_cut_waveform(request, run, result.mismatch))
    elif result.passed and not (result.compared.spikes and result.compared.membranes and result.compared.output_events):
        raise RanvierError(f"Simulation of '{program.name}' compared nothing: its log is {run / 'log.txt'}")
    save(result, folder, samples.spikes)
    return result


def _program(folder: Path) -> tuple[Program, bool]:
    """What the build runs, and whether it has an encoder."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        return Program.load(folder / "program.npz"), "encoder" in manifest
    except (OSError, ValueError, KeyError) as error:
        raise RanvierError(f"Folder {folder} is no build ({error}): run 'ranvier generate' first") from None


def _cut_waveform(request: Request, run: Path, mismatch: Mismatch) -> str | None:
    """Repeat the run up to the mismatch on Icarus, dumping from shortly before its step on.

    Stalls come from the bench's own generator, so the run is the same, cycle for cycle, on both simulators.
    """
    again = replace(
        request,
        simulator="icarus",
        work=str(Path(request.folder) / ".sim_icarus"),
        waveform="mismatch.fst",
        dump_from=max(mismatch.since - WAVES_BEFORE, 0),
    )
    try:
        run_process(again, run, lambda done, of: None)
    except RanvierError:
        return None  # without Icarus the mismatch is still told
    return again.waveform
