"""What ``ranvier sim`` does with a mesh."""

import json
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from ranvier.gen.mapping.config import Mesh

from ..samples import chosen
from ..summary import measured
from .run import MeshResult


def run_mesh(
    model: str,
    mesh: Mesh,
    simulator: str,
    images: int | None,
    seed: int,
    folder: Path | None,
    input_: Path | None,
    as_json: bool,
) -> None:
    """Generate, simulate, compare, and print; exit status 1 if anything differs."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from ranvier.gen.mapping.build import MeshBuild
    from ranvier.gen.report.mesh import write_mesh_report
    from ranvier.gen.stimulus import RANDOM_SAMPLES

    from .run import simulate_mesh

    console, stderr = Console(highlight=False), Console(stderr=True, highlight=False)
    with stderr.status(f"reading {model}") as status:
        build = MeshBuild(model, mesh)
        samples = build.source.design.samples(seed, input_, images or RANDOM_SAMPLES)
        folder = folder or Path("build") / build.name
        status.update(f"placing {build.name} and writing {folder}")
        build.generate(folder)
    samples = chosen(samples, images, input_)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bar:
        task = bar.add_task(f"{simulator}: samples compared (the first run compiles the chip)", total=None)
        result = simulate_mesh(
            build,
            folder,
            samples,
            simulator=simulator,
            seed=seed,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    page = write_mesh_report(folder)
    if as_json:
        print(json.dumps(result.figures(), indent=2))
    else:
        console.print(_table(result))
        console.print(f"{page} shows where the layers lie and the traffic of each link")
    if not result.passed:
        typer.echo(f"ranvier: mismatch: {result.why}", err=True)
        raise typer.Exit(1)


def _table(result: MeshResult) -> Table:
    compared, cycles = result.compared, result.cycles
    links = sorted(
        ((number, place, port) for place, ports in result.flits.items() for port, number in ports.items()), reverse=True
    )
    number, place, port = links[0]
    accuracy = "–"
    if result.accuracy_golden is not None and result.accuracy_rtl is not None:
        accuracy = f"{result.accuracy_golden:.2%} | {result.accuracy_rtl:.2%}"
    rows = {
        "samples × steps": f"{result.samples} × {result.steps}",
        "spikes compared": f"{compared.spikes:,}",
        "membrane potentials compared": f"{compared.membranes:,}",
        "output events compared": f"{compared.outputs:,}",
        "mismatches": f"[red]{compared.different}[/]" if compared.different else "[green]0[/]",
        "accuracy, golden | RTL": accuracy,
        **measured(result.metrics),
        "cycles a sample, min | mean | max": f"{min(cycles):,} | {sum(cycles) / len(cycles):,.0f} | {max(cycles):,}",
        "first sample, predicted | measured": f"{result.predicted or '–'} | {cycles[0]:,}",
        "busiest link": f"({place}) {port}, {number / result.busy_cycles:.1%} of the cycles",
        "seed": str(result.seed),
    }
    if result.link is not None:
        link = result.link
        rows["frames between chips, spoiled | repeated"] = f"{link.corrupted:,} | {link.retransmissions:,}"
    table = Table(
        title=f"{result.name}: {result.simulator} against the one-core golden model",
        caption="half of the samples alone, half while the host pauses at random",
        show_header=False,
    )
    for name, value in rows.items():
        table.add_row(name, value)
    return table
