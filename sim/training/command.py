"""``ranvier train``: a network trained by the golden model or by the RTL, with the same numbers."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ranvier.gen.training.checkpoint import Checkpoint
    from ranvier.gen.training.engine import Engine
    from ranvier.gen.training.plan import TrainingPlan
    from ranvier.gen.training.results import Check, EpochFigures, TrainingResult


class _On(StrEnum):
    golden = "golden"
    rtl = "rtl"


def register(app: typer.Typer) -> None:
    app.command()(train)


def train(
    model: Annotated[str, typer.Argument(help="A .toml configuration with a table [training], or a preset.")],
    on: Annotated[_On, typer.Option(help="What trains: the golden model, or the RTL, simulated.")] = _On.golden,
    epochs: Annotated[int | None, typer.Option(min=1, help="In place of the configuration's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="In place of the configuration's.")] = None,
    build: Annotated[Path | None, typer.Option(help="Build folder (default: build/NAME).")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the build folder.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Start again, over a training that is there.")] = False,
    check: Annotated[int, typer.Option(min=0, help="Replay so many samples in RTL and compare every value.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print training.json at the end, and nothing else.")] = False,
) -> None:
    """Train the network of MODEL by backpropagation through time, in the trainer's integers.

    Interrupted (Ctrl-C, SIGTERM), it keeps a checkpoint; --resume goes on from there, bit for bit. Exit status 1 if
    --check finds a difference.
    """
    from rich.console import Console

    from ranvier.gen.errors import RanvierError
    from ranvier.gen.interruption import InterruptionError, noted
    from ranvier.gen.training.folder import opened
    from ranvier.gen.training.plan import load_plan
    from ranvier.gen.training.session import Session
    from ranvier.gen.training.writing import write_result

    from .display import Display

    if check and on is _On.rtl:
        raise RanvierError("Option --check compares a training by golden with the RTL; leave --on rtl out")
    console = Console(stderr=True, highlight=False)
    with console.status(f"reading {model}") as status:
        plan = load_plan(model, epochs=epochs, seed=seed)
        folder = build or Path("build") / plan.name
        checkpoint = opened(plan, folder, resume=resume, force=force)
        if check or on is _On.rtl:
            status.update("compiling the RTL (once; up to some minutes)")
        engine = _engine(plan, on, check, checkpoint)
    with Display(plan, quiet=as_json) as display, noted() as signal:

        def write(session: Session, *, end: bool = False) -> "TrainingResult":
            weights = engine.save().weights if end else None
            return write_result(plan, folder, session.figures, weights=weights, check=_checked(engine))

        def finished(figures: "EpochFigures") -> None:
            display.finished(figures)
            write(session)

        session = Session(
            plan,
            engine,
            folder,
            checkpoint,
            watch=display.watch,
            finished=finished,
            stop=lambda: signal() is not None,
        )
        ended = session.run()
        result = write(session, end=ended)
    number = signal()
    if not ended and number is not None:
        at = f"epoch {len(session.figures) + 1} after {session.position.samples} of {len(plan.data.train)} samples"
        raise InterruptionError(number, f"{folder} keeps {at}: add --resume to go on")
    if as_json:
        print(result.model_dump_json(indent=2))
    else:
        display.summary(result, str(folder))
    if result.check is not None and result.check.mismatches:
        typer.echo(f"ranvier: mismatch: {result.check.first}", err=True)
        raise typer.Exit(1)


def _engine(plan: "TrainingPlan", on: _On, check: int, checkpoint: "Checkpoint | None") -> "Engine":
    from ranvier.gen.training.engine import GoldenEngine

    if on is _On.golden and not check:
        return GoldenEngine(plan.setup)
    from .check import CheckedEngine
    from .device import TrainerDevice
    from .engine import RtlEngine

    device = TrainerDevice(plan.config)
    if on is _On.rtl:
        return RtlEngine(device)
    samples = len(plan.data.train)
    position = 0
    if checkpoint is not None:
        position = len(checkpoint.position.epochs) * samples + checkpoint.position.samples
    return CheckedEngine(
        GoldenEngine(plan.setup),
        device,
        count=check,
        total=samples * plan.training.epochs,
        seed=plan.training.seed,
        position=position,
    )


def _checked(engine: "Engine") -> "Check | None":
    from .check import CheckedEngine

    return engine.result() if isinstance(engine, CheckedEngine) else None
