"""The Verilog of one design under cocotb, as Python drives it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ranvier.gen.errors import RanvierError

from ..compiled.interface import Interface, Probes, place
from ..compiled.stalls import draws
from ..compiled.words import Words, integers, pack_words
from ..request import Simulator
from ..simulators import require
from .bench import loose, watchable
from .build import DEFAULT_CACHE, prepare
from .connection import Connection

_NONE: Mapping[str, int] = MappingProxyType({})
_NO_PROBES: Probes = MappingProxyType({})
_FOREVER = 1 << 62


@dataclass
class _Recording:
    """Lines of a file of the bench, each a cycle and as many words as there are ``widths``; taken or yet to be."""

    widths: list[int]
    cycles: list[int] = field(default_factory=list)
    words: list[list[int]] = field(default_factory=list)
    taken_cycles: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint64))

    def read(self, path: Path) -> None:
        """Add the lines of ``path``. Raises RanvierError where a bit is neither 0 nor 1."""
        for line in path.read_text().splitlines():
            try:
                cycle, *words = (int(word, 16) for word in line.split())
            except ValueError:
                raise RanvierError(
                    f"Simulation must record bits that are 0 or 1 in {path.stem}, not {line!r}"
                ) from None
            self.cycles.append(cycle)
            self.words.append(words)

    def take(self) -> list[np.ndarray]:
        """Each column as uint64 ``[n, chunks]``."""
        columns = [pack_words([line[index] for line in self.words], width) for index, width in enumerate(self.widths)]
        self.taken_cycles = np.array(self.cycles, np.uint64)
        self.cycles, self.words = [], []
        return columns


class CosimModel:
    """The Verilog of a design, its registers starting as it says, in Icarus or Verilator.

    It does what :class:`ranvier.sim.compiled.CompiledModel` does, in the same cycles; :mod:`ranvier.sim.training.speed`
    measures how much slower. The simulator runs in a process of its own, which lives as long as this object; Python
    waits while it runs, and simulated time stands still while Python does something else. The names of probed signals
    must begin with ``probe_``.

    ``edit`` changes the Verilog before it is compiled. A value with a bit that is neither 0 nor 1, where it is
    transferred or recorded, ends the simulation, and so does a run that did not reach its end.

    Raises ValueError where the design has no such port or signal, RanvierError where it cannot be simulated.
    """

    def __init__(
        self,
        rtlil: str,
        top: str,
        *,
        sources: Sequence[str],
        sinks: Sequence[str],
        probes: Probes = _NO_PROBES,
        simulator: Simulator = "icarus",
        edit: Callable[[str], str] = str,
        cache_dir: Path = DEFAULT_CACHE,
    ) -> None:
        require(simulator)
        self._interface = interface = Interface.of(rtlil, top, sources, sinks, probes)
        self._connection = Connection(simulator, prepare(interface, simulator, edit, cache_dir))
        self._state = self._connection.ask(do="stall", threshold=0, seeds={})
        self._queues: dict[str, list[int]] = {name: [] for name in interface.sources}
        self._sent = {name: _Recording([]) for name in interface.sources}
        self._received = {name: _Recording([self._width(f"{name}__payload")]) for name in interface.sinks}
        self._recorded = {
            name: _Recording([self._width(signal) for signal in signals])
            for name, (_, signals) in interface.probes.items()
        }

    @property
    def cycles(self) -> int:
        """Clocks since construction, those of resets included."""
        return int(self._state["cycles"])

    @property
    def cpu_seconds(self) -> float:
        """What the simulator's process has computed in all runs."""
        return float(self._state["cpu_seconds"])

    def close(self) -> None:
        """End the simulator's process."""
        self._connection.close()

    def reset(self, cycles: int = 2) -> None:
        """Hold ``rst`` for ``cycles``; forgets words that were not taken, keeps what was received and recorded."""
        if cycles < 1:
            raise ValueError(f"Cycles of a reset must be at least 1, not {cycles}")
        for queue in self._queues.values():
            queue.clear()
        self._state = self._connection.ask(do="reset", cycles=cycles)

    def send(self, source: str, words: Words) -> None:
        """Queue ``words``: integers of the payload's width, or uint64 ``[n, chunks]``."""
        self._queues[source] += integers(pack_words(words, self._width(f"{source}__payload")))

    def run(self, *, receive: Mapping[str, int] = _NONE, idle: str | None = None, limit: int) -> int:
        """Clock until all sources are empty, sinks have got the words that ``receive`` says, and output ``idle`` is 1.

        Each counts from this call on. Returns the cycles that it took, 0 if all was so already. Raises RanvierError
        after ``limit`` cycles.
        """
        if limit < 0:
            raise ValueError(f"Limit must not be negative, as {limit} is")
        interface, start, files = self._interface, self.cycles, self._connection.run
        outputs = watchable(interface)
        if idle is not None and idle not in outputs:
            raise ValueError(f"Module {interface.hierarchy.top} must have an output {idle} of 1 bit")
        self._connection.check()
        for name, queue in self._queues.items():
            (files / f"{name}.words").write_text("".join(f"{word:x}\n" for word in queue))
        self._state = self._connection.ask(
            do="run",
            receive={name: receive.get(name, 0) for name in interface.sinks},
            words=sum(map(len, self._queues.values())),
            idle=idle,
            watched=0 if idle is None else 1 + outputs.index(idle),
            limit=min(limit, _FOREVER),
        )
        if self.cycles > start:
            try:
                self._collect(files)
            except RanvierError:
                self.close()
                raise
        if self._state["unknown"]:
            raise self._ended(f"must have known valid and ready, but {self._state['unknown']} cycles had not")
        if not self._state["finished"]:
            raise self._ended(f"did not end within {limit} cycles: {self._progress(receive, idle)}")
        for queue in self._queues.values():
            queue.clear()
        return self.cycles - start

    def received(self, sink: str) -> np.ndarray:
        """Take the words that came out of ``sink``: uint64 ``[n, chunks]``."""
        return self._received[sink].take()[0]

    def received_cycles(self, sink: str) -> np.ndarray:
        """The cycle of each word that the last :meth:`received` took."""
        return self._received[sink].taken_cycles

    def sent_cycles(self, source: str) -> np.ndarray:
        """The cycle in which each word was taken, of those since the last :meth:`send`."""
        return np.array(self._sent[source].cycles, np.uint64)

    def recorded(self, probe: str) -> list[np.ndarray]:
        """Take what ``probe`` recorded: for each of its signals uint64 ``[n, chunks]``."""
        return self._recorded[probe].take()

    def recorded_cycles(self, probe: str) -> np.ndarray:
        """The cycle of each record that the last :meth:`recorded` took."""
        return self._recorded[probe].taken_cycles

    def read(self, name: str) -> int:
        """The value of an output that belongs to no stream, between two clocks. Raises RanvierError where it has a bit
        that is neither 0 nor 1."""
        place("output", tuple(loose(self._interface, "output")), name)
        self._state = self._connection.ask(do="read", name=name)
        try:
            return int(self._state["value"], 2)
        except ValueError:
            raise RanvierError(f"Output {name} must be known, not {self._state['value']}") from None

    def write(self, name: str, value: int) -> None:
        """Set an input that belongs to no stream, until it is written again; first it is 0."""
        place("input", tuple(loose(self._interface, "input")), name)
        pack_words([value], self._width(name))
        self._state = self._connection.ask(do="write", name=name, value=value)

    def stall(self, seed: int | None, share: float) -> None:
        """From now on, each stream pauses in a random ``share`` of the cycles in which it may; ``seed`` None: never."""
        threshold, seeds = draws(seed, share, [*self._interface.sources, *self._interface.sinks])
        self._state = self._connection.ask(do="stall", threshold=threshold, seeds=seeds)

    def _collect(self, files: Path) -> None:
        for name, queue in self._queues.items():
            if queue:
                self._sent[name] = _Recording([])
                self._sent[name].read(files / f"{name}.cycles")
        for prefix, recordings in (("", self._received), ("probe_", self._recorded)):
            for name, recording in recordings.items():
                recording.read(files / f"{prefix}{name}.words")

    def _progress(self, receive: Mapping[str, int], idle: str | None) -> str:
        state = []
        for name, queue in self._queues.items():
            taken = len(self._sent[name].cycles) if queue else 0
            state.append(f"{name} has taken {taken} of {len(queue)} words")
        for name in self._received:
            wanted = f" of {receive[name]}" if name in receive else ""
            state.append(f"{name} has sent {self._state['received'][name]}{wanted} words")
        if idle is not None:
            state.append(f"{idle} is {self._state['idle']}")
        return ", ".join(state)

    def _ended(self, why: str) -> RanvierError:
        self.close()
        return RanvierError(f"Simulation of {self._interface.hierarchy.top} {why}")

    def _width(self, name: str) -> int:
        return self._interface.signals[name].width
