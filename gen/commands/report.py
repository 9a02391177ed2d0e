"""``ranvier report``: the page over what a build folder holds."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(
    model: Annotated[str, typer.Argument(help="A .nir file, a .toml configuration or the name of a preset.")],
    build: Annotated[Path | None, typer.Option(help="The build folder.  [default: build/NAME]")] = None,
) -> None:
    """Write report.html and report.json into the build folder of MODEL, over what is there.

    Of a network to be trained: training.html, over its training.
    """
    from ..config import load_configuration
    from ..report import write_report
    from ..training.writing import write_page

    configuration = load_configuration(model)
    folder = build or Path("build") / configuration.name
    if configuration.training is None:
        write_report(folder)
        print(f"{folder / 'report.html'} and report.json written")
    else:
        print(f"{write_page(folder)} written")
