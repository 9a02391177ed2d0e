"""``ranvier import``: a PyTorch module of snnTorch, SpikingJelly or Norse as a model that the other commands take."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from ..importer.importing import Imported


def register(app: typer.Typer) -> None:
    app.command("import")(import_)


def import_(
    source: Annotated[str, typer.Argument(metavar="MODULE.py:FUNCTION", help="A function that returns the module.")],
    output: Annotated[Path, typer.Option(help="Folder to write FUNCTION.nir and FUNCTION.toml into.")] = Path(),
    steps: Annotated[int | None, typer.Option(min=1, help="Time steps of a sample.  [default: 16]")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the spikes that both are compared on.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Read a trained PyTorch module directly, where NIR would lose what it means.

    FUNCTION takes no argument and returns (module, input_shape). This runs MODULE.py, as Python would.
    """
    from rich.console import Console

    from ..errors import RanvierError

    try:
        import torch  # noqa: F401
    except ImportError:
        raise RanvierError("ranvier import needs PyTorch: pip install 'ranvier[train]'") from None
    from ..importer.importing import import_module

    console, stderr = Console(highlight=False), Console(stderr=True, highlight=False)
    with stderr.status(f"importing {source}"):
        done = import_module(source, output, steps, seed, force)
    console.print(_table(done))
    for name, note in done.draft.notes.items():
        console.print(f"approximated: {name}: {note}", markup=False, soft_wrap=True)
    console.print(done.comparison.summary(), markup=False, soft_wrap=True)
    if done.comparison.differing and not done.draft.notes:
        console.print(
            "[red]spikes differ though nothing is approximated: do not trust this file, and tell Ranvier's authors[/]",
            soft_wrap=True,
        )
    if not done.comparison.fired:
        console.print(
            "[yellow]no output spikes, so that this comparison says little: raise the weights or --steps[/]",
            soft_wrap=True,
        )
    console.print(
        f"{done.model} and {done.configuration.name} written; next: ranvier check {done.model}",
        markup=False,
        soft_wrap=True,
    )


def _table(done: "Imported") -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for column in ("node", "type", "shape"):
        table.add_column(column, overflow="fold")
    for name, node in done.draft.nodes.items():
        shape = " × ".join(str(n) for n in done.draft.shapes[name])
        table.add_row(escape(name), type(node).__name__, shape)
    return table
