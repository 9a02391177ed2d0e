"""``ranvier check``: whether each node of a model can be built, and what quantisation costs."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from ..config import Configuration
    from ..readers import NodeCheck


def register(app: typer.Typer) -> None:
    app.command()(check)


def check(
    model: Annotated[str, typer.Argument(help="A .nir file, a .toml configuration or the name of a preset.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """List every node of MODEL as ok or not, the discretisation with its reasons, and float against integers."""
    from ..config import load_configuration
    from ..readers import raise_first

    configuration = load_configuration(model)
    nodes = _nodes(configuration)
    wrong = [node for node in nodes if not node.ok]
    answer: dict[str, Any] = {"name": configuration.name, "ok": not wrong, "nodes": [asdict(node) for node in nodes]}
    if as_json:
        if not wrong:
            answer |= _quantised(model)
        print(json.dumps(answer, indent=2))
    else:
        _print(model, nodes, wrong)
    if configuration.model is not None:
        raise_first(configuration.model, nodes)


def _nodes(configuration: "Configuration") -> "list[NodeCheck]":
    from ..readers import check_model

    return [] if configuration.model is None else check_model(configuration.model, configuration.discretisation)


def _quantised(model: str) -> dict[str, Any]:
    from ..design import load_design

    design = load_design(model)
    return {
        "notes": [] if design.network is None else design.network.notes,
        "quantisation": None if design.report is None else asdict(design.report),
        "program": design.program.description,
    }


def _print(model: str, nodes: "list[NodeCheck]", wrong: "list[NodeCheck]") -> None:
    from rich.console import Console

    from ..design import load_design

    console = Console(highlight=False)
    if nodes:
        console.print(_table(nodes))
    if wrong:
        return
    design = load_design(model)
    for note in () if design.network is None else design.network.notes:
        console.print(f"  {note}", markup=False)
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
