"""Drawings of the report as inline SVG: coloured by the page's style sheet, so that they follow light and dark."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from markupsafe import Markup

WIDTH = 804  # of the drawings of activity, in pixels
LEFT, RIGHT = 128, 12  # margins for names and for the last label
_RASTER_HEIGHT = (56, 170)
_TRACE_HEIGHT, _READOUT_HEIGHT, _GAP = 44, 120, 14


@dataclass(frozen=True)
class Population:
    """What one layer did in the samples shown, one after the other.

    ``spikes`` bool and ``membrane`` int64 ``[steps, neurons]``, ``threshold`` int64 ``[neurons]`` or None for a
    readout; ``membrane`` None for the input.
    """

    name: str
    spikes: np.ndarray
    membrane: np.ndarray | None = None
    threshold: np.ndarray | None = None


@dataclass(frozen=True)
class Span:
    """One sample on the time axis: ``steps`` of it, and a short ``title``."""

    steps: int
    title: str


class _Canvas:
    """Collects SVG elements below each other."""

    def __init__(self, columns: int) -> None:
        self.step = (WIDTH - LEFT - RIGHT) / columns
        self.parts: list[str] = []
        self.y = 22.0

    def x(self, column: float) -> float:
        return LEFT + column * self.step

    def text(self, x: float, y: float, text: str, style: str = "label") -> None:
        self.parts.append(f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>')

    def path(self, commands: str, style: str) -> None:
        self.parts.append(f'<path class="{style}" d="{commands}"/>')

    def svg(self, title: str) -> Markup:
        return drawing(WIDTH, self.y, title, self.parts)


def activity(populations: Sequence[Population], spans: Sequence[Span], neurons_shown: int = 3) -> Markup:
    """Spike raster of each population, membrane traces of its ``neurons_shown`` most active neurons (a readout: of
    all), on one axis of steps."""
    canvas = _Canvas(sum(span.steps for span in spans))
    bands: list[tuple[int, Span]] = []
    start = 0
    for span in spans:
        canvas.text(canvas.x(start + span.steps / 2), 12, span.title, "title")
        bands.append((start, span))
        start += span.steps
    for population in populations:
        if population.membrane is None or population.threshold is not None:
            _raster(canvas, population)
        if population.membrane is not None:
            if population.threshold is None:
                _readout(canvas, population, bands)
            else:
                _traces(canvas, population, neurons_shown, bands)
    height = canvas.y
    shades = [
        f'<rect class="band" x="{canvas.x(first):.1f}" y="18" width="{span.steps * canvas.step:.1f}" '
        f'height="{height - 18 - _GAP:.1f}"/>'
        for first, span in bands[::2]
    ]
    canvas.parts[:0] = shades
    canvas.text(canvas.x(0), height + 2, "0", "tick")
    canvas.text(canvas.x(start), height + 2, f"{start} steps", "tick end")
    canvas.y += 8
    return canvas.svg("Spikes and membrane potentials over time")


def _raster(canvas: _Canvas, population: Population) -> None:
    neurons = population.spikes.shape[1]
    height = float(np.clip(neurons * 1.6, *_RASTER_HEIGHT))
    row = height / neurons
    top = canvas.y
    when, which = np.nonzero(population.spikes)
    width, thick = max(canvas.step * 0.55, 0.8), max(row * 0.8, 0.8)
    marks = "".join(
        f"M{canvas.x(t + 0.5) - width / 2:.1f} {top + (n + 0.5) * row:.1f}h{width:.1f}"
        for t, n in zip(when.tolist(), which.tolist(), strict=True)
    )
    canvas.parts.append(f'<path class="spikes" stroke-width="{thick:.2f}" d="{marks}"/>')
    canvas.path(f"M{LEFT} {top:.1f}v{height:.1f}", "axis")
    canvas.text(0, top + 11, population.name, "name")
    canvas.text(0, top + 25, f"{neurons} {'inputs' if population.membrane is None else 'neurons'}", "label")
    canvas.text(LEFT - 5, top + 8, "0", "tick end")
    canvas.text(LEFT - 5, top + height, f"{neurons - 1}", "tick end")
    canvas.y += height + _GAP


def _traces(canvas: _Canvas, population: Population, shown: int, bands: Sequence[tuple[int, Span]]) -> None:
    assert population.membrane is not None
    assert population.threshold is not None
    order = np.argsort(-np.count_nonzero(population.spikes, axis=0), kind="stable")[:shown]
    for neuron in order.tolist():
        trace, threshold = population.membrane[:, neuron], int(population.threshold[neuron])
        low, high = min(int(trace.min()), 0), max(int(trace.max()), threshold)
        top, height = canvas.y, _TRACE_HEIGHT

        def level(value: int, top: float = top, low: int = low, high: int = high) -> float:
            return top + _TRACE_HEIGHT * (high - value) / max(high - low, 1)

        canvas.path(f"M{LEFT} {level(threshold):.1f}H{WIDTH - RIGHT}", "threshold")
        _lines(canvas, trace, bands, level, "trace")
        fired = "".join(
            f"M{canvas.x(t + 0.5):.1f} {top - 3:.1f}v7" for t in np.flatnonzero(population.spikes[:, neuron]).tolist()
        )
        canvas.path(fired, "fired")
        canvas.path(f"M{LEFT} {top:.1f}v{height}", "axis")
        canvas.text(0, top + height / 2 + 4, f"neuron {neuron}", "label")
        canvas.text(LEFT - 5, level(threshold) + 4, "θ", "tick end")
        canvas.y += height + _GAP


def _readout(canvas: _Canvas, population: Population, bands: Sequence[tuple[int, Span]]) -> None:
    assert population.membrane is not None
    membrane = population.membrane
    low, high = min(int(membrane.min()), 0), max(int(membrane.max()), 1)
    top = canvas.y

    def level(value: int) -> float:
        return top + _READOUT_HEIGHT * (high - value) / (high - low)

    canvas.path(f"M{LEFT} {level(0):.1f}H{WIDTH - RIGHT}", "threshold")
    for first, span in bands:
        part = membrane[first : first + span.steps]
        best = int(part.sum(axis=0).argmax())
        for neuron in sorted(range(part.shape[1]), key=lambda n: n == best):
            _lines(canvas, membrane[:, neuron], [(first, span)], level, "trace" if neuron == best else "other")
        canvas.text(canvas.x(first + span.steps) - 4, level(int(part[-1, best])) - 5, f"{best}", "tick end strong")
    canvas.path(f"M{LEFT} {top:.1f}v{_READOUT_HEIGHT}", "axis")
    canvas.text(0, top + 11, population.name, "name")
    canvas.text(0, top + 25, f"{membrane.shape[1]} readouts", "label")
    canvas.text(LEFT - 5, level(0) + 4, "0", "tick end")
    canvas.y += _READOUT_HEIGHT + _GAP


def _lines(
    canvas: _Canvas, trace: np.ndarray, bands: Sequence[tuple[int, Span]], level: Callable[[int], float], style: str
) -> None:
    commands = []
    for first, span in bands:
        points = enumerate(trace[first : first + span.steps].tolist(), first)
        commands.append("M" + "L".join(f"{canvas.x(t + 0.5):.1f} {level(value):.1f}" for t, value in points))
    canvas.path("".join(commands), style)


def confusion(matrix: np.ndarray) -> Markup:
    """Matrix int ``[classes, classes]``, labels down, predictions across; the darker the more."""
    classes = len(matrix)
    cell = min(max(300 / classes, 14), 34)
    size, left, top = cell * classes, 40, 30
    peak = max(int(matrix.max()), 1)
    parts = [
        f'<text class="label mid" x="{left + size / 2:.0f}" y="11">predicted</text>',
        f'<text class="label mid" transform="translate(10 {top + size / 2:.0f}) rotate(-90)">label</text>',
    ]
    for k in range(classes):
        middle = (k + 0.5) * cell
        parts.append(f'<text class="tick mid" x="{left + middle:.1f}" y="{top - 5}">{k}</text>')
        parts.append(f'<text class="tick end" x="{left - 6}" y="{top + middle + 4:.1f}">{k}</text>')
    for (row, column), number in np.ndenumerate(matrix):
        style = "hit" if row == column else "miss"
        shade = 0.0 if not number else 0.15 + 0.85 * number / peak
        x, y = left + column * cell, top + row * cell
        box = f'x="{x + 1:.1f}" y="{y + 1:.1f}" width="{cell - 2:.1f}" height="{cell - 2:.1f}" rx="2"'
        parts.append(f'<rect class="cell" {box}/>')
        if number:
            parts.append(f'<rect class="{style}" fill-opacity="{shade:.2f}" {box}/>')
            if cell >= 18:
                ink = "count on" if shade > 0.55 else "count"
                parts.append(f'<text class="{ink}" x="{x + cell / 2:.1f}" y="{y + cell / 2 + 4:.1f}">{number}</text>')
    return drawing(left + size + 4, top + size + 4, "Confusion matrix", parts)


def bar(share: float) -> Markup:
    """A bar filled to ``share`` (0 … 1), at least a hair where it is more than nothing."""
    filled = max(share * 100, 0.6 if share > 0 else 0)
    return Markup(
        '<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rest" width="100" height="1"/>'
        f'<rect class="full" width="{filled:.2f}" height="1"/></svg>'
    )


def waterfall(start: float, logic: float, routing: float, total: float) -> Markup:
    """One row of a path: ``logic`` then ``routing`` nanoseconds, after ``start``, of ``total``."""
    scale = 100 / total if total else 0.0
    return Markup(
        '<svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rest" width="100" height="1"/>'
        f'<rect class="full" x="{start * scale:.2f}" width="{logic * scale:.2f}" height="1"/>'
        f'<rect class="route" x="{(start + logic) * scale:.2f}" width="{routing * scale:.2f}" height="1"/></svg>'
    )


def drawing(width: float, height: float, title: str, parts: Sequence[str]) -> Markup:
    """An SVG of this size in pixels, of ``parts``."""
    body = "".join(parts)
    return Markup(
        f'<svg class="figure" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )
