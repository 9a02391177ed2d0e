"""The report over a mesh's build folder: where the layers lie, and the traffic of each link."""

import json
import re
from html import escape
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ranvier.golden.routing import LOCAL, OFFSETS
from ranvier.hw.manycore.config import bridge_row

from ..errors import RanvierError
from ..files import written_aside
from .figures import drawing
from .metrics import metric_rows
from .page import figures, number, percent, si

PITCH, TILE, EDGE, GAP = 118, 74, 16, 24  # in pixels: from tile to tile, a tile's side, the margin, between chips
_APART = 9  # the two directions of a link


def write_mesh_report(folder: Path) -> Path:
    """Write ``report.html`` over what ``folder`` holds, and return its path. Raises RanvierError."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ranvier.gen.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"number": number, "percent": percent, "si": si, "figures": figures}
    manifest = _read(folder / "manifest.json")
    simulation = _read(folder / "sim.json") if (folder / "sim.json").exists() else None
    syntheses = [
        _read(path) | {"what": (re.search(r"(tile_\d+_\d+|chip_\d+)$", path.stem) or ["the whole chip"])[0]}
        for path in sorted(folder.glob("synth_*.json"))
    ]
    page = environment.get_template("mesh.html.jinja").render(
        manifest=manifest,
        simulation=simulation,
        syntheses=syntheses,
        busiest=_busiest(simulation) if simulation else None,
        answers=metric_rows((simulation or {}).get("metrics")),
        map=heat_map(manifest, simulation),
        style=Markup(environment.get_template("style.css").render()),
    )
    path = folder / "report.html"
    with written_aside(path, "Report") as aside:
        aside.write_text(page, encoding="utf-8")
    return path


def heat_map(manifest: dict[str, Any], simulation: dict[str, Any] | None) -> Markup:
    """Tiles with what lies on them, and links, the busier the stronger; each with its share of cycles."""
    mesh = manifest["mesh"]
    chips, rows = manifest["chips"], mesh["height"]
    columns = chips[-1]["columns"][1] + 1
    bridges = {chip["columns"][1]: bridge_row(rows) for chip in chips[:-1]}  # rows of those behind a column
    tiles = {tuple(tile["place"]): tile for tile in manifest["tiles"]}
    layers = [layer["name"] for layer in manifest["layers"]]
    shared = {tile["layer"] for tile in manifest["tiles"] if tile["first_axon"]}
    parts = []
    places = [(x, y) for y in range(rows) for x in range(columns)]
    gate = tuple(mesh["gate"])
    if simulation is not None:
        highest = max([1, *(flits for ports in simulation["flits"].values() for flits in ports.values())])
        for x, y in places:
            for port, flits in simulation["flits"][f"{x},{y}"].items():
                beside = x + OFFSETS[port][0], y + OFFSETS[port][1]
                apart = beside[1] == y and bridges.get(min(x, beside[0]), y) != y
                if port != LOCAL and not apart and (beside in places or beside == gate):
                    share = flits / simulation["busy_cycles"]
                    parts.append(_link(_corner((x, y), mesh), _corner(beside, mesh), port, share, flits / highest))
    for chip in chips if len(chips) > 1 else []:
        west, east = chip["columns"]
        (left, top), (right, bottom) = _corner((west, 0), mesh), _corner((east, rows - 1), mesh)
        size = f'width="{right - left + TILE + EDGE}" height="{bottom - top + TILE + EDGE}"'
        parts.append(f'<rect class="chip" x="{left - EDGE / 2}" y="{top - EDGE / 2}" {size} rx="12"/>')
    for place in [*places, gate]:
        left, top = _corner(place, mesh)
        tile = tiles.get(place)
        style = "rest" if tile is None else f"layer layer{layers.index(tile['layer']) % 4}"
        parts.append(f'<rect class="{style}" x="{left}" y="{top}" width="{TILE}" height="{TILE}" rx="8"/>')
        lines = ["gate"] if place == gate else []
        if tile is not None:
            lines = [tile["layer"][:11], _range(tile, "first", "neurons")]
            if tile["layer"] in shared:
                lines.append(f"of {_range(tile, 'first_axon', 'axons')}")
        for index, line in enumerate(lines):
            styled = "name mid" if index == 0 else "count"
            y_text = top + TILE / 2 + 4 + 16 * index - 8 * (len(lines) - 1)
            parts.append(f'<text class="{styled}" x="{left + TILE / 2}" y="{y_text}">{escape(line)}</text>')
    right, bottom = _corner((columns - 1, rows), mesh)
    width, height = right + TILE + EDGE, bottom + TILE + EDGE
    return drawing(width, height, "Tiles and the traffic of the links between them", parts)


def _corner(place: tuple[int, ...], mesh: dict[str, Any]) -> tuple[int, int]:
    return EDGE + PITCH * place[0] + GAP * (place[0] // mesh["width"]), EDGE + PITCH * place[1]


def _range(tile: dict[str, Any], first: str, count: str) -> str:
    return f"{tile[first]}–{tile[first] + tile[count] - 1}"


def _link(corner: tuple[int, int], beside: tuple[int, int], port: str, share: float, strength: float) -> str:
    """An arrow from the tile at ``corner`` out of ``port`` to the one ``beside``, with its share of cycles."""
    right, down = OFFSETS[port]
    left, top = corner
    centre_x, centre_y = left + TILE / 2, top + TILE / 2
    # The two directions of a link run beside each other, each on its right-hand side.
    x1, y1 = centre_x + right * TILE / 2 - down * _APART, centre_y + down * TILE / 2 + right * _APART
    length = abs(beside[0] - left) + abs(beside[1] - top) - TILE
    x2, y2 = x1 + right * length, y1 + down * length
    tip_x, tip_y = x2 - right * 7, y2 - down * 7
    head = f"M{x2},{y2} L{tip_x - down * 4},{tip_y - right * 4} L{tip_x + down * 4},{tip_y + right * 4} Z"
    width = 1 + 7 * strength
    label_x, label_y = (x1 + x2) / 2 - down * 12, (y1 + y2) / 2 + right * 13 + (3 if down else (4 if right > 0 else -2))
    anchor = "end" if down > 0 else ("" if down < 0 else "mid")
    arrow = (
        f'<g opacity="{0.25 + 0.75 * strength:.2f}"><path class="link" stroke-width="{width:.1f}" '
        f'd="M{x1},{y1} L{tip_x},{tip_y}"/><path class="route" d="{head}"/></g>'
    )
    label = f'<text class="tick {anchor}" x="{label_x:.0f}" y="{label_y:.0f}">{share:.1%}</text>'
    return arrow + (label if share else "")


def _busiest(simulation: dict[str, Any]) -> dict[str, Any]:
    flits, place, port = max(
        (flits, place, port) for place, ports in simulation["flits"].items() for port, flits in ports.items()
    )
    return {"place": place, "port": port, "share": flits / max(simulation["busy_cycles"], 1)}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RanvierError(f"Build {path.parent} must have {path.name}: run 'ranvier generate' first") from None
    except (OSError, ValueError) as error:
        raise RanvierError(f"File {path} is damaged ({error}): make it again") from None
