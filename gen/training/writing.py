"""What a training leaves in its build folder: figures, page, network."""

from pathlib import Path

import numpy as np

from ranvier.golden.train.loss import CountError

from ..errors import RanvierError
from ..files import written_aside
from ..report.training import render_training
from .export import export
from .folder import PAGE, RESULT
from .plan import TrainingPlan
from .results import Check, EpochFigures, TrainingResult


def write_result(
    plan: TrainingPlan,
    folder: Path,
    epochs: list[EpochFigures],
    *,
    weights: list[np.ndarray] | None = None,
    check: Check | None = None,
) -> TrainingResult:
    """Write ``training.json`` and ``training.html``; with the final ``weights``, the network too.

    Raises RanvierError.
    """
    result = TrainingResult(
        name=plan.name,
        hash=plan.hash,
        configuration=plan.description,
        layers=plan.training.layers,
        loss_unit="squared spikes" if isinstance(plan.setup.loss, CountError) else "nats",
        train_samples=len(plan.data.train),
        test_samples=len(plan.data.test),
        epochs=epochs,
        finished=weights is not None,
        check=check,
        files=[] if weights is None else export(plan, weights, folder),
    )
    _write(folder / PAGE, render_training(result))
    _write(folder / RESULT, result.model_dump_json(indent=2) + "\n")
    return result


def read_result(folder: Path) -> TrainingResult:
    """The figures of the training in ``folder``. Raises RanvierError."""
    path = folder / RESULT
    try:
        return TrainingResult.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError:
        raise RanvierError(f"Build folder {folder} must hold {RESULT}: run 'ranvier train' first") from None
    except ValueError:
        raise RanvierError(f"File {path} is damaged: run 'ranvier train' again") from None


def write_page(folder: Path) -> Path:
    """Write ``training.html`` again from ``training.json``; its path. Raises RanvierError."""
    _write(folder / PAGE, render_training(read_result(folder)))
    return folder / PAGE


def _write(path: Path, text: str) -> None:
    with written_aside(path, "Result") as aside:
        aside.write_text(text, encoding="utf-8")
