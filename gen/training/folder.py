"""The files of a training in its build folder, and whether a training may begin there."""

from pathlib import Path

from ..errors import RanvierError
from ..folder import TRAININGS, read_manifest
from .checkpoint import CHECKPOINT, Checkpoint
from .plan import TrainingPlan

RESULT, PAGE = "training.json", "training.html"


def opened(plan: TrainingPlan, folder: Path, *, resume: bool, force: bool) -> Checkpoint | None:
    """The checkpoint to go on from, or None to start with; makes ``folder``. Raises RanvierError where files would be
    lost, or there is nothing to resume."""
    if resume and force:
        raise RanvierError("Only one of --resume and --force can be followed; leave the other out")
    path = folder / CHECKPOINT
    if folder.exists():
        _check(folder)
    if path.exists() and not (resume or force):
        raise RanvierError(
            f"Build folder {folder} holds a training: go on with it by --resume, or start again by --force"
        )
    if resume:
        if not path.exists():
            raise RanvierError(f"Build folder {folder} must hold {CHECKPOINT} to resume from; leave --resume out")
        return Checkpoint.load(path, plan.hash, plan.setup)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RanvierError(f"Build folder {folder} must be writable: {error.strerror}; name another") from None
    return None


def _check(folder: Path) -> None:
    manifest = read_manifest(folder)
    if manifest is not None:
        if "program.npz" in manifest["files"]:
            raise RanvierError(f"Build folder {folder} holds the build of a chip; name another")
        return
    ours = any((folder / name).exists() for name in TRAININGS)
    if not folder.is_dir() or (not ours and any(path for path in folder.iterdir() if path.name[0] != ".")):
        raise RanvierError(f"Build folder {folder} must be new, empty or a build: it holds other files; name another")
