"""A training that has stopped between two samples, in one file: it goes on from there bit for bit."""

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ValidationError

from ranvier.golden.train.bptt import TrainingState
from ranvier.golden.train.setup import TrainingSetup

from ..errors import RanvierError
from ..files import DAMAGED, written_aside
from .results import EpochFigures, Tally

CHECKPOINT = "checkpoint.npz"
_FORMAT = 1
_CHECKSUM_BYTES = 73
_MATRICES = ("weights", "momentum", "gradient")


class Position(BaseModel):
    """How far a training has come: ``epochs`` are finished; of the next ``samples`` have been learned from, which
    ``tally`` counts. Order, shifts and rate of what follows come from the configuration's seed and this."""

    epochs: list[EpochFigures] = []
    samples: int = 0
    tally: Tally = Tally()


@dataclass
class Checkpoint:
    """All that changes in a training."""

    state: TrainingState
    position: Position = field(default_factory=Position)

    def save(self, path: Path, configuration: str, setup: TrainingSetup) -> None:
        """Write it whole or not at all; ``configuration``: the hash that :meth:`load` must be given."""
        header = {"format": _FORMAT, "configuration": configuration, "pending": self.state.pending}
        content = {"header": np.array(json.dumps(header | {"position": self.position.model_dump()}))}
        content["generators"] = self.state.generators
        for kind in _MATRICES:
            for layer, matrix in zip(setup.layers, getattr(self.state, kind), strict=True):
                content[f"{kind}.{layer.name}"] = matrix
        archive = io.BytesIO()
        np.savez(archive, allow_pickle=False, **content)
        data = archive.getvalue()
        with written_aside(path, "Checkpoint") as aside:
            aside.write_bytes(data + _checksum(data))

    @classmethod
    def load(cls, path: Path, configuration: str, setup: TrainingSetup) -> "Checkpoint":
        """Read what :meth:`save` wrote. Raises RanvierError for a damaged file, or one of another configuration."""
        damaged = f"Checkpoint {path} is damaged; start again with --force"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise RanvierError(f"Checkpoint {path} cannot be read: {error.strerror or error}") from None
        data, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
        if checksum != _checksum(data):
            raise RanvierError(damaged)
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                content = {name: file[name] for name in file.files}
            header = json.loads(str(content["header"]))
        except (OSError, *DAMAGED):
            raise RanvierError(damaged) from None
        if header.get("format") != _FORMAT or header.get("configuration") != configuration:
            raise RanvierError(
                f"Checkpoint {path} is of another configuration, data, seed or version of Ranvier: give those that it"
                " was made with, or start again with --force"
            )
        try:
            weights, momentum, gradient = (
                [content[f"{kind}.{layer.name}"] for layer in setup.layers] for kind in _MATRICES
            )
            state = TrainingState(weights, momentum, gradient, content["generators"], header["pending"])
            return cls(state, Position.model_validate(header["position"]))
        except (KeyError, ValidationError):
            raise RanvierError(damaged) from None


def _checksum(data: bytes) -> bytes:
    """SHA-256 as the last line of the file, which a reader of archives does not mind."""
    return f"\nsha256 {hashlib.sha256(data).hexdigest()}\n".encode()
