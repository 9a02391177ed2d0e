"""The fields of the ``[training]`` table as a table in Markdown: ``python -m ranvier.gen.training.reference``.

docs/training.md holds it.
"""

import json
import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic_core import PydanticUndefined

from ..section import Section
from .config import Training


def reference() -> str:
    """Name, default and meaning of every field."""
    rows = ["| field | default | meaning |", "|---|---|---|", *_rows(Training, "training")]
    return "\n".join(rows) + "\n"


def _rows(section: type[Section], path: str) -> Iterator[str]:
    tables = []
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            tables.append((field.annotation, f"{path}.{name}"))
            continue
        meaning = " ".join((field.description or "").split())
        yield f"| `{path}.{name}` | {_default(field.get_default())} | {meaning}{_choices(field.annotation)} |"
    for table, where in tables:
        yield from _rows(table, where)


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "must be given"
    return "left out" if value is None else f"`{json.dumps(value)}`"


def _choices(annotation: Any) -> str:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    kinds = typing.get_args(annotation) if union else (annotation,)
    names = [name for kind in kinds if typing.get_origin(kind) is typing.Literal for name in typing.get_args(kind)]
    return f" One of {', '.join(f'`{name}`' for name in names)}." if names else ""


if __name__ == "__main__":
    print(reference(), end="")
