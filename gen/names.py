"""Readable names: Amaranth's RTLIL with plain Verilog identifiers and meaningful ports."""

import re
from collections.abc import Iterable, Iterator

_WIRE = re.compile(r"^  wire .*?(?:(input|output) \d+ +)?(?:signed )?(\\\S+)$")
_PUBLIC = re.compile(r"\\[^\s{}]+")
_ALIAS = re.compile(r"^connect (\\\S+) (.*)$")

_NUMBERED = re.compile(r"^module (\\\S+?)\d+\n", re.MULTILINE)
_CELL = re.compile(r"^  cell (\\\S+) ", re.MULTILINE)


def readable(rtlil: str) -> str:
    """``rtlil`` with every public name a plain identifier, the same input giving the same names.

    A module is named by its path (``chip__layer__emit``). ``name$3``, Amaranth's way to tell namesakes apart, becomes
    ``name_3``; a port that Amaranth could not name (``port$17$0``) is named after the signal it is part of.
    """
    modules = list(_modules(rtlil))
    wires = {name: _wire_names(lines) for name, lines in modules}
    return _share("".join(_rename(lines, wires[name], wires)) for name, lines in modules)


def _share(modules: Iterable[str]) -> str:
    """One module for all that differ in nothing but the number that ends their names: ``lane`` for ``lane0`` …"""
    texts = list(modules)
    families: dict[str, dict[str, str]] = {}  # name without number → full name → text without the name
    for text in texts:
        if match := _NUMBERED.search(text):
            families.setdefault(match[1], {})[match[0]] = text[: match.start()] + text[match.end() :]
    shared = {
        full: stem
        for stem, family in families.items()
        if len(family) > 1 and len(set(family.values())) == 1
        for full in family
    }
    kept: dict[str, str] = {}
    for text in texts:
        match = _NUMBERED.search(text)
        if match is None or match[0] not in shared:
            kept[text] = text
        else:
            kept.setdefault(shared[match[0]], text.replace(match[0], f"module {match[1]}\n", 1))
    names = {full.split()[1]: stem for full, stem in shared.items()}
    return _CELL.sub(lambda cell: f"  cell {names.get(cell[1], cell[1])} ", "".join(kept.values()))


def _modules(rtlil: str) -> Iterator[tuple[str, list[str]]]:
    """Every module's name and its lines, with what stands before it."""
    lines: list[str] = []
    name = ""
    for line in rtlil.splitlines(keepends=True):
        lines.append(line)
        if line.startswith("module "):
            name = line.split()[1]
        elif line == "end\n":
            yield name, lines
            lines = []


def _plain(name: str) -> str:
    text = re.sub(r"\W", "_", name[1:].replace("[", "_").replace("]", "")).strip("_")
    return "\\" + (text if text[:1].isalpha() else f"t{text}")


def _module(path: str) -> str:
    """A module's path with ``__`` between its parts, which none of them contains."""
    return "\\" + "__".join(_plain(f"\\{part}")[1:] for part in path[1:].split("."))


def _wire_names(lines: list[str]) -> dict[str, str]:
    """New names of a module's wires."""
    wires = {match[2]: match[1] is not None for line in lines if (match := _WIRE.match(line))}  # name → is it a port
    aliases: dict[str, str] = {}
    for line in lines:
        match = _ALIAS.match(line)
        if match and "$" in match[2] and "$" not in match[1]:
            parts = _PUBLIC.findall(match[2])
            for index, part in enumerate(reversed(parts)):
                alias = match[1] if len(parts) == 1 else f"{match[1]}_{index}"
                aliases[part] = min(aliases.get(part, alias), alias)
    names: dict[str, str] = {}
    taken: set[str] = set()
    # The plainest keep their names; a port that Amaranth numbered or could not name goes by another name of its signal.
    for wire in sorted(wires, key=lambda wire: (not wires[wire], "$" in wire, "." in wire)):
        alias = _plain(aliases[wire]) if "$" in wire and wire in aliases else _plain(wire)
        name = alias if alias not in taken else _plain(wire)
        while name in taken:
            name += "_"
        taken.add(name)
        names[wire] = name
    return names


def _rename(lines: list[str], own: dict[str, str], modules: dict[str, dict[str, str]]) -> Iterator[str]:
    cell: dict[str, str] | None = None  # names of the ports of the cell that the line belongs to
    for line in lines:
        if line.startswith("module "):
            yield _PUBLIC.sub(lambda match: _module(match[0]), line)
        elif line.startswith("  cell "):
            kind, name = line.split()[1:3]
            cell = modules.get(kind, {})
            kind = _module(kind) if kind in modules else kind
            yield f"  cell {kind} {name if name.startswith('$') else _plain(name)}\n"
        elif line.startswith("  end"):
            cell = None
            yield line
        elif cell is not None and line.startswith("    connect "):
            _, port, value = line.split(maxsplit=2)
            yield f"    connect {cell.get(port, port)} {_substitute(value, own)}"
        else:
            yield line if line.lstrip().startswith("parameter") else _substitute(line, own)


def _substitute(text: str, names: dict[str, str]) -> str:
    return _PUBLIC.sub(lambda match: names.get(match[0], match[0]), text)
