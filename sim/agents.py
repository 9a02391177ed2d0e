"""Driver and monitors of the bench, on cocotb-bus: they wake for each burst or step, never for each clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge, ValueChange
from cocotb.types import LogicArray
from cocotb_bus.drivers import BusDriver
from cocotb_bus.monitors import BusMonitor

from .bench import BURST_WORDS, CYCLE_WIDTH, EventLayout, LayerLayout

UNKNOWN = np.iinfo(np.int64).min  # stands for a value with a bit that is neither 0 nor 1


@dataclass(frozen=True, eq=False)
class LayerStep:
    """What one layer did in one step: ``spikes`` and ``membrane`` int64 ``[neurons]``; the cycles of its
    first and last group of updates; ``ordered``: whether the groups came in order."""

    spikes: np.ndarray
    membrane: np.ndarray
    first_cycle: int = 0
    last_cycle: int = 0
    ordered: bool = True


@dataclass(frozen=True, eq=False)
class OutputStep:
    """Output events in the order sent: int64 ``[events]`` each field of the payload, and the cycles."""

    fields: dict[str, np.ndarray]
    cycles: np.ndarray


@dataclass(frozen=True, eq=False)
class Answer:
    """What the decoder said after one step: the fields of the payload, and the cycle."""

    fields: dict[str, int]
    cycle: int = 0


class BurstDriver(BusDriver):
    """Sends a sequence of words through a player of the bench; done when the chip has taken the last one.
    ``first_cycle`` is then the cycle in which it took the first one."""

    _signals = ("words_0", "words_1", "count", "next", "room", "empty", "first")

    def __init__(self, entity: Any, name: str, clock: Any, width: int) -> None:
        super().__init__(entity, name, clock)
        self._width = width
        self.first_cycle = 0

    async def _driver_send(self, transaction: Sequence[int], sync: bool = True) -> None:
        if not transaction:
            return
        bus = self.bus
        bus.next.value = 0
        for burst, start in enumerate(range(0, len(transaction), BURST_WORDS)):
            if burst >= 2:  # the other one is still full: the chip never waits for Python
                await RisingEdge(bus.room)
            words = transaction[start : start + BURST_WORDS]
            (bus.words_1 if burst % 2 else bus.words_0).value = self._packed(words)
            bus.count.value = start + len(words)
        await RisingEdge(bus.empty)
        self.first_cycle = int(bus.first.value)

    def _packed(self, words: Sequence[int]) -> LogicArray:
        bits = "".join(format(word, f"0{self._width}b") for word in reversed(words))
        return LogicArray(bits.zfill(self._width * BURST_WORDS))


class LayerMonitor(BusMonitor):
    """Receives a :class:`LayerStep` whenever the layer has ended a step."""

    _signals = ("record", "flush")

    def __init__(self, entity: Any, clock: Any, layout: LayerLayout) -> None:
        self.layout = layout
        super().__init__(entity, f"layer_{layout.name}", clock)

    async def _monitor_recv(self) -> None:
        layout, flushed = self.layout, ValueChange(self.bus.flush)
        neurons, spikes_at = layout.neurons, layout.spikes_at
        spikes = to_signed if layout.signed else to_unsigned
        while True:
            await flushed
            await ReadOnly()
            bits = read_bits(self.bus.record)
            self._recv(
                LayerStep(
                    spikes(bits[spikes_at : spikes_at + neurons * layout.spike_width].reshape(neurons, -1)),
                    to_signed(bits[: neurons * layout.state_width].reshape(neurons, layout.state_width)),
                    int(to_unsigned(bits[layout.first_at : layout.first_at + CYCLE_WIDTH])),
                    int(to_unsigned(bits[layout.last_at : layout.last_at + CYCLE_WIDTH])),
                    not bits[layout.disorder_at],
                )
            )


class OutputMonitor(BusMonitor):
    """Receives an :class:`OutputStep` whenever the chip has sent ``step_end``."""

    _signals = ("record", "count", "flush")

    def __init__(self, entity: Any, clock: Any, layout: EventLayout) -> None:
        self.layout = layout
        super().__init__(entity, "events_out", clock)

    async def _monitor_recv(self) -> None:
        layout, flushed = self.layout, ValueChange(self.bus.flush)
        while True:
            await flushed
            await ReadOnly()
            count, width = int(self.bus.count.value), layout.width + CYCLE_WIDTH
            events = read_bits(self.bus.record)[: count * width].reshape(count, width)
            fields = {
                name: (to_signed if name == "value" else to_unsigned)(events[:, low : low + size])
                for name, (low, size) in layout.fields.items()
            }
            self._recv(OutputStep(fields, to_unsigned(events[:, layout.width :])))


class AnswerMonitor(BusMonitor):
    """Receives each :class:`Answer`."""

    _signals = ("record", "flush")

    def __init__(self, entity: Any, clock: Any, layout: EventLayout) -> None:
        self.layout = layout
        super().__init__(entity, "answers", clock)

    async def _monitor_recv(self) -> None:
        layout, flushed = self.layout, ValueChange(self.bus.flush)
        while True:
            await flushed
            await ReadOnly()
            bits = read_bits(self.bus.record)
            fields = {
                name: int((to_signed if name == "numerator" else to_unsigned)(bits[low : low + size]))
                for name, (low, size) in layout.fields.items()
            }
            self._recv(Answer(fields, int(to_unsigned(bits[layout.width :]))))


def read_bits(handle: Any) -> np.ndarray:
    """Bits of a signal, the low one first, as uint8: 0, 1, or another value where it is neither."""
    return np.frombuffer(str(handle.value).encode(), np.uint8)[::-1] - ord("0")


def to_unsigned(bits: np.ndarray) -> np.ndarray:
    """Numbers int64 ``[…]`` from bits ``[…, width]``; :data:`UNKNOWN` where a bit is neither 0 nor 1."""
    numbers = bits.astype(np.int64) @ (np.int64(1) << np.arange(bits.shape[-1], dtype=np.int64))
    return np.where((bits > 1).any(axis=-1), UNKNOWN, numbers)


def to_signed(bits: np.ndarray) -> np.ndarray:
    """Like :func:`to_unsigned`, in two's complement."""
    numbers, width = to_unsigned(bits), bits.shape[-1]
    return np.where((numbers >> (width - 1)) == 1, numbers - (np.int64(1) << width), numbers)
