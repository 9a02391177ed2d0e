"""Which function reads modules of which class, by exact class: what derives from one may compute something else."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch

from ..readers.graph import NodeError
from .draft import Draft, Signal

Reader = Callable[..., Any]
F = TypeVar("F", bound=Reader)
_READERS: dict[tuple[str, str], Reader] = {}


def reads(*classes: str) -> Callable[[F], F]:
    """Enter a function ``(draft, name, module, signal, *states)`` for classes given as ``package.Class``."""

    def enter(function: F) -> F:
        _READERS.update({(name.split(".")[0], name.split(".")[1]): function for name in classes})
        return function

    return enter


def read_module(draft: Draft, name: str, module: torch.nn.Module, signal: Signal, *states: object) -> Any:
    """Enter what ``module`` does to ``signal`` into ``draft``; what it returns. Raises NodeError."""
    key = key_of(module)
    if key not in _READERS:
        known = sorted(f"{name}" for package, name in _READERS if package == key[0])
        raise NodeError("modules of this class are not read", f"use {', '.join(known)}")
    return _READERS[key](draft, name, module, signal, *states)


def key_of(module: torch.nn.Module) -> tuple[str, str]:
    """Package and class name."""
    return type(module).__module__.split(".")[0], type(module).__name__
