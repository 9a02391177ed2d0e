"""What of a design is driven and observed, checked against its ports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .hierarchy import Hierarchy, Wire

Probes = Mapping[str, tuple[str, Sequence[str]]]


@dataclass(frozen=True)
class Interface:
    """Streams and probes of module ``top``; see :class:`CompiledModel`. Raises ValueError where they do not exist.

    ``flat``: all modules are compiled as one.
    """

    hierarchy: Hierarchy
    sources: tuple[str, ...]
    sinks: tuple[str, ...]
    probes: dict[str, tuple[str, tuple[str, ...]]]
    flat: bool = True

    @classmethod
    def of(
        cls, rtlil: str, top: str, sources: Sequence[str], sinks: Sequence[str], probes: Probes, flat: bool = True
    ) -> "Interface":
        """Take ``sources``, ``sinks`` and ``probes`` of module ``top`` of ``rtlil``."""
        kept = {name: (valid, tuple(signals)) for name, (valid, signals) in probes.items()}
        return cls(Hierarchy(rtlil, top), tuple(sources), tuple(sinks), kept, flat)

    def __post_init__(self) -> None:
        for name in ("clk", "rst"):
            self._require(name, "input", 1)
        for streams, forward, backward in ((self.sources, "input", "output"), (self.sinks, "output", "input")):
            for name in streams:
                self._require(f"{name}__payload", forward)
                self._require(f"{name}__valid", forward, 1)
                self._require(f"{name}__ready", backward, 1)
        for name, (valid, _) in self.probes.items():
            if self.hierarchy.signal(valid).width != 1:
                raise ValueError(f"Probe {name} must be valid by a signal of 1 bit, not {valid}")

    @cached_property
    def signals(self) -> dict[str, Wire]:
        """All that can be read: ports, then the probed signals."""
        return self.hierarchy.ports | {name: self.hierarchy.signal(name) for name in self.probed}

    @property
    def probed(self) -> list[str]:
        """Hierarchical names of the signals of all probes, each once."""
        names = [name for valid, signals in self.probes.values() for name in (valid, *signals)]
        return list(dict.fromkeys(names))

    @cached_property
    def driven(self) -> set[str]:
        """Ports that the simulation itself drives."""
        ports = {f"{name}__{part}" for name in self.sources for part in ("payload", "valid")}
        return ports | {f"{name}__ready" for name in self.sinks} | {"clk"}

    def _require(self, name: str, direction: str, width: int | None = None) -> None:
        port = self.hierarchy.ports.get(name)
        if port is None or port.direction != direction or (width is not None and port.width != width):
            bits = "" if width is None else f" of {width} bit"
            raise ValueError(f"Module {self.hierarchy.top} must have an {direction} {name}{bits}")


def place(kind: str, names: tuple[str, ...], name: str) -> int:
    """The number of ``name`` among ``names``. Raises ValueError."""
    if name not in names:
        raise ValueError(f"Model has no {kind} {name}, only {', '.join(names) or 'none'}")
    return names.index(name)
