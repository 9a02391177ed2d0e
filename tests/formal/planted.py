"""Planted bugs: one text of a module of ``hw`` is replaced by another, for everything that uses it."""

import inspect
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

PACKAGE = "ranvier.hw"


@dataclass(frozen=True)
class Bug:
    """``sound`` must stand exactly once in the text of ``module``."""

    module: ModuleType
    sound: str
    broken: str


@contextmanager
def planted(bug):
    text = inspect.getsource(bug.module)
    if text.count(bug.sound) != 1:
        raise ValueError(f"{bug.sound!r} must stand once in {bug.module.__name__}, not {text.count(bug.sound)} times")
    changed = dict(vars(bug.module))
    exec(compile(text.replace(bug.sound, bug.broken), bug.module.__file__, "exec"), changed)
    name = bug.module.__name__
    own = {key: value for key, value in vars(bug.module).items() if getattr(value, "__module__", None) == name}
    users = [module for name, module in sys.modules.items() if name.startswith(PACKAGE)]
    undo = []
    for module in users:
        for key, value in own.items():
            if getattr(module, key, None) is value:
                undo.append((module, key, value))
                setattr(module, key, changed[key])
    try:
        yield
    finally:
        for module, key, value in undo:
            setattr(module, key, value)
