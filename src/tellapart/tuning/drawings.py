"""Drawings: trials as SVG elements in the colors of the page around them, for wide windows and for narrow ones.

A narrow drawing is laid out anew and not shrunk, so that its text stays readable.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tellapart.text import on_page, percent
from tellapart.tuning.domain import Domain, domain_from, value_text

WIDE, NARROW = 860, 340
"""Pixels of width."""

LOWEST_OPACITY, HIGHEST_OPACITY = 0.25, 0.85
"""Of the worst and the best complete trial."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis of the parallel coordinates."""

    title: str
    low: str
    high: str
    place: Callable[[Mapping[str, Any]], float | None]
    """A trial -> 0 to 1; None where it has no such setting."""


def both_layouts(draw: Callable[[int], str]) -> str:
    """Return a drawing for wide windows and one for narrow ones, of which the style sheet shows one."""
    return f'<div class="wide">{draw(WIDE)}</div><div class="narrow">{draw(NARROW)}</div>'


def parallel_coordinates(facts: Mapping[str, Any], width: int) -> str:
    """Return a line for each trial through the values of its settings to its score: to the right, or downwards."""
    axes = [*map(_setting_axis, facts["space"]), _score_axis(facts["trials"])]
    shown = sorted(_scored(facts["trials"]), key=lambda trial: _importance(trial, facts))
    size, at = (_sideways if width == WIDE else _downwards)(axes)
    lines = [_trial_path(trial, axes, at, facts) for trial in shown]
    frames = [_frame(axis, at, index, width == WIDE) for index, axis in enumerate(axes)]
    spoken = f"Parallel coordinates: {len(shown)} trials, each a line through its settings to its score"
    return _svg(size, spoken, [*lines, *frames])


Place = Callable[[int, float], tuple[float, float]]


def _sideways(axes: Sequence[_Axis]) -> tuple[tuple[int, int], Place]:
    left, right, top, bottom = 64, WIDE - 64, 62, 310
    step = (right - left) / max(1, len(axes) - 1)
    return (WIDE, 340), lambda index, share: (left + index * step, bottom - share * (bottom - top))


def _downwards(axes: Sequence[_Axis]) -> tuple[tuple[int, int], Place]:
    left, right, step = 12, NARROW - 12, 78
    return (NARROW, 34 + step * len(axes)), lambda index, share: (
        left + share * (right - left),
        34 + index * step,
    )


def _setting_axis(entry: Mapping[str, Any]) -> _Axis:
    name, default = entry["setting"], entry["default"]
    domain: Domain = domain_from(entry["domain"], name, default)

    def place(trial: Mapping[str, Any]) -> float | None:
        if name in trial["settings"]:
            return domain.place(trial["settings"][name])
        return domain.place(default) if trial["number"] == 0 and domain.holds(default) else None

    ends = domain.ends
    log = " (log)" if getattr(domain, "log", False) else ""
    return _Axis(name.rpartition(".")[2], f"{value_text(ends[0])}{log}", value_text(ends[-1]), place)


def _score_axis(trials: Sequence[Mapping[str, Any]]) -> _Axis:
    low, high = _span([trial["score"] for trial in _scored(trials)])
    return _Axis(
        "held-out score",
        percent(low, 1),
        percent(high, 1),
        lambda trial: (trial["score"] - low) / (high - low),
    )


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    return (low, high) if low < high else (low - 0.01, high + 0.01)


def _scored(trials: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [
        trial for trial in trials if trial["score"] is not None and trial["state"] in ("complete", "pruned")
    ]


def _importance(trial: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[int, float]:
    """Return what is drawn last, on top."""
    return (
        {"pruned": 0, "complete": 1}[trial["state"]]
        + 2 * (trial["number"] == 0)
        + 4 * _is_best(trial, facts),
        trial["score"],
    )


def _is_best(trial: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return facts["best"] is not None and trial["number"] == facts["best"]["number"]


def _kind(trial: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    if _is_best(trial, facts):
        return "best"
    return "default" if trial["number"] == 0 else trial["state"]


def _trial_path(trial: Mapping[str, Any], axes: Sequence[_Axis], at: Place, facts: Mapping[str, Any]) -> str:
    shares = [(index, axis.place(trial)) for index, axis in enumerate(axes)]
    points = [at(index, share) for index, share in shares if share is not None]
    low, high = _span([each["score"] for each in _scored(facts["trials"])])
    share = (trial["score"] - low) / (high - low)
    opacity = LOWEST_OPACITY + share * (HIGHEST_OPACITY - LOWEST_OPACITY)
    kind = _kind(trial, facts)
    style = f' style="opacity: {opacity:.2f}"' if kind == "complete" else ""
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return (
        f'<path class="trial {kind}" data-trial="{trial["number"]}" d="{line}"{style}>'
        f"<title>{_text(_told(trial))}</title></path>"
    )


def _told(trial: Mapping[str, Any]) -> str:
    settings = ", ".join(f"{name} {value_text(value)}" for name, value in trial["settings"].items())
    ended = "" if trial["state"] == "complete" else f", {trial['state']}"
    return f"Trial {trial['number']}: {settings or 'the untuned recipe'}: {percent(trial['score'], 2)}{ended}"


def _frame(axis: _Axis, at: Place, index: int, sideways: bool) -> str:
    """Return an axis with its title, above its neighbors' in every second one, and its ends."""
    (x, y), (other_x, other_y) = at(index, 0), at(index, 1)
    line = f'<line class="axis" x1="{x:.1f}" y1="{y:.1f}" x2="{other_x:.1f}" y2="{other_y:.1f}"/>'
    if sideways:
        words = [
            (x, other_y - (24 if index % 2 else 42), "middle", "title", axis.title),
            (x, other_y - 8, "middle", "end", axis.high),
            (x, y + 18, "middle", "end", axis.low),
        ]
    else:
        words = [
            (x, y - 10, "start", "title", axis.title),
            (x, y + 16, "start", "end", axis.low),
            (other_x, y + 16, "end", "end", axis.high),
        ]
    return line + "".join(
        f'<text x="{text_x:.1f}" y="{line_y:.1f}" text-anchor="{anchor}" class="{kind}">{_text(text)}</text>'
        for text_x, line_y, anchor, kind, text in words
    )


def score_history(facts: Mapping[str, Any], width: int) -> str:
    """Return every trial's score in turn, with the best one so far as a line, and the untuned recipe's across."""
    trials = _scored(facts["trials"])
    if not trials:
        return ""
    height, left, right, top, bottom = 250, 56, width - 14, 18, 206
    low, high = _span([trial["score"] for trial in trials])
    last = max(1, max(trial["number"] for trial in facts["trials"]))

    def at(number: float, score: float) -> tuple[float, float]:
        return left + (right - left) * number / last, bottom - (bottom - top) * (score - low) / (high - low)

    parts = [
        f'<path class="axis" d="M{left} {top}V{bottom}H{right}"/>',
        *(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="end">{text}</text>'
            for x, y, anchor, text in (
                (left - 6, top + 5, "end", percent(high, 1)),
                (left - 6, bottom + 4, "end", percent(low, 1)),
                (left, bottom + 20, "middle", "0"),
                (right, bottom + 20, "end", f"trial {last}"),
            )
        ),
    ]
    if (default := facts["default"]) and default["score"] is not None:
        y = at(0, default["score"])[1]
        parts.append(f'<line class="level" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
    parts.append(f'<path class="best-so-far" d="{_steps(trials, at, right)}"/>')
    parts += [_dot(trial, at(trial["number"], trial["score"]), facts) for trial in trials]
    best = percent(facts["best"]["score"], 2) if facts["best"] else "none"
    return _svg((width, height), f"Held-out score of each trial; the best is {best}", parts)


def _steps(trials: Sequence[Mapping[str, Any]], at: Place, right: float) -> str:
    """Return the course of the best score among complete trials."""
    line, best = "", None
    for trial in trials:
        if trial["state"] == "complete" and (best is None or trial["score"] > best):
            best = trial["score"]
            x, y = at(trial["number"], best)
            line += f"{'H' if line else 'M'}{x:.1f}{f'V{y:.1f}' if line else f' {y:.1f}'}"
    return f"{line}H{right:.1f}" if line else ""


def _dot(trial: Mapping[str, Any], place: tuple[float, float], facts: Mapping[str, Any]) -> str:
    kind = _kind(trial, facts)
    return (
        f'<circle class="trial {kind}" data-trial="{trial["number"]}" cx="{place[0]:.1f}" cy="{place[1]:.1f}" '
        f'r="{6 if kind in ("best", "default") else 4}"><title>{_text(_told(trial))}</title></circle>'
    )


def _svg(size: tuple[int, int], spoken: str, parts: Sequence[str]) -> str:
    width, height = size
    return (
        f'<svg class="drawing" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{_text(spoken)}">{"".join(parts)}</svg>'
    )


def _text(text: str) -> str:
    return escape(on_page(text))
