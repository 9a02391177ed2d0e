"""What the process that simulates is asked, and what it answers: files of one folder for each run."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Simulator = Literal["icarus", "verilator"]

FOLDER_VARIABLE = "RANVIER_SIM_RUN"  # environment variable that tells the cocotb side its run folder
REQUEST, SAMPLES, PROGRESS, RESULT, OBSERVED = (
    "request.json",
    "samples.npz",
    "progress.jsonl",
    "result.json",
    "observed.npz",
)


@dataclass(frozen=True)
class Request:
    """One run of a simulator.

    ``folder``: the build folder; ``work``: where compiled objects are kept; ``module``: the cocotb test;
    ``alone``: samples sent one at a time to an idle chip without back-pressure, in which cycles are
    measured; ``stressed``: samples sent one after the other under random back-pressure; ``waveform``: file
    of ``folder`` to dump to (FST), from cycle ``dump_from`` on.
    """

    folder: str
    work: str
    simulator: Simulator
    seed: int
    alone: tuple[int, ...] = ()
    stressed: tuple[int, ...] = ()
    module: str = "ranvier.sim.testbench"
    waveform: str | None = None
    dump_from: int = 0

    def save(self, run: Path) -> None:
        """Write the request into the run folder."""
        (run / REQUEST).write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, run: Path) -> "Request":
        """Read what :meth:`save` wrote."""
        fields: dict[str, Any] = json.loads((run / REQUEST).read_text())
        return cls(**fields | {"alone": tuple(fields["alone"]), "stressed": tuple(fields["stressed"])})
