"""The report over a build folder: ``report.html`` for people, ``report.json`` for scripts."""

import json
from pathlib import Path

from ..errors import RanvierError
from .data import read_build
from .page import render
from .summary import summarise


def write_report(folder: Path) -> None:
    """Write ``report.html`` and ``report.json`` over what ``folder`` holds; raises RanvierError."""
    build = read_build(folder)
    summary = summarise(build)
    _replace(folder / "report.html", render(build, summary))
    _replace(folder / "report.json", json.dumps(summary, indent=2) + "\n")


def _replace(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.new")
    try:
        aside.write_text(text)
        aside.replace(path)
    except OSError as error:
        raise RanvierError(f"File {path} must be writable: {error.strerror}") from None
