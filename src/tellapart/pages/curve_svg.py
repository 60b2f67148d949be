"""Curves as small SVG elements: how numbers moved over the epochs, in the colors of the page around it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 300, 150
"""Of a panel, in the drawing's own pixels."""

LEFT, RIGHT, TOP, BOTTOM = 46, 10, 24, 22
"""Margins of a panel."""

MOST_POINTS = 150
"""Of a curve; of more, evenly spread ones and the last are drawn."""

STROKES = ('stroke="#3b7de0" stroke-width="2"', 'stroke="#d9731a" stroke-width="2" stroke-dasharray="5 3"')
"""Of the first and the second curve; dashes tell them apart without colors."""


@dataclass(frozen=True)
class Panel:
    """Curves of one kind of number."""

    title: str
    curves: Mapping[str, Sequence[float]]
    """Name -> a value for each epoch; at most two curves."""

    epochs: int
    """Of the whole training: the length of the axis."""


def curves_svg(panels: Sequence[Panel]) -> str:
    """Return an element for each panel, which stand side by side; values that are not finite are left out."""
    return "".join(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        f'aria-label="{escape(_spoken(panel))}" fill="none" stroke-linejoin="round" '
        f'font-family="system-ui, sans-serif" font-size="11">{_panel(panel)}</svg>'
        for panel in panels
    )


def _spoken(panel: Panel) -> str:
    ends = [f"{name} {_number(values[-1])}" for name, values in panel.curves.items() if len(values)]
    return f"{panel.title} after {max(map(len, panel.curves.values()), default=0)} epochs: {', '.join(ends)}"


def _panel(panel: Panel) -> str:
    finite = [value for values in panel.curves.values() for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low == high:
        low, high = low - abs(low) * 0.1 - 1e-3, high + abs(high) * 0.1 + 1e-3
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def place(epoch: int, value: float) -> str:
        x = LEFT + (right - LEFT) * epoch / max(1, panel.epochs - 1)
        return f"{x:.1f},{bottom - (bottom - TOP) * (value - low) / (high - low):.1f}"

    lines = []
    for (name, values), stroke in zip(panel.curves.items(), STROKES, strict=False):
        step = max(1, -(-len(values) // MOST_POINTS))
        epochs = [*range(0, len(values) - 1, step), len(values) - 1] if len(values) else []
        points = [place(epoch, values[epoch]) for epoch in epochs if math.isfinite(values[epoch])]
        if len(points) == 1:
            x, y = points[0].split(",")
            lines.append(f'<circle cx="{x}" cy="{y}" r="2.5" {stroke}><title>{escape(name)}</title></circle>')
        elif points:
            lines.append(
                f'<polyline points="{" ".join(points)}" {stroke}><title>{escape(name)}</title></polyline>'
            )
    axes = (
        f'<path d="M{LEFT} {TOP}V{bottom}H{right}" stroke="currentColor" stroke-opacity="0.35"/>'
        f'<g fill="currentColor"><text x="{LEFT - 5}" y="{TOP + 4}" text-anchor="end">{_number(high)}</text>'
        f'<text x="{LEFT - 5}" y="{bottom + 4}" text-anchor="end">{_number(low)}</text>'
        f'<text x="{right}" y="{HEIGHT - 6}" text-anchor="end">epoch {panel.epochs}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">1</text></g>'
    )
    return f"{axes}{_legend(panel)}{''.join(lines)}"


def _legend(panel: Panel) -> str:
    parts = [f'<text x="{LEFT}" y="14" fill="currentColor" font-weight="600">{escape(panel.title)}</text>']
    x = LEFT + 64
    for name, stroke in zip(panel.curves, STROKES, strict=False):
        parts.append(
            f'<path d="M{x} 10h18" {stroke}/><text x="{x + 22}" y="14" fill="currentColor">{escape(name)}</text>'
        )
        x += 40 + 6 * len(name)
    return "".join(parts)


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "not finite"
