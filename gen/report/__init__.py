"""The report over a build folder: ``report.html`` for people, ``report.json`` for scripts."""

import json
from pathlib import Path

from ..files import written_aside
from .data import read_build
from .page import render
from .summary import summarise


def write_report(folder: Path) -> None:
    """Write ``report.html`` and ``report.json`` over what ``folder`` holds; raises RanvierError."""
    build = read_build(folder)
    summary = summarise(build)
    contents = {"report.html": render(build, summary), "report.json": json.dumps(summary, indent=2) + "\n"}
    for name, text in contents.items():
        with written_aside(folder / name, "Report") as aside:
            aside.write_text(text, encoding="utf-8")
