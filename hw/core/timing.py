"""Cycles of a core, exactly: the formulas that simulation must meet; :mod:`..timing` has those of a chip."""

from collections.abc import Generator

import numpy as np

from ..config import CoreConfig
from .lane import last_stage
from .locate import LOCATE_STAGES
from .sparse import ENTRY_STAGES
from .state import spacing

BUFFER_CYCLES = 4  # from the write of a group's results until its first event is offered


def core_cycles(config: CoreConfig) -> dict[str, int]:
    """Cycles of one core: ``event`` and ``update`` (throughput), ``clear`` (from reset until it takes events),
    ``latency`` (from taking a ``step_end`` until the first event of that update is offered, at least);
    ``partial`` sums take a cycle, but wait while another operation's result for their group is under way.

    Of sparse synapses and convolutions ``event`` is the one of the most weights. Where spikes are delayed, the update
    that ends a sample takes ``groups`` more for each slot of the ring but its own.
    """
    final, (lookup, entry) = last_stage(config.model), _stages(config)
    tokens = 0 if config.attention is None else config.attention.tokens
    walk = config.groups * max(tokens, 1)
    return {
        "event": max(config.event_cycles),
        "update": walk + final if _drains(config) else max(walk, spacing(config)),
        "clear": walk * config.slots + (final if _drains(config) else 0),
        "latency": 1 + lookup + entry + tokens + final + BUFFER_CYCLES,
    }


def _drains(config: CoreConfig) -> bool:
    """Whether what follows an update may read any group, so that all results must be there."""
    return config.gathered or config.rows is not None or bool(config.convolutions)


def _stages(config: CoreConfig) -> tuple[int, int]:
    """Registers in which events wait for what stands for them, and stages until an operation knows its groups."""
    registers = int(config.axonal)
    if config.convolutions:
        return LOCATE_STAGES + registers, 0
    if config.rows is not None:
        return 1 + registers, ENTRY_STAGES
    return registers, ENTRY_STAGES if config.synaptic else 0


class CoreTiming:
    """When one core takes events and offers its own, all cycles counted from the same zero; samples have
    ``sample_steps``.

    ``take`` and, when that was a ``step_end``, ``emit`` are called by turns.
    """

    def __init__(self, config: CoreConfig, sample_steps: int) -> None:
        self.config, self.sample_steps = config, sample_steps
        lookup, entry = _stages(config)
        tokens = 0 if config.attention is None else config.attention.tokens
        self.pitch = max(tokens, 1)  # cycles from one group of an update to the next
        self.final = last_stage(config.model) + entry + tokens
        self.steps = 0
        self.start = 0  # of the pass of the event before
        self.done = -1  # its last group is issued; the next one may be taken
        self.moved = [-1] * lookup  # the event before left each register
        self.after_update = 0  # a pass may start
        self.emitted = -1  # the step_end before went into the event register
        self.taken_before = -1  # the event register was last emptied

    def take(self, offered: int, index: int | None) -> int:
        """The cycle in which an event is taken, of ``index`` or a step's end (None), that is there from ``offered``."""
        config = self.config
        if not self.moved:
            taken = max(offered, self.done)
            ready = taken + 1
        else:
            taken = left = max(offered, self.moved[0])
            for stage in range(len(self.moved)):
                following = self.moved[stage + 1] if stage + 1 < len(self.moved) else self.done
                self.moved[stage] = left = max(left + 1, following)
            ready = left + 1
        if index is not None and config.attention is not None:  # it is only noted
            self.done = taken
            return taken
        self.start = max(ready, self.after_update)
        if index is not None:
            self.done = self.start + config.event_cycles[index] - 1
            return taken
        self.start = max(self.start, self.emitted + 1)
        self.steps += 1
        clears = config.slots - 1 if self.steps % self.sample_steps == 0 else 0
        passes = config.groups * (self.pitch + clears)
        drain = last_stage(config.model)
        self.after_update = self.start + (passes + drain if _drains(config) else max(passes, spacing(config)))
        self.done = self.start + passes - (not clears)
        return taken

    def emit(self, sends: list[np.ndarray]) -> Generator[tuple[int, int | None], int, None]:
        """After a step's end: when each event is offered, and which (None: the end); it is told when that is taken.
        ``sends``: indices of the events that each group sends."""
        moved = sent = -1  # when the group before left the buffer, and its last event its register
        for group, events in enumerate(sends):
            written = self.start + group * self.pitch + self.final
            moved = max(max(written + 1, moved) + 1, sent)
            sent = moved
            for event in events.tolist():
                sent = max(sent + 1, self.taken_before)
                self.taken_before = yield sent + 1, event
        self.emitted = max(sent + 1, self.taken_before)
        self.taken_before = yield self.emitted + 1, None


def sends_of(core: CoreConfig, raster: np.ndarray | None, steps: int) -> list[list[np.ndarray]]:
    """Indices of the events that each group sends, its spikes as often as their values say, or a readout's values, of
    each step."""
    sent = np.ones((steps, core.neurons), int) if raster is None else np.abs(raster.astype(int))
    numbers = np.arange(core.neurons)
    groups = [slice(first, first + core.lanes) for first in range(0, core.neurons, core.lanes)]
    return [[np.repeat(numbers[group], row[group]) for group in groups] for row in sent]
