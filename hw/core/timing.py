"""Cycles of a core and of a chain of cores, exactly: the formulas that simulation must meet.

A core alone takes ``groups`` cycles for an event and for an update. What a chain takes also depends on when
events arrive and when the next core takes them; :class:`ChainTiming` follows each event through it.
"""

from collections.abc import Callable
from itertools import zip_longest

import numpy as np

from ..config import ChipConfig, CoreConfig
from .lane import last_stage
from .state import spacing

Take = Callable[[int, bool], int]  # (first cycle in which an event is offered, is it a step_end) → cycle it is taken

BUFFER_CYCLES = 4  # from the write of a group's results until its first event is offered


def core_cycles(config: CoreConfig) -> dict[str, int]:
    """Cycles of one core: ``event`` and ``update`` (throughput), ``clear`` (from reset until it takes events),
    ``latency`` (from taking a ``step_end`` until the first event of that update is offered, at least);
    ``partial`` sums take a cycle, but wait while another operation's result for their group is under way."""
    return {
        "event": config.groups,
        "update": max(config.groups, spacing(config)),
        "clear": config.groups,
        "latency": 1 + last_stage(config.model) + BUFFER_CYCLES,
    }


class _CoreTiming:
    """When one core takes events and offers its own, all cycles counted from the same zero."""

    def __init__(self, config: CoreConfig, sends: np.ndarray, take: Take) -> None:
        """``sends``: events that each group sends, ``[steps, groups]``; ``take``: the next core."""
        self.config, self.sends, self.take_next = config, sends, take
        self.final, self.spacing = last_stage(config.model), max(config.groups, spacing(config))
        self.step = 0
        self.done = -1  # the last group of the event before is issued; the next one may be taken
        self.after_update = 0  # a pass may start
        self.emitted = -1  # the step_end before went into the event register
        self.taken_before = -1  # the event register was last emptied

    def take(self, offered: int, step_end: bool) -> int:
        """The cycle in which an event that is there from ``offered`` on is taken."""
        taken = max(offered, self.done)
        start = max(taken + 1, self.after_update)
        if step_end:
            start = max(start, self.emitted + 1)
            self.after_update = start + self.spacing
        self.done = start + self.config.groups - 1
        if step_end:
            self._emit(start)
        return taken

    def _emit(self, start: int) -> None:
        moved = sent = -1  # when the group before left the buffer, and its last event its register
        for group, events in enumerate(self.sends[self.step]):
            written = start + group + self.final
            moved = max(max(written + 1, moved) + 1, sent)
            sent = moved
            for _ in range(events):
                sent = self._send(sent + 1, step_end=False)
        self.emitted = self._send(sent + 1, step_end=True)
        self.step += 1

    def _send(self, ready: int, step_end: bool) -> int:
        """The cycle in which an event that is ready moves into the event register."""
        moved = max(ready, self.taken_before)
        self.taken_before = self.take_next(moved + 1, step_end)
        return moved


class ChainTiming:
    """Every transfer of a chip that is offered its next input event at once and may send at any time.

    ``taken``: the cycle in which each input event is taken; ``sent``: that of each output event; cycle 0 is
    the first in which an event is offered to the idle chip. ``rasters``: bool ``[steps, axons]`` of the
    input, then ``[steps, neurons]`` of each spiking layer, over any number of samples end to end.
    """

    def __init__(self, config: ChipConfig, rasters: list[np.ndarray]) -> None:
        self.taken: list[int] = []
        self.sent: list[int] = []

        def take(offered: int, step_end: bool) -> int:
            self.sent.append(offered)
            return offered

        for core, raster in reversed(list(zip_longest(config.cores, rasters[1:]))):
            take = _CoreTiming(core, _sends(core, raster, len(rasters[0])), take).take
        for row in rasters[0]:
            for step_end in [False] * int(row.sum()) + [True]:
                self.taken.append(take(self.taken[-1] + 1 if self.taken else 0, step_end))

    @property
    def cycles(self) -> int:
        """Cycles from the first transfer in to the last transfer out, both included."""
        return self.sent[-1] - self.taken[0] + 1


def _sends(core: CoreConfig, raster: np.ndarray | None, steps: int) -> np.ndarray:
    """Events that each group sends: its spikes, or a readout's values. int ``[steps, groups]``."""
    padded = np.zeros((steps, core.groups * core.lanes), np.int64)
    padded[:, : core.neurons] = raster if core.model.spiking else 1
    sends: np.ndarray = padded.reshape(steps, core.groups, core.lanes).sum(axis=2)
    return sends
