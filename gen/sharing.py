"""One module for all that are the same, submodules included."""

import re

_MODULE = re.compile(r"^(?:attribute .*\n)*module (\\\S+)\n(?:.*\n)*?end\n", re.MULTILINE)
_CELL = re.compile(r"^(  cell )(\\\S+) ", re.MULTILINE)


def share_modules(rtlil: str) -> str:
    """``rtlil`` (of :func:`.names.readable`) with every module once, however often it is used.

    A module that stands for several is named by what their paths have in common: ``chip__router__buffer`` for
    ``chip__router_0_0__buffer_north`` and ``chip__router_1_0__buffer_south``.
    """
    start = _MODULE.search(rtlil)
    assert start is not None, "no module"
    texts = {match[1]: match[0] for match in _MODULE.finditer(rtlil)}
    same: dict[str, list[str]] = {}  # text without its own name, submodules by the first of their kind → names
    first: dict[str, str] = {}
    for name, text in reversed(texts.items()):  # submodules stand behind the modules that use them
        text = _CELL.sub(lambda cell: f"{cell[1]}{first.get(cell[2], cell[2])} ", text)
        alike = same.setdefault(text.replace(f"module {name}\n", "module\n", 1), [])
        alike.append(name)
        first[name] = alike[0]
    names: dict[str, str] = {}
    taken: set[str] = set()
    for alike in same.values():
        name = common = _common(alike)
        number = 2
        while name in taken:
            name, number = f"{common}_{number}", number + 1
        taken.add(name)
        names |= dict.fromkeys(alike, name)
    kept = []
    for name, text in texts.items():
        if first[name] == name:
            text = _CELL.sub(lambda cell: f"{cell[1]}{names.get(cell[2], cell[2])} ", text)
            kept.append(text.replace(f"module {name}\n", f"module {names[name]}\n", 1))
    return rtlil[: start.start()] + "".join(kept)


def _common(names: list[str]) -> str:
    """What the paths of ``names`` have in common, part by part."""
    paths = [name[1:].split("__") for name in names]
    depth = min(map(len, paths))
    parts = [_prefix([path[level] for path in paths]) for level in range(depth)]
    parts = [part if len(names) == 1 else part.rstrip("0123456789_") for part in parts]
    if not all(parts):  # not alike in between: the first parts and the last ones
        parts = [parts[0], _prefix([path[-1] for path in paths]).rstrip("0123456789_")]
    return "\\" + "__".join(parts) if all(parts) else names[-1]


def _prefix(texts: list[str]) -> str:
    """The letters that all ``texts`` begin with."""
    least, most = min(texts), max(texts)
    length = next((place for place, (a, b) in enumerate(zip(least, most, strict=False)) if a != b), len(least))
    return least[:length]
