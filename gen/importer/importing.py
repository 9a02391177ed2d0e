"""``MODULE.py:FUNCTION`` to files, each step of it: load, trace, translate, write, read back, compare."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..config import load_configuration
from ..errors import RanvierError
from ..files import written_aside
from ..identifiers import identifier
from ..network import Network
from ..readers import read_network
from .compare import Comparison, compare, fresh
from .discretisation import agreed
from .draft import Draft, Rule
from .source import Source, load
from .trace import trace
from .translate import translate
from .write import files

STEPS = 16  # quantisation.steps' default


@dataclass(frozen=True, eq=False)
class Imported:
    """What was written, and how it compares with the original."""

    model: Path
    configuration: Path
    draft: Draft
    rule: Rule
    comparison: Comparison


def import_module(given: str, folder: Path, steps: int | None, seed: int, force: bool) -> Imported:
    """Import ``given`` into ``folder``, which is as it was if this raises RanvierError."""
    return import_source(load(given), folder, steps, seed, force)


def import_source(source: Source, folder: Path, steps: int | None, seed: int = 1, force: bool = False) -> Imported:
    """The same of what the user's function returned."""
    given, name = source.name, identifier(source.function, "network")
    targets = folder / f"{name}.nir", folder / f"{name}.toml"
    for path in targets:
        if path.exists() and not (force and path.is_file()):
            raise RanvierError(f"File {path} exists; use --force, or name another folder with --output")
    module = fresh(source.module).double()
    traced = trace(module, source.shape, given)
    draft = translate(module, traced, source.shape, given)
    rule, steps = agreed(draft, given), _steps(draft, steps, given)
    with tempfile.TemporaryDirectory() as scratch:
        written = files(Path(scratch), name, draft, rule, given, steps)
        comparison = compare(source, traced, _read(written[1]), steps, seed)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = f"Folder {folder} cannot be made: {error.strerror}; name another with --output"
            raise RanvierError(text) from None
        with written_aside(targets[0], "Model") as model, written_aside(targets[1], "Configuration") as beside:
            shutil.copy(written[0], model)
            shutil.copy(written[1], beside)
    return Imported(*targets, draft, rule, comparison)


def _read(path: Path) -> Network:
    """The network of a configuration, as all other commands read it; the folder is left out of what is raised."""
    configuration = load_configuration(str(path))
    assert configuration.model is not None
    try:
        return read_network(configuration.model, configuration.discretisation)
    except RanvierError as error:
        raise RanvierError(str(error).replace(f"{path.absolute().parent}/", "")) from None


def _steps(draft: Draft, wanted: int | None, given: str) -> int:
    """How many steps, where norms of each step do not say it themselves."""
    for name, count in draft.steps.items():
        if wanted not in (None, count):
            raise RanvierError(f"Model {given}: norm '{name}' has {count} steps, not {wanted}; use --steps {count}")
        wanted = count
    return wanted or STEPS
