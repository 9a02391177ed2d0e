"""``ranvier init``: a configuration to start from, with every field explained."""

import json
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..section import Section


def register(app: typer.Typer) -> None:
    app.command()(init)


def init(
    path: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")] = Path("network.toml"),
    framework: Annotated[str, typer.Option(help="Whose network it is: its time steps, reset and comparison.")] = "nir",
) -> None:
    """Write a commented configuration to PATH, for the network of the same name beside it."""
    from ..config import Discretisation
    from ..errors import RanvierError
    from ..files import written_aside
    from ..identifiers import identifier

    if path.suffix != ".toml":
        raise RanvierError(f"Configuration {path} must end in .toml")
    if path.exists():
        raise RanvierError(f"Configuration {path} exists; remove it or choose another name")
    known = typing.get_args(Discretisation.model_fields["framework"].annotation)
    if framework not in known:
        raise RanvierError(f"Framework must be one of {', '.join(known)}, not '{framework}'")
    text = template({"name": identifier(path.stem, "network"), "model": f"{path.stem}.nir", "framework": framework})
    with written_aside(path, "Configuration") as aside:
        aside.write_text(text, encoding="utf-8")
    print(f"{path} written; next: ranvier check {path}")


def template(given: dict[str, Any]) -> str:
    """TOML text of every field of the configuration: ``given`` values and defaults set, others commented out."""
    from ..config import Configuration

    return "\n".join(_section(Configuration, [], given, optional=False)) + "\n"


def _section(section: "type[Section]", path: list[str], given: dict[str, Any], optional: bool) -> list[str]:
    lines, tables = _comment(section.__doc__), []
    if path:
        lines.append(f"{'# ' if optional else ''}[{'.'.join(path)}]")
    for name, field in section.model_fields.items():
        inner = _table_type(field.annotation)
        if inner is not None:
            values = given if name == "discretisation" else {}
            tables += ["", *_section(inner, [*path, name], values, optional or field.default is None)]
            continue
        value = given.get(name, field.get_default())
        unset = optional or value is None or (field.is_required() and name not in given)
        lines += _comment(field.description, _values(field.annotation))
        lines.append(f"{'# ' if unset else ''}{name} = {_toml(value)}".rstrip())
    return lines + tables


def _comment(*texts: str | None) -> list[str]:
    import textwrap

    text = " ".join(" ".join(text.split()) for text in texts if text)
    return textwrap.wrap(text, width=100, initial_indent="# ", subsequent_indent="# ")


def _toml(value: Any) -> str:
    """A default as TOML, which JSON is for the kinds that occur; nothing where there is none."""
    from pydantic_core import PydanticUndefined

    return "" if value is None or value is PydanticUndefined else json.dumps(value)


def _table_type(annotation: Any) -> "type[Section] | None":
    from ..section import Section

    kinds = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)), None)


def _values(annotation: Any) -> str:
    """The values that a Literal allows, as a sentence."""
    kinds = [annotation, *typing.get_args(annotation)]
    literal = next((kind for kind in kinds if typing.get_origin(kind) is typing.Literal), None)
    return "" if literal is None else f"One of {', '.join(json.dumps(value) for value in typing.get_args(literal))}."
