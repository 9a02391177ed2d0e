"""``ranvier generate``: the build folder of a design."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from ..builds import Overview


def register(app: typer.Typer) -> None:
    app.command()(generate)


def generate(
    model: Annotated[str, typer.Argument(help="A .nir file, a .toml configuration or the name of a preset.")],
    mesh: Annotated[str | None, typer.Option(help="Cores to spread it over, such as 4x4; 2x4x4: two chips.")] = None,
    build: Annotated[Path | None, typer.Option(help="The build folder.  [default: build/NAME]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest instead of a table.")] = False,
) -> None:
    """Write the Verilog of MODEL, its memory images and its manifest."""
    from rich.console import Console

    from ..builds import load_build

    console = Console(stderr=True, highlight=False)
    with console.status(f"reading {model}") as status:
        design = load_build(model, mesh)
        folder = build or Path("build") / design.name
        status.update(f"writing {folder}")
        manifest = design.generate(folder)
    if as_json:
        print(json.dumps(manifest, indent=2))
        return
    overview = design.overview(manifest)
    Console(highlight=False).print(_table(overview))
    print(f"{folder}/{manifest['name']}.v{overview.contents}; hash {manifest['hash'][:16]}")


def _table(overview: "Overview") -> "Table":
    from rich.table import Table

    table = Table(caption=overview.caption)
    for number, column in enumerate(overview.columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=number > 0, overflow="fold")
    for row in overview.rows:
        table.add_row(*row)
    return table
