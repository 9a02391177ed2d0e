"""Ctrl-C and termination: what was begun is cleaned up, and one line says so.

It imports little: the command enters it before all else.
"""

import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
    finally:
        signal.signal(signal.SIGTERM, before)
