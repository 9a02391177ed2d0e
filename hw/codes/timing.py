"""Cycles of an encoder, exactly, where values are offered as soon as it takes them."""

from collections.abc import Iterator

import numpy as np

from ranvier.golden.codes.address import AddressEvents
from ranvier.golden.codes.registry import Code
from ranvier.golden.codes.static import StaticCode

from .stages import last_stage

NOTHING = -1  # a slot that sends nothing
Slot = int | None  # the axon of its event, or None for the end of a step


def first_slot(code: Code) -> int:
    """Cycle of the first slot, counted from the one in which the first value is taken."""
    if isinstance(code, AddressEvents):
        return 1
    return last_stage(code) + (code.inputs + 1 if isinstance(code, StaticCode) else 0)


def slots(code: Code, raster: np.ndarray, transfers: np.ndarray) -> Iterator[Slot]:
    """What the encoder does cycle by cycle in one sample: ``raster`` ``[steps, axons]`` of its spikes, ``transfers``
    ``[transfers, fields]`` as :meth:`transfers` of ``code`` gives them, none of them illegal. Each slot takes a cycle,
    but one with an event waits for room in the outlet."""
    if isinstance(code, AddressEvents):
        yield from _address_slots(code, transfers)
        return
    for row in raster:
        if isinstance(code, StaticCode):
            for axon, count in enumerate(row.tolist()):
                yield from [axon] * int(count) or [NOTHING]
        else:
            for signal, (risen, fallen) in enumerate(row.reshape(-1, 2).tolist()):
                yield 2 * signal + fallen if risen or fallen else NOTHING
        yield from [None] + [NOTHING] * last_stage(code)


def _address_slots(code: AddressEvents, transfers: np.ndarray) -> Iterator[Slot]:
    step, seen = 0, dict[tuple[int, int, int], int]()
    for x, y, polarity, time, ends in transfers[transfers[:, 0] >= 0].tolist():
        while step < (code.steps if ends else time // code.interval):
            yield from (NOTHING, None)  # check, act
            step += 1
            seen.clear()
        if not ends:
            count = seen[x, y, polarity] = seen.get((x, y, polarity), 0) + 1
            sent = code.axon(x, y, polarity) if count <= code.levels else NOTHING
            yield from (NOTHING, NOTHING, NOTHING, sent, NOTHING)  # check, act, look up, send, take
