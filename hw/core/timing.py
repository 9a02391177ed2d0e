"""Cycles of a core and of a chain of cores, exactly: the formulas that simulation must meet.

A core alone takes ``groups`` cycles for an event and for an update. What a chain takes also depends on when
events arrive and when the next core takes them; :class:`ChainTiming` follows each event through it.
"""

from collections.abc import Callable
from itertools import zip_longest

import numpy as np

from ..config import ChipConfig, CoreConfig
from .lane import last_stage
from .sparse import ENTRY_STAGES
from .state import spacing

# First cycle in which an event is offered, its index or None for a step_end → the cycle in which it is taken
Take = Callable[[int, int | None], int]

BUFFER_CYCLES = 4  # from the write of a group's results until its first event is offered


def core_cycles(config: CoreConfig) -> dict[str, int]:
    """Cycles of one core: ``event`` and ``update`` (throughput), ``clear`` (from reset until it takes events),
    ``latency`` (from taking a ``step_end`` until the first event of that update is offered, at least);
    ``partial`` sums take a cycle, but wait while another operation's result for their group is under way.

    Of sparse synapses ``event`` is that of the longest row.
    """
    final = last_stage(config.model)
    if config.rows is not None:
        return {
            "event": max(config.event_cycles),
            "update": config.groups + final,
            "clear": config.groups + final,
            "latency": 2 + ENTRY_STAGES + final + BUFFER_CYCLES,
        }
    return {
        "event": config.groups,
        "update": max(config.groups, spacing(config)),
        "clear": config.groups,
        "latency": 1 + final + BUFFER_CYCLES,
    }


class _CoreTiming:
    """When one core takes events and offers its own, all cycles counted from the same zero."""

    def __init__(self, config: CoreConfig, sends: list[list[np.ndarray]], take: Take) -> None:
        """``sends``: indices of the events that each group sends, of each step; ``take``: the next core."""
        self.config, self.sends, self.take_next = config, sends, take
        self.final = last_stage(config.model) + (0 if config.rows is None else ENTRY_STAGES)
        self.step = 0
        self.done = -1  # the last group of the event before is issued; the next one may be taken
        self.moved = -1  # the event before left the look-up of rows
        self.after_update = 0  # a pass may start
        self.emitted = -1  # the step_end before went into the event register
        self.taken_before = -1  # the event register was last emptied

    def take(self, offered: int, index: int | None) -> int:
        """The cycle in which an event that is there from ``offered`` on is taken."""
        config = self.config
        if config.rows is None:
            taken, passes, gap = max(offered, self.done), config.groups, max(config.groups, spacing(config))
            ready = taken + 1
        else:
            taken = max(offered, self.moved)
            self.moved = max(taken + 1, self.done)
            passes, ready = config.groups if index is None else config.event_cycles[index], self.moved + 1
            gap = config.groups + last_stage(config.model)
        start = max(ready, self.after_update)
        if index is None:
            start = max(start, self.emitted + 1)
            self.after_update = start + gap
        self.done = start + passes - 1
        if index is None:
            self._emit(start)
        return taken

    def _emit(self, start: int) -> None:
        moved = sent = -1  # when the group before left the buffer, and its last event its register
        for group, events in enumerate(self.sends[self.step]):
            written = start + group + self.final
            moved = max(max(written + 1, moved) + 1, sent)
            sent = moved
            for event in events.tolist():
                sent = self._send(sent + 1, event)
        self.emitted = self._send(sent + 1, None)
        self.step += 1

    def _send(self, ready: int, index: int | None) -> int:
        """The cycle in which an event that is ready moves into the event register."""
        moved = max(ready, self.taken_before)
        self.taken_before = self.take_next(moved + 1, index)
        return moved


class ChainTiming:
    """Every transfer of a chip that is offered its next input event at once and may send at any time.

    ``taken``: the cycle in which each input event is taken; ``sent``: that of each output event; cycle 0 is
    the first in which an event is offered to the idle chip. ``rasters``: bool ``[steps, axons]`` of the
    input, then ``[steps, neurons]`` of each spiking layer, over any number of samples end to end. Events of the input
    come in the order of their axons: another order changes when each is taken, but not when a step ends.
    """

    def __init__(self, config: ChipConfig, rasters: list[np.ndarray]) -> None:
        self.taken: list[int] = []
        self.sent: list[int] = []

        def take(offered: int, index: int | None) -> int:
            self.sent.append(offered)
            return offered

        for core, raster in reversed(list(zip_longest(config.cores, rasters[1:]))):
            take = _CoreTiming(core, _sends(core, raster, len(rasters[0])), take).take
        for row in rasters[0]:
            for index in [*np.flatnonzero(row).tolist(), None]:
                self.taken.append(take(self.taken[-1] + 1 if self.taken else 0, index))

    @property
    def cycles(self) -> int:
        """Cycles from the first transfer in to the last transfer out, both included."""
        return self.sent[-1] - self.taken[0] + 1


def _sends(core: CoreConfig, raster: np.ndarray | None, steps: int) -> list[list[np.ndarray]]:
    """Indices of the events that each group sends, its spikes, or a readout's values, of each step."""
    sent = np.ones((steps, core.neurons), bool) if raster is None else raster
    bounds = range(0, core.neurons, core.lanes)
    return [[first + np.flatnonzero(row[first : first + core.lanes]) for first in bounds] for row in sent]
