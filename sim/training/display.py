"""A training on the terminal: a bar while it runs, a line for each epoch, a summary at the end."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from ranvier.gen.report.page import number, percent
from ranvier.gen.training.plan import TrainingPlan
from ranvier.gen.training.results import EpochFigures, TrainingResult
from ranvier.gen.training.session import Moment


class Display:
    """Shows a training of ``plan``; ``quiet``: only the bar, and that only on a terminal."""

    def __init__(self, plan: TrainingPlan, *, quiet: bool) -> None:
        self._plan, self._quiet = plan, quiet
        self._console = Console(highlight=False)
        stderr = Console(stderr=True, highlight=False)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
        )
        self._progress = Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal)
        self._epoch = len(plan.data.train) + len(plan.data.test)
        self._task: TaskID | None = None

    def __enter__(self) -> "Display":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def watch(self, moment: Moment) -> None:
        """Move the bar."""
        epochs = self._plan.training.epochs
        doing = "testing" if moment.testing else "learning"
        done = moment.epoch * self._epoch + moment.done + (len(self._plan.data.train) if moment.testing else 0)
        if self._task is None:
            self._task = self._progress.add_task("", total=epochs * self._epoch, completed=done, figures="")
        self._progress.update(
            self._task,
            completed=done,
            description=f"epoch {moment.epoch + 1}/{epochs}, {doing}",
            figures=f"loss {moment.loss:.3f}, accuracy {percent(moment.accuracy)}",
        )

    def finished(self, figures: EpochFigures) -> None:
        """A line for an epoch."""
        if self._quiet:
            return
        saturated = sum(figures.saturations.values())
        extra = f", {number(figures.cycles['busy'])} cycles a sample" if figures.cycles else ""
        extra += f", {number(saturated)} saturated" if saturated else ""
        self._console.print(
            f"epoch {figures.epoch:3d}/{self._plan.training.epochs}  loss {figures.train_loss:.4f}  "
            f"training {figures.train_accuracy:7.2%}  test {figures.test_accuracy:7.2%}  "
            f"{figures.samples_per_second:,.0f} samples/s{extra}",
            soft_wrap=True,
        )

    def summary(self, result: TrainingResult, folder: str) -> None:
        """What came of it."""
        table = Table(title=f"{result.name}: trained by {_engines(result)}", show_header=False)
        last = result.epochs[-1]
        rows = {
            "network": " → ".join(str(count) for count in result.layers),
            "samples × epochs": f"{result.train_samples:,} × {len(result.epochs)}",
            "test accuracy": f"{last.test_accuracy:.2%} of {result.test_samples:,}",
            "spikes": _shares(last.spikes),
            "gradients that are not 0": _shares(last.gradients),
            "saturations, last epoch": ", ".join(f"{name} {count:,}" for name, count in last.saturations.items()),
            "seconds": f"{sum(epoch.seconds for epoch in result.epochs):,.1f}",
        }
        if result.check is not None:
            check = result.check
            wrong = f"[red]{check.mismatches:,}[/]" if check.mismatches else "[green]0[/]"
            rows["replayed in RTL"] = f"{check.samples:,} samples, {check.compared:,} values, mismatches {wrong}"
        for name, value in rows.items():
            table.add_row(name, value)
        self._console.print(table)
        self._console.print(f"{folder}: {', '.join(['training.json', 'training.html', *result.files])}", soft_wrap=True)


def _engines(result: TrainingResult) -> str:
    names = {"golden": "the golden model", "rtl": "the RTL"}
    return " and ".join(dict.fromkeys(names.get(epoch.engine, epoch.engine) for epoch in result.epochs))


def _shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {percent(share)}" for name, share in shares.items() if share)
