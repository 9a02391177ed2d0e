"""``ranvier doctor``: what is installed and what is missing."""

import json
from dataclasses import asdict
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the tools that Ranvier uses: which version is there, what needs it, how to get what is missing."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ..doctor import examine

    findings = examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
        return
    table = Table()
    for column in ("", "version", "needed for", "how to get it"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        if finding.ok:
            version = f"[green]{escape(finding.version or '')}[/]"
        elif finding.version is None:
            version = "[red]missing[/]"
        else:
            version = f"[red]{escape(finding.version)}, too old[/]"
        table.add_row(finding.name, version, finding.needed_for, escape(finding.remedy))
    Console(highlight=False).print(table)
