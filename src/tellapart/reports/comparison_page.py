"""Comparison page: what several runs have in common and what not, as one HTML file."""

from collections.abc import Mapping
from typing import Any

from tellapart.pages.assemble import assemble
from tellapart.reports.comparison import LEVEL, MEASURES, measures_of

MARK = "comparison"
"""Tells the page from other files."""

MODULES = ("compare.js", "theme.js", "charts.js", "scrolling.js", "contents.js")

COMMON = ("data", "recipe")
"""Facts of a run that have a column only where they differ."""

OF_TRAINING = {"accuracy": "accuracy", "mean AP": "exact match"}
"""Title of a measure -> what stands for it in training, where it is counted batch by batch."""

COLORS, DASHES = 4, ("", "7 4", "2 4")
"""Colors of page.css, and patterns of a line: together they tell twelve runs apart; from there on they repeat."""


def page(facts: Mapping[str, Any]) -> str:
    """Return the page of `facts_of_comparison`."""
    styles = [line_style(index) for index in range(len(facts["runs"]))]
    values = {
        "facts": facts,
        "styles": styles,
        "labels": {run["run"]: run["label"] for run in facts["runs"]},
        "measures": measures_of(facts["runs"]),
        "validated": _validated(facts),
        "trained": " or ".join(OF_TRAINING[name] for name in measures_of(facts["runs"])),
        "told_apart": [name for name in COMMON if not _is_common(facts, name)],
        "in_common": [f"{name} {facts['runs'][0][name]}" for name in COMMON if _is_common(facts, name)],
        "of_labels": any(pair["only_first_correct"] is None for pair in facts["pairs"]),
        "of_classes": any(pair["only_first_correct"] is not None for pair in facts["pairs"]),
        "unscored": len(facts["runs"]) - len(_scored(facts)),
        "has_curves": any(facts["curves"]),
        "without_curves": [
            run["label"] for run, curve in zip(facts["runs"], facts["curves"], strict=True) if not curve
        ],
        "level": LEVEL,
        "contents": _contents(facts),
        "best": _best(facts),
    }
    data = {
        "validated": _validated(facts),
        "runs": [
            {"name": run["label"], "points": curve, **style}
            for run, curve, style in zip(facts["runs"], facts["curves"], styles, strict=True)
        ],
    }
    return assemble(
        "compare.html", values, data, styles=["compare.css"], modules=MODULES, entry="compare", mark=MARK
    )


def line_style(index: int) -> dict[str, str]:
    """Return the color and the pattern of a run's line, another for each of the first twelve."""
    return {"color": f"--series-{index % COLORS + 1}", "dashes": DASHES[index // COLORS % len(DASHES)]}


def _contents(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    sections = [
        ("figures", "Results", True),
        ("pairs", "Paired tests", True),
        ("curves", "Learning curves", any(facts["curves"])),
        ("settings", "Settings that differ", True),
    ]
    return [(name, title) for name, title, is_there in sections if is_there]


def _validated(facts: Mapping[str, Any]) -> str:
    """Return what the epochs are scored by on validation images."""
    return " or ".join(measures_of(facts["runs"]))


def _is_common(facts: Mapping[str, Any], name: str) -> bool:
    return len({run[name] for run in facts["runs"]}) == 1


def _scored(facts: Mapping[str, Any]) -> dict[str, float]:
    """Return the figure of each run that was scored: its accuracy, or of several labels its mean average precision."""
    figures = {run["run"]: [run[name] for name in MEASURES.values()] for run in facts["runs"]}
    return {
        name: next(figure for figure in of_run if figure is not None)
        for name, of_run in figures.items()
        if any(figure is not None for figure in of_run)
    }


def _best(facts: Mapping[str, Any]) -> str | None:
    """Return the run with the highest figure, where it is better than each other one beyond chance."""
    scored = _scored(facts)
    if len(scored) < 2:
        return None
    best = max(scored, key=lambda name: scored[name])
    beaten = {
        pair["first"] if pair["second"] == best else pair["second"]
        for pair in facts["pairs"]
        if best in (pair["first"], pair["second"]) and pair["p_holm"] < LEVEL
    }
    return best if len(beaten) == len(scored) - 1 else None
