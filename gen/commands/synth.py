"""``ranvier synth``: area, clock and critical path of a design on an FPGA."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from ..builds import Build
    from ..synth import SynthReport
    from ..synth.performance import Performance
    from ..synth.targets import Target


def register(app: typer.Typer) -> None:
    app.command()(synth)


def synth(
    model: Annotated[str, typer.Argument(help="A .nir file, a .toml configuration or the name of a preset.")],
    target: Annotated[str, typer.Option(help="ecp5 or ice40.")] = "ecp5",
    seeds: Annotated[int, typer.Option(min=1, max=64, help="Runs of place and route; the clock is their median.")] = 3,
    mesh: Annotated[str | None, typer.Option(help="Cores to spread it over, such as 4x4; 2x4x4: two chips.")] = None,
    tile: Annotated[str | None, typer.Option(help="Only this tile or chip, such as tile_0_0, chip_1.")] = None,
    build: Annotated[Path | None, typer.Option(help="The build folder.  [default: build/NAME]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Synthesise, place and route MODEL; what it takes and how fast it runs goes into synth_TARGET.json."""
    from rich.console import Console

    from ..builds import load_build
    from ..files import written_aside
    from ..synth.targets import find_target

    device = find_target(target)
    console = Console(stderr=True, highlight=False)
    with console.status(f"reading {model}") as status:
        design = load_build(model, mesh)
        top = design.name if tile is None else design.tile_module(tile)
        folder = build or Path("build") / design.name
        status.update(f"writing {folder}")
        design.generate(folder)
    result = _run(design, top, device, seeds, console)
    path = folder / (f"synth_{target}.json" if tile is None else f"synth_{target}_{tile}.json")
    with written_aside(path, "Result") as aside:
        aside.write_text(json.dumps(result.as_json(), indent=2) + "\n")
    speed = design.speed(folder, result.fmax_median_mhz) if tile is None else None
    if as_json:
        print(json.dumps(result.as_json() | {"performance": None if speed is None else vars(speed)}, indent=2))
    else:
        _print(result, speed, device, path, design.measure if tile is None else None)


def _run(design: "Build", top: str, target: "Target", seeds: int, console: "Console") -> "SynthReport":
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from ..synth import synthesise

    columns = (SpinnerColumn(), BarColumn(bar_width=20), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("RTLIL", total=None)

        def show(title: str, done: int, total: int) -> None:
            progress.update(task, description=title, completed=done, total=total)

        return synthesise(design.rtlil(), top, target, seeds=range(1, seeds + 1), progress=show)


def _print(
    result: "SynthReport", speed: "Performance | None", target: "Target", path: Path, measure: str | None
) -> None:
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
    elif measure is not None:
        console.print(f"latency and throughput: run '{measure}' first, which measures the cycles")
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
