"""Writing files so that an interruption leaves what was there before; what reading a damaged one raises."""

import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import RanvierError

DAMAGED = (  # what numpy.load raises for a file that is no whole archive of arrays, but for OSError
    *(ValueError, KeyError, EOFError, MemoryError, TypeError, NotImplementedError, SyntaxError, OverflowError),
    *(RecursionError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


@contextmanager
def written_aside(path: Path, what: str) -> Iterator[Path]:
    """A path beside ``path`` to write to, renamed to ``path`` at the end; removed if anything goes wrong.

    ``what`` names the file in the RanvierError that an operating-system error becomes.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield aside
        aside.replace(path)
    except OSError as error:
        raise RanvierError(f"{what} {path} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
