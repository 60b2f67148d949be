"""Page: the best setting first, then pictures of the search, then every trial, as one HTML file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.pages.assemble import assemble
from tellapart.reports.comparison import LEVEL
from tellapart.tuning.domain import value_text
from tellapart.tuning.drawings import both_layouts, parallel_coordinates, score_history
from tellapart.tuning.importance import ROUGH_BELOW

MARK = "tuning"
"""Tells the page from other files."""

MODULES = ("tune.js", "theme.js", "contents.js", "scrolling.js")


def page(facts: Mapping[str, Any]) -> str:
    """Return the page of `facts_of`."""
    test = facts["test"]
    values = {
        "facts": facts,
        "best": facts["best"],
        "default": facts["default"],
        "is_default": facts["best"] is not None and facts["best"]["number"] == 0,
        "test": None if test is None else {run["run"]: run for run in test["runs"]},
        "measure": None if test is None else _measure(test["runs"]),
        "pair": None if test is None else next(iter(test["pairs"]), None),
        "level": LEVEL,
        "rough_below": ROUGH_BELOW,
        "parallel": both_layouts(lambda width: parallel_coordinates(facts, width)),
        "history": both_layouts(lambda width: score_history(facts, width)),
        "has_scores": any(trial["score"] is not None for trial in facts["trials"]),
        "space": [{**entry, "own": value_text(entry["default"])} for entry in facts["space"]],
        "rows": [_row(trial, facts) for trial in facts["trials"]],
        "changed": _changed(facts),
        "contents": _contents(facts),
    }
    return assemble(
        "tune.html", values, {}, styles=["tune.css"], modules=MODULES, entry="tune", mark=MARK, libraries=()
    )


def _measure(runs: list[Mapping[str, Any]]) -> str:
    """Return the figure of a run that it is scored by on the test images."""
    return "accuracy" if runs[0]["accuracy"] is not None else "average_precision"


def _row(trial: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trial as the table shows it: each value as a text, and its report where there is one."""
    folder = Path(trial["folder"])
    report = folder / "report.html"
    own = {entry["setting"]: entry["default"] for entry in facts["space"]} if trial["number"] == 0 else {}
    cells = [
        value_text({**own, **trial["settings"]}[entry["setting"]])
        if entry["setting"] in {**own, **trial["settings"]}
        else "–"
        for entry in facts["space"]
    ]
    is_best = facts["best"] is not None and facts["best"]["number"] == trial["number"]
    return {
        **trial,
        "cells": cells,
        "is_best": is_best,
        "report": os.path.relpath(report, facts["folder"]) if report.exists() else None,
    }


def _changed(facts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the settings of the best trial: name, the recipe's own value, the tuned one."""
    if facts["best"] is None:
        return []
    own = {entry["setting"]: entry["default"] for entry in facts["space"]}
    return [
        (name, value_text(own.get(name)), value_text(value))
        for name, value in facts["best"]["settings"].items()
    ]


def _contents(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    sections = [
        ("settings", "Settings and scores", True),
        ("history", "Best score so far", True),
        ("importances", "Importances", facts["importances"] is not None),
        ("test", "Test pictures", facts["test"] is not None),
        ("trials", "All trials", True),
        ("space", "Search space", True),
    ]
    return [(name, title) for name, title, is_there in sections if is_there]
