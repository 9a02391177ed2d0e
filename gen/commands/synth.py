"""``ranvier synth``: area, clock and critical path of a design on an FPGA."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from ..design import Design
    from ..synth import SynthReport
    from ..synth.performance import Performance
    from ..synth.targets import Target


def register(app: typer.Typer) -> None:
    app.command()(synth)


def synth(
    model: Annotated[str, typer.Argument(help="A .nir file, a .toml configuration or the name of a preset.")],
    target: Annotated[str, typer.Option(help="ecp5 or ice40.")] = "ecp5",
    seeds: Annotated[int, typer.Option(min=1, max=64, help="Runs of place and route; the clock is their median.")] = 3,
    build: Annotated[Path | None, typer.Option(help="The build folder.  [default: build/NAME]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Synthesise, place and route MODEL; what it takes and how fast it runs goes into synth_TARGET.json."""
    from rich.console import Console

    from ..design import load_design
    from ..emit import generate
    from ..files import written_aside
    from ..synth.targets import find_target

    device = find_target(target)
    console = Console(stderr=True, highlight=False)
    with console.status(f"reading {model}") as status:
        design = load_design(model)
        folder = build or Path("build") / design.chip.name
        status.update(f"writing {folder}")
        generate(design, folder)
    result = _run(design, device, seeds, console)
    path = folder / f"synth_{target}.json"
    with written_aside(path, "Result") as aside:
        aside.write_text(json.dumps(result.as_json(), indent=2) + "\n")
    speed = _speed(folder, result)
    if as_json:
        print(json.dumps(result.as_json() | {"performance": None if speed is None else vars(speed)}, indent=2))
    else:
        _print(result, speed, device, path)


def _run(design: "Design", target: "Target", seeds: int, console: "Console") -> "SynthReport":
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from ..emit import emit_rtlil
    from ..synth import synthesise

    columns = (SpinnerColumn(), BarColumn(bar_width=20), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("RTLIL", total=None)

        def show(title: str, done: int, total: int) -> None:
            progress.update(task, description=title, completed=done, total=total)

        return synthesise(emit_rtlil(design), design.chip.name, target, seeds=range(1, seeds + 1), progress=show)


def _speed(folder: Path, result: "SynthReport") -> "Performance | None":
    """Latency and throughput, where the folder holds a simulation."""
    from ..report.data import read_build
    from ..report.summary import summarise
    from ..synth.performance import performance

    measured: dict[str, Any] = summarise(read_build(folder))
    if not measured["cycles"]:
        return None
    operations = measured["SynapticOperations"]
    return performance(
        measured["cycles"]["mean"], result.fmax_median_mhz, operations["Effective_ACs"] if operations else None
    )


def _print(result: "SynthReport", speed: "Performance | None", target: "Target", path: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    cells = Table(title=result.device, title_justify="left")
    for column in ("resource", "used", "available", ""):
        cells.add_column(column, justify="left" if column == "resource" else "right")
    for name, site in result.utilisation.items():
        if name in {site.name for site in target.sites.values()}:
            share = f"{site['used'] / site['available']:.1%}"
            cells.add_row(f"{name} (nextpnr)", f"{site['used']:,}", f"{site['available']:,}", share)
    for kind, number in result.cells.items():
        if number:
            cells.add_row(f"{kind} (Yosys)", f"{number:,}", "", "")
    console.print(cells)
    runs = ", ".join(f"{speed:.1f}" for speed in result.fmax_mhz.values())
    console.print(f"clock [bold]{result.fmax_median_mhz:.1f} MHz[/], median of seeds {runs}")
    if speed:
        console.print(
            f"latency {speed.latency_us:.2f} µs, {speed.samples_per_second:,.0f} samples/s"
            f" ({speed.cycles_per_sample:,.0f} cycles a sample, measured in simulation)"
        )
        if speed.synaptic_operations_per_second:
            console.print(f"{speed.synaptic_operations_per_second / 1e6:,.1f} M synaptic operations/s")
    else:
        console.print("latency and throughput: run 'ranvier sim' first, which measures the cycles")
    hops = Table(title=f"Critical path, {result.path_ns:.2f} ns", title_justify="left")
    for column in ("up to", "through", "logic ns", "routing ns"):
        hops.add_column(column, justify="right" if column.endswith("ns") else "left", overflow="fold")
    for hop in result.critical_path:
        through = ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in hop.cells.items())
        place = hop.signal if hop.inside else f"{hop.signal} in {hop.instance}"
        hops.add_row(place, through, f"{hop.logic_ns:.2f}", f"{hop.routing_ns:.2f}")
    console.print(hops)
    for note in result.notes:
        console.print(f"note: {note}")
    console.print(f"{path} written")
