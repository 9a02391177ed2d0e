"""The user's function, which returns the trained module and the shape of its input. It is the user's own Python, run as
it is."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import RanvierError
from .draft import Shape


@dataclass(frozen=True, eq=False)
class Source:
    """``name``: as the user gave it, for messages; ``function``: what the files are named after."""

    name: str
    function: str
    module: torch.nn.Module
    shape: Shape


def load(given: str) -> Source:
    """What ``MODULE.py:FUNCTION`` returns. Raises RanvierError."""
    file, _, function = given.rpartition(":")
    path = Path(file)
    if path.suffix != ".py" or not function.isidentifier():
        raise RanvierError(f"Model must be given as MODULE.py:FUNCTION, not '{given}'")
    if not path.is_file():
        raise RanvierError(f"Module {path} cannot be read: there is no such file")
    called = f"imported_{path.stem}" if path.stem in sys.modules else path.stem
    spec = importlib.util.spec_from_file_location(called, path)
    assert spec is not None and spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.absolute().parent))
    sys.modules[called] = code
    try:
        try:
            spec.loader.exec_module(code)
        except (Exception, SystemExit) as error:
            raise RanvierError(f"Module {path} raised {_told(error)}; it must run without arguments") from None
        made = getattr(code, function, None)
        if not callable(made):
            raise RanvierError(f"Module {path} must have a function '{function}', which takes no argument")
        try:
            returned = made()
        except (Exception, SystemExit) as error:
            raise RanvierError(f"Function {given} raised {_told(error)}") from None
    finally:
        sys.path.remove(str(path.absolute().parent))
    return _checked(given, function, returned)


def _checked(given: str, function: str, returned: object) -> Source:
    if not isinstance(returned, tuple) or len(returned) != 2 or not isinstance(returned[0], torch.nn.Module):
        raise RanvierError(
            f"Function {given} must return (module, input_shape), a torch.nn.Module and the shape of its input without"
            f" batch and time, not {type(returned).__name__}"
        )
    module, shape = returned
    sizes = [shape] if isinstance(shape, int) else shape
    if not isinstance(sizes, tuple | list) or not sizes or not all(type(n) is int and n > 0 for n in sizes):
        raise RanvierError(f"Function {given} must return an input_shape such as (1, 8, 8), not {shape!r}")
    if any(each.training for each in module.modules()):
        raise RanvierError(f"Function {given} must return a module in eval mode; call its eval() first")
    return Source(given, function, module, tuple(sizes))


def _told(error: BaseException) -> str:
    text = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
