"""Ctrl-C and termination: what was begun is cleaned up, and one line says so.

It imports little: the command enters it before all else.
"""

import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class InterruptionError(Exception):
    """Work that stopped at a place from which it can go on: ``kept`` says where and how, ``number`` is the signal."""

    def __init__(self, number: int, kept: str) -> None:
        super().__init__(kept)
        self.number, self.kept = number, kept


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Exit with 130 after SIGINT and 143 after SIGTERM, both of which raise KeyboardInterrupt within."""
    received = [signal.SIGINT]

    def terminate(number: int, frame: Any) -> None:
        received.append(signal.Signals(number))
        raise KeyboardInterrupt

    # Amaranth's, about the modules that an interruption leaves half-built.
    warnings.filterwarnings("ignore", ".* created but never used")
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except KeyboardInterrupt:
        print("ranvier: interrupted; nothing was left half-written", file=sys.stderr)
        sys.exit(128 + received[-1])
    except InterruptionError as interruption:
        print(f"ranvier: interrupted; {interruption.kept}", file=sys.stderr)
        sys.exit(128 + interruption.number)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def noted() -> Iterator[Callable[[], int | None]]:
    """A function that says which signal, SIGINT or SIGTERM, has come since, or None; a second one acts as before."""
    received: list[int] = []
    before: dict[signal.Signals, Any] = {}

    def note(number: int, frame: Any) -> None:
        received.append(number)
        restore()

    def restore() -> None:
        for known, handler in before.items():
            signal.signal(known, handler)

    for known in (signal.SIGINT, signal.SIGTERM):
        before[known] = signal.signal(known, note)
    try:
        yield lambda: received[-1] if received else None
    finally:
        restore()
