"""The page over a training: ``training.html``, which needs nothing else, like :mod:`.page`."""

from collections.abc import Iterable, Sequence
from functools import partial

import jinja2
from markupsafe import Markup

from ..training.results import EpochFigures, TrainingResult
from .curves import curves, stack
from .page import figures, flat, number, percent

PHASES = ("load", "forward", "assess", "backward", "gradient", "update")
_HALF = 440  # pixels of a drawing beside another


def render_training(result: TrainingResult) -> str:
    """The page for ``result``."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ranvier.gen.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"number": number, "percent": percent}
    epochs = result.epochs
    drawings = {} if not epochs else _drawings(epochs)
    return environment.get_template("training.html.jinja").render(
        result=result,
        epochs=epochs,
        shape=_shape(result),
        style=Markup(environment.get_template("style.css").render()),
        configuration=[row for row in flat(result.configuration) if row[1] is not None],
        **drawings,
    )


def _drawings(epochs: Sequence[EpochFigures]) -> dict[str, Markup | None]:
    accuracy = {"test": [e.test_accuracy for e in epochs], "training": [e.train_accuracy for e in epochs]}
    least = min(min(values) for values in accuracy.values())
    low = next(bound for bound in (0.95, 0.9, 0.8, 0.6, 0.4, 0.2, 0.0) if bound <= least)
    loss = {"test": [e.test_loss for e in epochs], "training": [e.train_loss for e in epochs]}
    spikes = {name: [e.spikes[name] for e in epochs] for name in epochs[0].spikes if _fires(epochs, name)}
    gradients = {name: [e.gradients[name] for e in epochs] for name in epochs[0].gradients}
    half = partial(curves, low=0, tick=percent, width=_HALF)
    cycles = None
    if any(epoch.cycles for epoch in epochs):
        shares = {phase: [(epoch.cycles or {}).get(phase, 0.0) for epoch in epochs] for phase in PHASES}
        cycles = stack("Cycles by phase", shares, tick=figures)
    return {
        "accuracy": curves("Accuracy over the epochs", accuracy, low=low, high=1, tick=percent),
        "loss": curves("Loss over the epochs", loss, low=0, high=_top(loss.values()), tick=figures),
        "spikes": half("Spikes over the epochs", spikes, high=_top(spikes.values())),
        "gradients": half("Gradients over the epochs", gradients, high=_top(gradients.values())),
        "cycles": cycles,
    }


def _fires(epochs: Sequence[EpochFigures], name: str) -> bool:
    return name == "input" or any(epoch.spikes[name] for epoch in epochs)


def _top(series: Iterable[Sequence[float]]) -> float:
    return max(max(values) for values in series) * 1.05 or 1.0


def _shape(result: TrainingResult) -> str:
    chain = " → ".join(str(count) for count in result.layers)
    settings = result.configuration
    return (
        f"{chain} neurons, {settings['steps']} steps a sample; {result.train_samples:,} samples to learn from in"
        f" batches of {settings['batch']}, {settings['lanes']} lanes"
    )
