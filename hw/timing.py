"""Cycles of a chip, exactly: what it takes depends on when events arrive and when the next core takes them.

Cores, joins and buffers are processes that hand each event over with the cycle in which it is there, and are told the
cycle in which it is taken: max-plus arithmetic along the streams, in whatever order the processes run.
"""

from collections.abc import Generator
from itertools import zip_longest

import numpy as np

from ranvier.golden.codes.registry import Code

from .codes.outlet import OUTLET_EVENTS
from .codes.timing import NOTHING, first_slot, slots
from .config import ChipConfig, Feed
from .core.timing import CoreTiming, sends_of
from .step_buffer import BUFFER_CYCLES

Event = tuple[int, int | None]  # the cycle from which on it is offered, and its index, or None for a step's end
Process = Generator[None, None, None]


class _Channel:
    """One event at a time, from who offers it to who takes it."""

    def __init__(self) -> None:
        self.event: Event | None = None
        self.taken: int | None = None

    def get(self) -> Generator[None, None, Event]:
        """The next event; :attr:`taken` must be set before the one after it."""
        while self.event is None:
            yield
        event, self.event = self.event, None
        return event


def _put(channels: list[_Channel], event: Event) -> Generator[None, None, int]:
    """Offer ``event`` to all; the cycle in which the last of them has taken it."""
    for channel in channels:
        channel.event, channel.taken = event, None
    while True:
        taken = [channel.taken for channel in channels if channel.taken is not None]
        if len(taken) == len(channels):
            return max(taken)
        yield


class ChipTiming:
    """Every transfer of a chip that is offered its next input event at once and may send at any time.

    ``taken``: the cycle in which each input event is taken; ``sent``: that of each output event; cycle 0 is
    the first in which an event is offered to the idle chip. ``rasters``: ``[steps, axons]`` of the
    input, then ``[steps, neurons]`` of each spiking layer, bool or graded, over any number of samples of
    ``sample_steps`` (None: one) end to end. Events of the input come in the order of their axons: another order changes
    when each is taken, and of convolutions also when a step ends. Where the chip has an encoder, the raster of the
    input is one sample's, made of the legal ``transfers`` that a host sends for it; ``taken`` is then the cycle of the
    first of these.
    """

    def __init__(
        self,
        config: ChipConfig,
        rasters: list[np.ndarray],
        sample_steps: int | None = None,
        transfers: np.ndarray | None = None,
    ) -> None:
        self.taken: list[int] = []
        self.sent: list[int] = []
        steps = len(rasters[0])
        outputs: dict[int, list[_Channel]] = {source: [] for source in range(-1, len(config.cores))}
        processes: list[Process] = []
        for place, (core, raster) in enumerate(zip_longest(config.cores, rasters[1:])):
            feeds, entry = config.feeds[place], _Channel()
            if len(feeds) == 1 and feeds[0].direct:
                outputs[feeds[0].source].append(entry)
            else:
                streams = [_Channel() for _ in feeds]
                processes.append(_join(feeds, streams, entry, sample_steps or steps))
                for feed, stream in zip(feeds, streams, strict=True):
                    if feed.back:
                        behind, stream = stream, _Channel()
                        processes.append(_buffer(stream, behind))
                    outputs[feed.source].append(stream)
            timing, sends = CoreTiming(core, sample_steps or steps), sends_of(core, raster, steps)
            processes.append(_core(timing, sends, entry, outputs[place]))
        outputs[len(config.cores) - 1].append(end := _Channel())
        self._open = steps  # of the output
        if config.encoder is None:
            offered = int(rasters[0].sum(dtype=np.int64)) + steps
            source = self._offer(rasters[0], outputs[-1])
        else:
            offered = 1
            source = self._encode(config.encoder, rasters[0], transfers, outputs[-1])
        processes += [source, self._leave(end)]
        while self._open or len(self.taken) < offered:
            for process in processes:
                next(process)

    @property
    def cycles(self) -> int:
        """Cycles from the first transfer in to the last transfer out, both included."""
        return self.sent[-1] - self.taken[0] + 1

    def _offer(self, raster: np.ndarray, channels: list[_Channel]) -> Process:
        for row in raster:
            for index in [*np.repeat(np.arange(row.size), row.astype(int)).tolist(), None]:
                taken = yield from _put(channels, (self.taken[-1] + 1 if self.taken else 0, index))
                self.taken.append(taken)
        while True:
            yield

    def _encode(self, code: Code, raster: np.ndarray, transfers: np.ndarray, channels: list[_Channel]) -> Process:
        self.taken.append(0)
        cycle, taken = first_slot(code), [-1] * OUTLET_EVENTS  # the cycles in which the last events were
        for slot in slots(code, raster, transfers):
            if slot != NOTHING:
                cycle = max(cycle, taken[0] + 1)
                last = yield from _put(channels, (max(cycle, taken[-1]) + 1, slot))
                taken = [*taken[1:], last]
            cycle += 1
        while True:
            yield

    def _leave(self, end: _Channel) -> Process:
        while True:
            offered, index = yield from end.get()
            self.sent.append(offered)
            self._open -= index is None
            end.taken = offered


def _core(core: CoreTiming, sends: list[list[np.ndarray]], entry: _Channel, outputs: list[_Channel]) -> Process:
    steps = iter(sends)
    while True:
        offered, index = yield from entry.get()
        entry.taken = core.take(offered, index)
        if index is None:
            emission = core.emit(next(steps))
            event = next(emission, None)
            while event is not None:
                taken = yield from _put(outputs, event)
                event = _following(emission, taken)


def _following(emission: Generator[Event, int, None], taken: int) -> Event | None:
    try:
        return emission.send(taken)
    except StopIteration:
        return None


def _buffer(entry: _Channel, behind: _Channel) -> Process:
    """What comes is taken at once, and can be taken again some cycles later."""
    queue: list[Event] = []
    waiting = False
    while True:
        if entry.event is not None:
            (offered, index), entry.event = entry.event, None
            entry.taken = offered
            queue.append((offered + BUFFER_CYCLES, index))
        waiting = waiting and behind.taken is None
        if queue and not waiting:
            behind.event, behind.taken, waiting = queue.pop(0), None, True
        yield


def _join(feeds: tuple[Feed, ...], streams: list[_Channel], core: _Channel, sample_steps: int) -> Process:
    """Feeds have their turns, those from back not in the first step of a sample; their last step is dropped."""
    free = 0  # the cycle from which on the next event can be taken
    while True:
        for step in range(sample_steps):
            turns = [number for number, feed in enumerate(feeds) if step or not feed.back]
            for number in turns:
                index: int | None = 0
                while index is not None:
                    offered, index = yield from streams[number].get()
                    taken = max(offered, free)
                    if index is not None:
                        for copy, offset in enumerate(feeds[number].offsets):
                            taken = yield from _put([core], (taken + bool(copy), index + offset))
                    elif number == turns[-1]:
                        taken = yield from _put([core], (taken, None))
                    streams[number].taken, free = taken, taken + 1
        for number in (number for number, feed in enumerate(feeds) if feed.back):
            index = 0
            while index is not None:
                offered, index = yield from streams[number].get()
                streams[number].taken = max(offered, free)
                free = max(offered, free) + 1
