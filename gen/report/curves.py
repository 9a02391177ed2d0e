"""Curves and stacked bars over the epochs of a training, as inline SVG like :mod:`.figures`."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

from markupsafe import Markup

from .figures import LEFT, RIGHT, WIDTH, drawing

_HEIGHT, _TOP, _BOTTOM = 190, 14, 30
_TICKS = (1, 2, 5)
_NAMES = 104  # pixels right of the curves, for their names
_LINE = 13  # least distance of two names


def curves(
    title: str,
    series: Mapping[str, Sequence[float]],
    *,
    low: float,
    high: float,
    tick: Callable[[float], str],
    width: int = WIDTH,
) -> Markup:
    """A line for each of ``series`` (a value for each epoch, from epoch 1 on) between ``low`` and ``high``.

    The first is drawn strongest; each is named at its end. ``tick`` writes a value of the axis.
    """
    count = max(len(values) for values in series.values())
    parts = _frame(count, low, high, tick, width)
    ends: list[tuple[float, str, str]] = []
    for number, (name, values) in enumerate(series.items()):
        points = [(_x(epoch, count, width), _y(value, low, high)) for epoch, value in enumerate(values)]
        style = f"line{number % 4}"
        if len(points) == 1:
            parts.append(f'<circle class="{style} dot" cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3"/>')
        parts.append(f'<path class="{style}" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>')
        ends.append((points[-1][1], name, style))
    parts += _names(ends, width)
    return drawing(width, _HEIGHT, title, parts)


def stack(title: str, shares: Mapping[str, Sequence[float]], *, tick: Callable[[float], str]) -> Markup:
    """A bar for each epoch of which each of ``shares`` is a part, the first at the bottom."""
    count = max(len(values) for values in shares.values())
    high = max(sum(parts) for parts in zip(*shares.values(), strict=True)) or 1.0
    drawn = _frame(count, 0, high, tick, WIDTH)
    base = [0.0] * count
    ends: list[tuple[float, str, str]] = []
    thick = min((WIDTH - LEFT - RIGHT - _NAMES) / count * 0.7, 40)
    for number, (name, values) in enumerate(shares.items()):
        style = f"area{number % 6}"
        for epoch, value in enumerate(values):
            top, bottom = _y(base[epoch] + value, 0, high), _y(base[epoch], 0, high)
            x = _x(epoch, count, WIDTH) - thick / 2
            box = f'x="{x:.1f}" y="{top:.1f}" width="{thick:.1f}" height="{bottom - top:.1f}"'
            drawn.append(f'<rect class="{style}" {box}/>')
        ends.append((_y(base[-1] + values[-1] / 2, 0, high), name, style))
        base = [a + b for a, b in zip(base, values, strict=True)]
    drawn += _names(ends, WIDTH)
    return drawing(WIDTH, _HEIGHT, title, drawn)


def _x(epoch: int, count: int, width: int) -> float:
    return LEFT + (width - LEFT - RIGHT - _NAMES) * (epoch + 0.5) / count


def _y(value: float, low: float, high: float) -> float:
    share = (min(max(value, low), high) - low) / ((high - low) or 1)
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)


def _frame(count: int, low: float, high: float, tick: Callable[[float], str], width: int) -> list[str]:
    right = width - RIGHT - _NAMES
    parts = []
    for value in _ticks(low, high):
        y = _y(value, low, high)
        parts.append(f'<path class="axis" d="M{LEFT} {y:.1f}H{right}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 6}" y="{y + 3.5:.1f}">{escape(tick(value))}</text>')
    every = max(-(-count // 10), 1)
    for epoch in range(count):
        if (epoch == 0 and every > 2) or (epoch + 1) % every == 0:
            y = _HEIGHT - _BOTTOM + 14
            parts.append(f'<text class="tick mid" x="{_x(epoch, count, width):.1f}" y="{y}">{epoch + 1}</text>')
    parts.append(f'<text class="label mid" x="{(LEFT + right) / 2:.0f}" y="{_HEIGHT - 2}">epoch</text>')
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Four or so round values."""
    span = (high - low) or 1.0
    decade = 10.0 ** math.floor(math.log10(span / 4))
    step = next((m * decade for m in _TICKS if m * decade >= span / 5), 10 * decade)
    first = -(-low // step)
    return [(first + n) * step for n in range(int((high - first * step) / step + 1e-9) + 1)]


def _names(ends: list[tuple[float, str, str]], width: int) -> list[str]:
    """Names beside the ends of the curves, moved apart where they would overlap."""
    parts, free = [], 0.0
    lowest = _HEIGHT - _BOTTOM + 4 - _LINE * (len(ends) - 1)
    for number, (y, name, style) in enumerate(sorted(ends)):
        y = max(min(y + 4, lowest + _LINE * number), free)
        free = y + _LINE
        x = width - RIGHT - _NAMES + 8
        parts.append(f'<text class="{style} of" x="{x}" y="{y:.1f}">{escape(name)}</text>')
    return parts
