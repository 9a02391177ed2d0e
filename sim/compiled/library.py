"""The functions of a compiled simulation, by ctypes."""

import ctypes
from ctypes import POINTER, c_bool, c_int64, c_uint64, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from ranvier.gen.errors import RanvierError

_CHUNKS = POINTER(c_uint64)
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {  # result, arguments
    "create": (c_void_p, ()),
    "destroy": (None, (c_void_p,)),
    "cycle": (c_uint64, (c_void_p,)),
    "reset": (None, (c_void_p, c_uint64)),
    "run": (c_bool, (c_void_p, c_int64, c_uint64)),
    "read_signal": (None, (c_void_p, c_uint64, _CHUNKS)),
    "write_signal": (None, (c_void_p, c_uint64, _CHUNKS)),
    "send": (None, (c_void_p, c_uint64, _CHUNKS, _CHUNKS, c_uint64, c_uint64)),
    "queued": (c_uint64, (c_void_p, c_uint64)),
    "taken": (c_uint64, (c_void_p, c_uint64)),
    "received": (c_uint64, (c_void_p, c_uint64)),
    "want": (None, (c_void_p, c_uint64, c_uint64)),
    "stall_source": (None, (c_void_p, c_uint64, c_uint64, c_uint64)),
    "stall_sink": (None, (c_void_p, c_uint64, c_uint64, c_uint64)),
    "sent_cycles": (c_void_p, (c_void_p, c_uint64)),
    "received_words": (c_void_p, (c_void_p, c_uint64)),
    "received_cycles": (c_void_p, (c_void_p, c_uint64)),
    "recording": (c_void_p, (c_void_p, c_uint64, c_int64)),
    "count": (c_uint64, (c_void_p,)),
    "chunk_data": (_CHUNKS, (c_void_p,)),
    "empty": (None, (c_void_p,)),
}


def load_library(path: Path) -> ctypes.CDLL:
    """The library at ``path``, its functions with their types. Raises RanvierError if it cannot be loaded."""
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise RanvierError(f"Compiled simulation {path} cannot be loaded, delete it: {error}") from None
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def pointer(chunks: np.ndarray) -> Any:
    """Pointer to the data of a contiguous uint64 array."""
    assert chunks.dtype == np.uint64 and chunks.flags.c_contiguous
    return chunks.ctypes.data_as(_CHUNKS)


def copied(library: ctypes.CDLL, words: int, *, chunks: int = 1) -> np.ndarray:
    """What a vector of the simulation holds: uint64 ``[n, chunks]``."""
    count = library.count(words)
    if not count:
        return np.zeros((0, chunks), np.uint64)
    return np.ctypeslib.as_array(library.chunk_data(words), (count // chunks, chunks)).copy()
