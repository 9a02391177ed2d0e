"""The compiled simulation of one design, as Python drives it."""

import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ranvier.gen.errors import RanvierError

from .build import DEFAULT_CACHE, build_library
from .interface import Interface, Probes, place
from .library import copied, load_library, pointer
from .stalls import draws
from .words import Words, chunks_of, integers, pack_words

SLICE_CYCLES = 1 << 18  # between two looks at Ctrl-C
_NONE: Mapping[str, int] = MappingProxyType({})
_NO_PROBES: Probes = MappingProxyType({})


class CompiledModel:
    """A design with one clock ``clk`` and one synchronous reset ``rst`` (active high), compiled to machine code.

        send → source → design → sink → received
                           └ probes → recorded

    ``rtlil``: RTLIL text with readable names, ``top`` its top module. ``sources`` and ``sinks``: names of streams into
    and out of it, whose ports are ``<name>__payload``, ``<name>__valid`` and ``<name>__ready``. ``probes``: for each
    name a signal of one bit, and signals that are recorded in every cycle in which that one is 1, all by hierarchical
    names with '.' between instances. A compiled design is kept in ``cache_dir``; a second model of it takes no time.

    A transfer takes place at a clock edge with valid and ready; a payload that is offered stays until it is taken.
    Words are uint64 ``[n, chunks]``, low chunk first; cycles are counted from 0 since construction. Registers start
    with their initial values: no reset is needed.

    ``flat``: compiled as one module, which runs fastest but takes minutes to compile where it is large; else every
    module is compiled once, however often it is used.

    Raises ValueError where the design has no such port or signal, RanvierError where it cannot be compiled.
    """

    def __init__(
        self,
        rtlil: str,
        top: str,
        *,
        sources: Sequence[str],
        sinks: Sequence[str],
        probes: Probes = _NO_PROBES,
        flat: bool = True,
        cache_dir: Path = DEFAULT_CACHE,
    ) -> None:
        self._interface = Interface.of(rtlil, top, sources, sinks, probes, flat)
        self._library = load_library(build_library(self._interface, cache_dir))
        self._simulation: int = self._library.create()
        weakref.finalize(self, self._library.destroy, self._simulation)
        self._received_cycles = {name: np.zeros(0, np.uint64) for name in self._interface.sinks}
        self._recorded_cycles = {name: np.zeros(0, np.uint64) for name in self._interface.probes}

    @property
    def cycles(self) -> int:
        """Clocks since construction, those of resets included."""
        return int(self._library.cycle(self._simulation))

    def reset(self, cycles: int = 2) -> None:
        """Hold ``rst`` for ``cycles``; forgets words that were not taken, keeps what was received and recorded."""
        if cycles < 1:
            raise ValueError(f"Cycles of a reset must be at least 1, not {cycles}")
        self._library.reset(self._simulation, cycles)

    def send(self, source: str, words: Words, due: Sequence[int] | np.ndarray | None = None) -> None:
        """Queue ``words``: integers of the payload's width, or uint64 ``[n, chunks]``.

        ``due``: the cycle before which each is not offered; without it they are offered as soon as possible.
        """
        number = place("source", self._interface.sources, source)
        packed = pack_words(words, self._width(f"{source}__payload"))
        since = np.zeros(len(packed), np.uint64) if due is None else np.asarray(due).astype(np.uint64)
        if len(since) != len(packed):
            raise ValueError(
                f"Words of {source} must each have a cycle when they are due: {len(packed)}, not {len(since)}"
            )
        self._library.send(self._simulation, number, pointer(packed), pointer(since), *packed.shape)

    def run(self, *, receive: Mapping[str, int] = _NONE, idle: str | None = None, limit: int) -> int:
        """Clock until all sources are empty, sinks have got the words that ``receive`` says, and output ``idle`` is 1.

        Each counts from this call on; ``idle`` is looked at between clocks, with nothing offered. Returns the cycles
        that it took, 0 if all was so already. Raises RanvierError, which says how far it came, after ``limit`` cycles.
        """
        if limit < 0:
            raise ValueError(f"Limit must not be negative, as {limit} is")
        interface, start = self._interface, self.cycles
        watched = -1 if idle is None else self._bit(idle)
        for name in receive:
            place("sink", interface.sinks, name)
        for number, name in enumerate(interface.sinks):
            self._library.want(self._simulation, number, receive.get(name, 0))
        before = [self._library.received(self._simulation, number) for number in range(len(interface.sinks))]
        while not self._library.run(self._simulation, watched, min(SLICE_CYCLES, limit - (self.cycles - start))):
            if self.cycles - start >= limit:
                raise RanvierError(self._unfinished(receive, before, idle, limit))
        return self.cycles - start

    def received(self, sink: str) -> np.ndarray:
        """Take the words that came out of ``sink``: uint64 ``[n, chunks]``."""
        number = place("sink", self._interface.sinks, sink)
        chunks = chunks_of(self._width(f"{sink}__payload"))
        self._received_cycles[sink] = self._take(self._library.received_cycles(self._simulation, number))[:, 0]
        return self._take(self._library.received_words(self._simulation, number), chunks)

    def received_cycles(self, sink: str) -> np.ndarray:
        """The cycle of each word that the last :meth:`received` took."""
        place("sink", self._interface.sinks, sink)
        return self._received_cycles[sink]

    def sent_cycles(self, source: str) -> np.ndarray:
        """The cycle in which each word was taken, of those since the last :meth:`send` to an empty queue."""
        number = place("source", self._interface.sources, source)
        return copied(self._library, self._library.sent_cycles(self._simulation, number))[:, 0]

    def recorded(self, probe: str) -> list[np.ndarray]:
        """Take what ``probe`` recorded: for each of its signals uint64 ``[n, chunks]``."""
        number = place("probe", tuple(self._interface.probes), probe)
        library, simulation = self._library, self._simulation
        self._recorded_cycles[probe] = self._take(library.recording(simulation, number, -1))[:, 0]
        return [
            self._take(library.recording(simulation, number, index), chunks_of(self._width(name)))
            for index, name in enumerate(self._interface.probes[probe][1])
        ]

    def recorded_cycles(self, probe: str) -> np.ndarray:
        """The cycle of each record that the last :meth:`recorded` took."""
        place("probe", tuple(self._interface.probes), probe)
        return self._recorded_cycles[probe]

    def read(self, name: str) -> int:
        """The value of a port or of a probed signal now, between two clocks."""
        number = place("signal", tuple(self._interface.signals), name)
        packed = np.zeros((1, chunks_of(self._width(name))), np.uint64)
        self._library.read_signal(self._simulation, number, pointer(packed))
        return integers(packed)[0]

    def write(self, name: str, value: int) -> None:
        """Set an input port that belongs to no stream, until it is written again; :meth:`reset` leaves ``rst`` 0."""
        inputs = [port for port, wire in self._interface.hierarchy.ports.items() if wire.direction == "input"]
        place("input", tuple(port for port in inputs if port not in self._interface.driven), name)
        packed = pack_words([value], self._width(name))
        self._library.write_signal(self._simulation, tuple(self._interface.signals).index(name), pointer(packed))

    def stall(self, seed: int | None, share: float) -> None:
        """From now on, each stream pauses in a random ``share`` of the cycles in which it may; ``seed`` None: never."""
        sources, sinks = self._interface.sources, self._interface.sinks
        threshold, seeds = draws(seed, share, [*sources, *sinks])
        for number, name in enumerate(sources):
            self._library.stall_source(self._simulation, number, seeds[name], threshold)
        for number, name in enumerate(sinks):
            self._library.stall_sink(self._simulation, number, seeds[name], threshold)

    def _take(self, words: int, chunks: int = 1) -> np.ndarray:
        taken = copied(self._library, words, chunks=chunks)
        self._library.empty(words)
        return taken

    def _width(self, name: str) -> int:
        return self._interface.signals[name].width

    def _bit(self, name: str) -> int:
        """The number of an output port of one bit."""
        port = self._interface.hierarchy.ports.get(name)
        if port is None or port.direction != "output" or port.width != 1:
            raise ValueError(f"Module {self._interface.hierarchy.top} must have an output {name} of 1 bit")
        return tuple(self._interface.signals).index(name)

    def _unfinished(self, receive: Mapping[str, int], before: list[int], idle: str | None, limit: int) -> str:
        library, simulation, interface = self._library, self._simulation, self._interface
        state = [
            f"{name} has taken {library.taken(simulation, number)} of {library.queued(simulation, number)} words"
            for number, name in enumerate(interface.sources)
        ]
        for number, name in enumerate(interface.sinks):
            wanted = f" of {receive[name]}" if name in receive else ""
            state.append(f"{name} has sent {library.received(simulation, number) - before[number]}{wanted} words")
        if idle is not None:
            state.append(f"{idle} is {self.read(idle)}")
        return f"Simulation of {interface.hierarchy.top} did not end within {limit} cycles: {', '.join(state)}"
