"""Cycles of an encoder, exactly, where values are offered as soon as it takes them."""

from collections.abc import Iterator

import numpy as np

from ranvier.golden.codes.address import AddressEvents
from ranvier.golden.codes.registry import Code
from ranvier.golden.codes.static import StaticCode

NOTHING = -1  # a slot that sends nothing
Slot = int | None  # the axon of its event, or None for the end of a step


def first_slot(code: Code) -> int:
    """Cycle of the first slot, counted from the one in which the first value is taken."""
    return code.inputs + 2 if isinstance(code, StaticCode) else 1


def slots(code: Code, raster: np.ndarray, transfers: np.ndarray) -> Iterator[Slot]:
    """What the encoder does cycle by cycle in one sample: ``raster`` ``[steps, axons]`` of its spikes, ``transfers``
    ``[transfers, fields]`` as :meth:`transfers` of ``code`` gives them, none of them illegal. Each slot takes a cycle,
    and one with an event begins when the event before it has been taken; it offers its own in the next cycle."""
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
        yield None


def _address_slots(code: AddressEvents, transfers: np.ndarray) -> Iterator[Slot]:
    step, seen = 0, dict[tuple[int, int, int], int]()
    for x, y, polarity, time, ends in transfers[transfers[:, 0] >= 0].tolist():
        while step < (code.steps if ends else time // code.interval):
            yield None
            step += 1
            seen.clear()
        if not ends:
            yield NOTHING
            count = seen[x, y, polarity] = seen.get((x, y, polarity), 0) + 1
            yield code.axon(x, y, polarity) if count <= code.levels else NOTHING
