"""``ranvier sim`` and ``ranvier train``, beside the commands of :mod:`ranvier.gen.cli`."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import typer

from ranvier.gen.cli import app, main
from ranvier.gen.errors import RanvierError

from .mesh.command import run_mesh
from .request import Simulator
from .samples import chosen
from .training import command

__all__ = ["app", "main"]

command.register(app)


class _Simulator(StrEnum):
    icarus = "icarus"
    verilator = "verilator"
    compiled = "compiled"


@app.command()
def sim(
    model: Annotated[str, typer.Argument(help="A .nir file, a .toml configuration or the name of a preset.")],
    images: Annotated[int | None, typer.Option(min=1, help="How many samples (default: at most 20).")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the order of events, the stalls and random stimuli.")] = 1,
    simulator: Annotated[
        _Simulator | None,
        typer.Option(help="What runs the Verilog, icarus or verilator; of a mesh also compiled, its RTLIL (default)."),
    ] = None,
    mesh: Annotated[str | None, typer.Option(help="Cores to spread it over, such as 4x4; 2x4x4: two chips.")] = None,
    waves: Annotated[bool, typer.Option("--waves", help="Dump the whole run to waves.fst.")] = False,
    build: Annotated[Path | None, typer.Option(help="Build folder (default: build/NAME).")] = None,
    input_: Annotated[
        Path | None, typer.Option("--input", help="Spikes (or values) to run: .npy, .npz, NIR data.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write spikes and membranes: .npz or NIR data.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Simulate the Verilog of MODEL and compare every spike and membrane potential with the golden model.

    Generates the build first if it is not current. Exit status 1 if anything differs.
    """
    from ranvier.gen.builds import mesh_of

    size = mesh_of(model, mesh)
    if size is not None:
        refused = {"--waves": waves, "--output": output}
        for option, given in refused.items():
            if given:
                raise RanvierError(f"Option {option} is not for a mesh of cores: leave one of the two out")
        run_mesh(model, size, simulator or _Simulator.compiled, images, seed, build, input_, as_json)
        return
    if simulator is _Simulator.compiled:
        raise RanvierError(
            "Simulator compiled is for meshes and trainers; a chain of cores runs on icarus or verilator"
        )
    simulator = simulator or _Simulator.icarus
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from ranvier.gen.design import load_design
    from ranvier.gen.emit import generate
    from ranvier.gen.stimulus import RANDOM_SAMPLES, check_output, write_results

    from .runner import simulate_build
    from .summary import raster, table

    if output is not None:
        check_output(output)
    console, stderr = Console(highlight=False), Console(stderr=True, highlight=False)
    with stderr.status(f"reading {model}") as status:
        design = load_design(model)
        samples = design.samples(seed, input_, images or RANDOM_SAMPLES)
        folder = build or Path("build") / design.program.name
        status.update(f"writing {folder}")
        generate(design, folder)
    samples = chosen(samples, images, input_)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bar:
        task = bar.add_task(f"{simulator.value}: samples compared", total=None)
        result = simulate_build(
            folder,
            samples,
            simulator=cast(Simulator, simulator.value),
            seed=seed,
            waves=waves,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    if as_json:
        print(json.dumps(result.figures(), indent=2))
    else:
        console.print(table(result))
        if result.passed:
            console.print(raster(result, design.program), markup=False, end="")
    if not result.passed:
        where = f"; waveform: {folder / result.waveform}" if result.waveform else ""
        typer.echo(f"ranvier: mismatch: {result.problem}{where}", err=True)
        raise typer.Exit(1)
    if output is not None:
        dt_s = 1.0 if design.network is None else design.network.dt_s
        nodes = {
            node: (
                design.in_model_order(layer, result.observed[f"{layer}.spikes"]),
                design.in_model_order(layer, result.observed[f"{layer}.membrane"]),
            )
            for layer, node in design.nodes.items()
        }
        write_results(output, nodes, dt_s)
        if not as_json:
            console.print(f"{output} written")
