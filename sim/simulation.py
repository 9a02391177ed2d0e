"""What simulations of a design have in common, compiled ones and those of its Verilog under cocotb."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from .compiled.interface import Probes
from .compiled.words import Words


class Simulation(Protocol):
    """Streams into and out of a design, recorded probes, clocks; :class:`~ranvier.sim.compiled.CompiledModel` says what
    each method does."""

    @property
    def cycles(self) -> int: ...

    def reset(self, cycles: int = 2) -> None: ...

    def send(self, source: str, words: Words) -> None: ...

    def run(self, *, receive: Mapping[str, int] = ..., idle: str | None = None, limit: int) -> int: ...

    def received(self, sink: str) -> np.ndarray: ...

    def received_cycles(self, sink: str) -> np.ndarray: ...

    def sent_cycles(self, source: str) -> np.ndarray: ...

    def recorded(self, probe: str) -> list[np.ndarray]: ...

    def recorded_cycles(self, probe: str) -> np.ndarray: ...

    def read(self, name: str) -> int: ...

    def write(self, name: str, value: int) -> None: ...

    def stall(self, seed: int | None, share: float) -> None: ...


class Simulator(Protocol):
    """What makes a :class:`Simulation` of RTLIL text."""

    def __call__(
        self, rtlil: str, top: str, *, sources: Sequence[str], sinks: Sequence[str], probes: Probes = ...
    ) -> Simulation: ...
