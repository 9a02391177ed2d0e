"""HDF5 files through :mod:`.worker`: whatever a damaged file does, the answer is data or one line."""

import io
import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import RanvierError
from .worker import TIME_S

_WHAT = {"model": "Model", "data": "Stimulus"}
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_hdf5(kind: Literal["model", "data"], path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    """Description and arrays of a NIR model or NIR data file. Raises RanvierError."""
    what = _WHAT[kind]
    try:
        with path.open("rb") as file:
            head = file.read(len(_SIGNATURE))
    except OSError as error:
        raise RanvierError(f"{what} {path} cannot be read: {error.strerror}") from None
    if head != _SIGNATURE:
        raise RanvierError(f"{what} {path} must be a NIR file in HDF5; it begins with {head!r}")
    status = path.stat()
    done = _worker(kind, path.absolute(), (status.st_mtime_ns, status.st_size))
    with np.load(io.BytesIO(done), allow_pickle=False) as arrays:
        contents = {name: arrays[name] for name in arrays.files}
    return json.loads(str(contents.pop("description"))), contents


@lru_cache(maxsize=1)
def _worker(kind: str, path: Path, version: tuple[int, int]) -> bytes:
    """What the worker makes of the file; kept, as a command may first check a model and then read it."""
    what = _WHAT[kind]
    command = [sys.executable, "-P", "-m", f"{__package__}.worker", kind, str(path)]
    # One thread: the address space that BLAS reserves for each would count against the limit.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=TIME_S, env=environment)
    except subprocess.TimeoutExpired:
        raise RanvierError(f"{what} {path} is damaged: it could not be read in {TIME_S} s; export it again") from None
    if done.returncode == 3:
        reason = done.stderr.decode(errors="replace").splitlines()[-1]
        raise RanvierError(f"{what} {path} {reason}; export it again")
    if done.returncode != 0:
        raise RanvierError(f"{what} {path} is damaged: HDF5 failed on it (status {done.returncode}); export it again")
    return done.stdout
