"""``ranvier generate``: the build folder of a design."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table


def register(app: typer.Typer) -> None:
    app.command()(generate)


def generate(
    model: Annotated[str, typer.Argument(help="A .nir file, a .toml configuration or the name of a preset.")],
    build: Annotated[Path | None, typer.Option(help="The build folder.  [default: build/NAME]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest instead of a table.")] = False,
) -> None:
    """Write the Verilog of MODEL, its memory images and its manifest."""
    from rich.console import Console

    from ..design import load_design
    from ..emit import generate as write

    console = Console(stderr=True, highlight=False)
    with console.status(f"reading {model}") as status:
        design = load_design(model)
        folder = build or Path("build") / design.chip.name
        status.update(f"writing {folder}")
        manifest = write(design, folder)
    if as_json:
        print(json.dumps(manifest, indent=2))
        return
    Console(highlight=False).print(_table(manifest))
    print(f"{folder}/{manifest['name']}.v, memory images and manifest.json; hash {manifest['hash'][:16]}")


def _table(manifest: dict[str, Any]) -> "Table":
    from rich.table import Table

    table = Table(caption="bits: weight / state / accumulator; memory: bits of weights and parameters")
    table.add_column("layer", overflow="fold")
    for column in ("axons × neurons", "lanes", "bits", "cycles/event", "memory"):
        table.add_column(column, justify="right", no_wrap=True)
    for layer in manifest["layers"]:
        memory = sum(item["words"] * item["width"] for item in manifest["memory_map"] if item["layer"] == layer["name"])
        bits = " / ".join(str(layer[key]) for key in ("weight_width", "state_width", "accumulator_width"))
        size = f"{layer['axons']} × {layer['neurons']}"
        table.add_row(layer["name"], size, str(layer["lanes"]), bits, str(layer["cycles"]["event"]), f"{memory:,}")
    return table
