"""``ranvier report``: the page over what a build folder holds."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(report)


def report(
    model: Annotated[str, typer.Argument(help="A .nir file, a .toml configuration or the name of a preset.")],
    mesh: Annotated[str | None, typer.Option(help="Cores that it was generated with, such as 4x4.")] = None,
    build: Annotated[Path | None, typer.Option(help="The build folder.  [default: build/NAME]")] = None,
) -> None:
    """Write report.html and report.json into the build folder of MODEL, over what is there.

    Of a network to be trained: training.html, over its training.
    """
    from ..builds import mesh_of
    from ..config import load_configuration
    from ..report import write_report
    from ..report.mesh import write_mesh_report
    from ..training.writing import write_page

    size = mesh_of(model, mesh)
    if size is not None:
        name = size.named(load_configuration(model).name)
        print(f"{write_mesh_report(build or Path('build') / name)} written")
        return
    configuration = load_configuration(model)
    folder = build or Path("build") / configuration.name
    if configuration.training is None:
        write_report(folder)
        print(f"{folder / 'report.html'} and report.json written")
    else:
        print(f"{write_page(folder)} written")
