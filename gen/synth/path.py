"""The critical path in terms of the source: from nextpnr's cells and Yosys' netlist to instances and signals."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

_SUFFIX = re.compile(r"(\$.*|_LC|_DFFLC|_CARRY_PASS.*)$")  # what nextpnr's packers append to a cell's name
_SOURCE = re.compile(r"(?:^|\|)([^|]*\.py:\d+)")
_PLACE = re.compile(r".*?((?:ranvier|hw|gen|amaranth)/[^|]*)$")
_KINDS = {
    "LUT4": "LUT",
    "PFUMX": "LUT",
    "L6MUX21": "LUT",
    "SB_LUT4": "LUT",
    "CCU2C": "carry",
    "SB_CARRY": "carry",
    "TRELLIS_FF": "register",
    "DP16KD": "block RAM",
    "PDPW16KD": "block RAM",
    "MULT18X18D": "multiplier",
    "TRELLIS_DPR16X4": "LUT RAM",
}


@dataclass(frozen=True)
class Hop:
    """A stretch of the path: the logic in ``cells`` (kind → number), and the routing, up to and out of ``signal``.

    ``instance`` is the hierarchical path of the module that the stretch ends in (empty for the top module), ``signal``
    a hierarchical name, which may be that of a port it drives; ``source`` the line of the generator, where it is known.
    """

    instance: str
    signal: str
    cells: dict[str, int]
    logic_ns: float
    routing_ns: float
    source: str | None

    @property
    def inside(self) -> bool:
        """Whether ``signal`` is one of ``instance`` itself."""
        return not self.instance or self.signal.startswith(f"{self.instance}.")


class Netlist:
    """What the names in a mapped netlist meant in the source.

    ``module`` is the top module of Yosys' ``write_json``. Wires that were in the source carry the attribute
    ``source``, and cells that had no name there the instance they came from as ``scopename``.
    """

    def __init__(self, module: dict[str, Any]) -> None:
        self._cells: dict[str, dict[str, Any]] = module["cells"]
        self._memories = [name for name, cell in self._cells.items() if _kind(cell["type"]) == "block RAM"]
        self._registers = {  # by the bit at the data input
            cell["connections"][port][0]: name
            for name, cell in self._cells.items()
            if _kind(cell["type"]) == "register"
            for port in ("DI", "D")
            if cell["connections"].get(port)
        }
        self._bits: dict[str, int | str] = {}
        self._names: dict[int | str, list[tuple[str, ...]]] = {}
        for name, net in module["netnames"].items():
            *instance, leaf = net["attributes"].get("hdlname", name).split()
            for index, bit in enumerate(net["bits"]):
                suffix = f"[{index}]" if len(net["bits"]) > 1 else ""
                self._bits[name + suffix] = bit
                if "source" in net["attributes"]:
                    self._names.setdefault(bit, []).append((*instance, leaf + suffix))

    def cell(self, name: str) -> str | None:
        """The cell that nextpnr calls ``name``, without what its packer appended."""
        while name not in self._cells:
            shorter = _SUFFIX.sub("", name)
            if shorter == name:
                return None
            name = shorter
        return name

    def register(self, name: str) -> str:
        """The register that nextpnr packed behind the LUT called ``name``, or the cell itself."""
        output = self._cells[name]["connections"].get("O", [None])[0]
        return self._registers.get(output, name) if self.kind(name) == "LUT" else name

    def kind(self, name: str) -> str:
        """What the cell called ``name`` is, for people."""
        return _kind(self._cells[name]["type"])

    def scope(self, name: str) -> str | None:
        """Instance that the cell called ``name`` came from, where synthesis kept it."""
        scope: str | None = self._cells[name]["attributes"].get("scopename")
        return None if scope is None else scope.replace(" ", ".")

    def source(self, name: str) -> str | None:
        """Line of the generator that the cell called ``name`` came from."""
        lines = _SOURCE.findall(self._cells[name]["attributes"].get("src", ""))
        return _PLACE.sub(r"\1", lines[0]) if lines else None

    def net(self, name: str, scope: str | None) -> tuple[str, str] | None:
        """(instance, signal) of a net of nextpnr, by :meth:`bit`."""
        return self.bit(self._bits.get(name, self._bits.get(name.split("$")[0])), scope)

    def bit(self, bit: int | str | None, scope: str | None) -> tuple[str, str] | None:
        """(instance, signal) of a bit: of several names one in ``scope``, else the deepest."""
        names = self._names.get(bit, []) if bit is not None else []
        if not names:
            return None
        best = max(names, key=lambda parts: (".".join(parts[:-1]) == scope, len(parts)))
        return ".".join(best[:-1]) if scope is None else scope, ".".join(best)

    def point(self, name: str) -> tuple[str, str] | None:
        """(instance, signal) of the register, memory or multiplier called ``name``."""
        if self.kind(name) == "register":
            found = self.bit(self._cells[name]["connections"]["Q"][0], self.scope(name))
            if found:
                return found
        for memory in self._memories:
            if name.startswith(memory):  # the memory itself, or a register that Yosys made for it
                signal = re.sub(r"(\.\d+)+$", "", memory)
                return signal.rpartition(".")[0], signal
        scope = self.scope(name)
        return None if scope is None else (scope, f"{scope}.{self.kind(name)}")


def critical_path(report: dict[str, Any], netlist: Netlist) -> list[Hop]:
    """The slowest register-to-register path of a nextpnr report, as hops between points that the source names.

    Cells that synthesis made up have no name in the source: they are counted into the hop that ends at the next
    signal that has one. The first hop is the register or memory where the path starts.
    """
    paths = [path["path"] for path in report["critical_paths"] if "async" not in path["from"] + path["to"]]
    steps: list[dict[str, Any]] = max(paths, key=lambda path: sum(step["delay"] for step in path), default=[])
    hops: list[Hop] = []
    cells: list[str] = []
    logic = routing = 0.0
    counted: dict[str, int] = {}
    for index, step in enumerate(steps):
        edge = step["type"] in ("clk-to-q", "setup")
        end = "from" if step["type"] == "routing" else "to"
        name = netlist.cell(step[end]["cell"])
        if name and (edge or (index == 1 and end == "from")):
            name = netlist.register(name)
        found = None
        if step["type"] == "routing":
            routing += step["delay"]
            found = netlist.net(step["net"], netlist.scope(name) if name else None)
        else:
            logic += step["delay"]
            if name and name not in cells:
                cells.append(name)
            found = netlist.point(name) if name and edge else None
        if not found and index < len(steps) - 1:
            continue
        instance, signal = found or ("", step["to"]["cell"])
        source = netlist.source(name) if name and edge else None
        if hops and hops[-1].signal == signal and not cells:
            start = hops.pop()
            hops.append(replace(start, routing_ns=round(start.routing_ns + routing, 3)))
        else:
            if len(hops) > 1 and logic + routing == 0:  # a register right behind a named signal
                before = hops.pop()
                logic, routing, counted = before.logic_ns, before.routing_ns, before.cells
            kinds = dict(Counter(counted) + Counter(netlist.kind(cell) for cell in cells))
            hops.append(Hop(instance, signal, kinds, round(logic, 3), round(routing, 3), source))
        cells, logic, routing, counted = [], 0.0, 0.0, {}
    return hops


def _kind(cell_type: str) -> str:
    if cell_type.startswith("SB_DFF"):
        return "register"
    if cell_type.startswith("SB_RAM40"):
        return "block RAM"
    return _KINDS.get(cell_type, cell_type)
