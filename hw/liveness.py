"""Whether a step always comes to its end in cores that streams join: what must have happened before what."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Protocol


class _Feed(Protocol):
    @property
    def source(self) -> int: ...

    @property
    def back(self) -> bool: ...


Turn = tuple[int, int]  # a core, and the number of its feed


def waits(feeds: Sequence[Sequence[_Feed]]) -> dict[Turn, set[Turn]]:
    """Of each turn, in which a core takes one step from one of its ``feeds``, the turns that must have ended before it
    can end, within that step; all of the step before has ended.

    A turn begins when the one before it at that core has ended. What it takes is there when its source has had all its
    turns, and moves on when all that hear the source take it: when their turn has come, or where spikes go back, when
    the step before has left the buffer (:mod:`.step_buffer`), which holds no more than one.
    """
    needs: dict[Turn, set[Turn]] = {}
    for core, own in enumerate(feeds):
        for number, feed in enumerate(own):
            before = {(core, number - 1)} if number else set()
            if not feed.back:
                if feed.source >= 0:
                    before.add((feed.source, len(feeds[feed.source]) - 1))
                for other, theirs in enumerate(feeds):
                    for place, heard in enumerate(theirs):
                        if heard.source == feed.source and (other, place) != (core, number):
                            at = place if heard.back else place - 1
                            before |= {(other, at)} if at >= 0 else set()
            needs[core, number] = before
    return needs


def deadlock(feeds: Sequence[Sequence[_Feed]]) -> list[Turn] | None:
    """Turns that wait for each other in a ring, or None: then every step ends, by induction over the steps."""
    try:
        TopologicalSorter(waits(feeds)).prepare()
    except CycleError as error:
        ring: list[Turn] = error.args[1]
        return ring
    return None
