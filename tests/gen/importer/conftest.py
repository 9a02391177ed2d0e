"""Files are read in this process, as hundreds of small ones are; tests/flow reads them as a user does."""

import io
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from ranvier.gen.readers import hdf5, worker


def _read(kind: str, path: Path, version: tuple[int, int]) -> bytes:
    assert kind == "model"
    reader, output = worker._Reader(h5py, np), io.BytesIO()
    with h5py.File(path, "r") as file:
        description = worker._model(reader, file)
    np.savez(output, allow_pickle=False, description=np.array(json.dumps(description)), **reader.arrays)
    return output.getvalue()


@pytest.fixture(autouse=True)
def _read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "_worker", _read)
