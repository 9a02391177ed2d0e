"""Readers of model files, by file extension."""

from collections.abc import Callable
from pathlib import Path

from ..config import Discretisation
from ..errors import RanvierError
from ..network import Network
from .nir_reader import NodeCheck, check_nir, raise_first, read_nir

__all__ = ["NodeCheck", "check_model", "raise_first", "read_network"]

_READERS: dict[str, tuple[Callable[..., Network], Callable[..., list[NodeCheck]]]] = {".nir": (read_nir, check_nir)}


def read_network(path: Path, discretisation: Discretisation) -> Network:
    """The network in ``path``, discretised. Raises RanvierError."""
    return _reader(path)[0](path, discretisation)


def check_model(path: Path, discretisation: Discretisation) -> list[NodeCheck]:
    """One row for each node of the model in ``path``. Raises RanvierError where it cannot be read at all."""
    return _reader(path)[1](path, discretisation)


def _reader(path: Path) -> tuple[Callable[..., Network], Callable[..., list[NodeCheck]]]:
    if path.suffix not in _READERS:
        raise RanvierError(f"Model {path} must have one of the extensions {', '.join(_READERS)}")
    return _READERS[path.suffix]
