"""A build folder: which files in it are Ranvier's, and how they are replaced without touching any other."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import RanvierError

MANIFEST = "manifest.json"
TRAININGS = ("checkpoint.npz", "training.json")  # a folder with one of them is a training's, before its manifest
_FIELDS = {"name", "hash", "files", "layers"}  # what tells a manifest of ours
_RESULTS = ("sim.json", "traces.npz", "synth_*.json", "report.html", "report.json", "waves.fst", "mismatch.fst")
_WORK = ".new."  # a folder of this prefix inside says that files are being replaced, or that this was killed


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of the build in ``folder``, or None where there is none."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.keys() >= _FIELDS else None


def is_current(folder: Path, build_hash: str) -> bool:
    """Whether ``folder`` holds all files of the build with this hash."""
    manifest = read_manifest(folder)
    return (
        manifest is not None
        and manifest["hash"] == build_hash
        and all((folder / name).is_file() for name in manifest["files"])
        and not any(folder.glob(_WORK + "*"))
    )


def write_build(folder: Path, build_hash: str, write: Callable[[Path], None]) -> dict[str, Any]:
    """Let ``write`` fill a build folder, unless the build of this hash is there, and return its manifest.

    Raises RanvierError, after which the folder is as it was.
    """
    if not is_current(folder, build_hash):
        with replaced_build(folder) as work:
            write(work)
    manifest = read_manifest(folder)
    if manifest is None:
        raise RanvierError(f"Build folder {folder} was changed while it was written; run this again")
    return manifest


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in ``folder``, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@contextmanager
def replaced_build(folder: Path) -> Iterator[Path]:
    """A folder to write a whole build into; at the end its files replace those of the build in ``folder``.

    The old build's results go with it; files that are not Ranvier's stay. Raises RanvierError where ``folder`` holds
    something else, or a file of the build that was changed by hand. An exception leaves all as it was.
    """
    created = not folder.exists()
    _check(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for killed in folder.glob(_WORK + "*"):
            shutil.rmtree(killed)
        work = Path(tempfile.mkdtemp(prefix=_WORK, dir=folder))
        try:
            yield work
            old = (read_manifest(folder) or {"files": {}})["files"]
            new = {path.name for path in work.iterdir()}
            for path in [folder / MANIFEST, *(path for result in _RESULTS for path in folder.glob(result))]:
                path.unlink(missing_ok=True)
            for name in set(old) - new:
                (folder / name).unlink(missing_ok=True)
            for name in sorted(new, key=lambda name: name == MANIFEST):  # the manifest last
                (work / name).replace(folder / name)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise RanvierError(f"Build folder {folder} must be writable: {error.strerror}; name another") from None
    finally:
        if created:
            with suppress(OSError):
                folder.rmdir()  # if nothing was put there


def _check(folder: Path) -> None:
    if not folder.exists():
        return
    manifest = read_manifest(folder)
    known = manifest is not None or any((folder / name).is_file() for name in TRAININGS)
    if not folder.is_dir() or (not known and any(folder.iterdir()) and not any(folder.glob(_WORK + "*"))):
        raise RanvierError(f"Build folder {folder} must be new, empty or a build: it holds other files; name another")
    if manifest is None or any(folder.glob(_WORK + "*")):
        return
    for name, digest in manifest["files"].items():
        path = folder / name
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise RanvierError(
                f"Build file {path} was changed since it was generated; move it away to keep it, or name another folder"
            )
