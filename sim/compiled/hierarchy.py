"""What RTLIL text says of its modules: signals, ports and instances."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

_WIDTH = re.compile(r" width (\d+) ")
_DIRECTION = re.compile(r" (input|output) \d+ ")


@dataclass(frozen=True)
class Wire:
    """``direction``: None for what is no port."""

    width: int
    direction: Literal["input", "output"] | None


@dataclass
class _Module:
    wires: dict[str, Wire] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)  # instance → module


@dataclass(frozen=True)
class Hierarchy:
    """The modules of ``rtlil`` below ``top``."""

    rtlil: str
    top: str

    def __post_init__(self) -> None:
        if self.top not in self._modules:
            raise ValueError(f"Design must have a module {self.top}, it has {', '.join(self._modules)}")

    @property
    def ports(self) -> dict[str, Wire]:
        """Ports of the top module."""
        return {name: wire for name, wire in self._modules[self.top].wires.items() if wire.direction}

    def signal(self, path: str) -> Wire:
        """The signal with a hierarchical name, instances from the top module's, '.' between them."""
        module, name = self.module(path), path.rpartition(".")[2]
        if name not in self._modules[module].wires:
            raise ValueError(f"Signal {path} does not exist: module {module} has no signal {name}")
        return self._modules[module].wires[name]

    def module(self, path: str) -> str:
        """The module that the signal with a hierarchical name lies in."""
        module = self.top
        for instance in path.split(".")[:-1]:
            if self._modules[module].cells.get(instance) not in self._modules:
                raise ValueError(f"Signal {path} does not exist: module {module} has no instance {instance}")
            module = self._modules[module].cells[instance]
        return module

    @cached_property
    def _modules(self) -> dict[str, _Module]:
        modules: dict[str, _Module] = {}
        module = _Module()
        for line in self.rtlil.splitlines():
            kind, _, rest = line.strip().partition(" ")
            if kind == "module":
                module = modules.setdefault(rest.removeprefix("\\"), _Module())
            elif kind == "wire":
                name = rest.rpartition(" ")[2]
                width, direction = _WIDTH.search(line), _DIRECTION.search(line)
                module.wires[name.removeprefix("\\")] = Wire(
                    int(width[1]) if width else 1, _direction(direction[1]) if direction else None
                )
            elif kind == "cell":
                of, _, name = rest.partition(" ")
                module.cells[name.removeprefix("\\")] = of.removeprefix("\\")
        return modules


def _direction(text: str) -> Literal["input", "output"]:
    return "input" if text == "input" else "output"
