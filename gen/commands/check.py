"""``ranvier check``: whether each node of a model can be built, and what quantisation costs."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..design import Design
    from ..readers import NodeCheck


def register(app: typer.Typer) -> None:
    app.command()(check)


def check(
    model: Annotated[str, typer.Argument(help="A .nir file, a .toml configuration or the name of a preset.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """List every node of MODEL as ok or not, the discretisation with its reasons, and float against integers."""
    from rich.console import Console

    from ..config import load_configuration
    from ..design import load_design
    from ..readers import check_model, raise_first

    console, stderr = Console(highlight=False), Console(stderr=True, highlight=False)
    with stderr.status(f"reading {model}"):
        configuration = load_configuration(model)
        path = configuration.model
        nodes = [] if path is None else check_model(path, configuration.discretisation)
    if nodes and not as_json:
        console.print(_table(nodes))
    design = None
    if all(node.ok for node in nodes):
        with stderr.status(f"quantising {model}"):
            design = load_design(model)
    if as_json:
        answer = {"name": configuration.name, "ok": design is not None, "nodes": [asdict(node) for node in nodes]}
        print(json.dumps(answer | ({} if design is None else _figures(design)), indent=2))
    elif design is not None:
        _print(design, console)
    if path is not None:
        raise_first(path, nodes)


def _figures(design: "Design") -> dict[str, Any]:
    return {
        "notes": [] if design.network is None else design.network.notes,
        "quantisation": None if design.report is None else asdict(design.report),
        "program": design.program.description,
    }


def _print(design: "Design", console: "Console") -> None:
    for note in () if design.network is None else design.network.notes:
        console.print(f"  {note}", markup=False)
    if design.network is not None and "framework" not in design.configuration.discretisation.model_fields_set:
        console.print(
            "[yellow]no framework was named, so this is NIR's reading, which resets and compares in its own way;"
            " name the one that trained the network:[/] ranvier init --framework"
        )
    if design.report is None:
        layer = design.program.layers[0]
        console.print(f"a blank core: {layer.axons} axons, {layer.neurons} neurons, {layer.weight_width}-bit weights")
    else:
        file = design.configuration.stimulus.file
        given = "random spikes" if file is None else file.name
        console.print(design.report.table())
        console.print(f"{given}: {design.report.summary()}", markup=False)


def _table(nodes: "list[NodeCheck]") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for column in ("node", "type", "", "reason", "remedy"):
        table.add_column(column, overflow="fold")
    for node in nodes:
        mark = "[green]ok[/]" if node.ok else "[red]not ok[/]"
        table.add_row(escape(node.name), escape(node.type), mark, escape(node.reason), escape(node.remedy))
    return table
