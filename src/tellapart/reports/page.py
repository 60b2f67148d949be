"""Page: facts and images become the report's one HTML file."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.events import score_name
from tellapart.pages.assemble import assemble
from tellapart.pages.sprite_sheet import Sheet, sheet
from tellapart.reports.confusion import (
    IMAGES,
    LARGEST_MATRIX,
    Cells,
    confusion_cells,
    frequent_confusions,
    matrix_rows,
    shows_every_mistake,
)
from tellapart.reports.facts import SCORED_ON
from tellapart.runs.predictions import SplitPredictions

MODULES = (
    "report.js",
    "theme.js",
    "charts.js",
    "curves.js",
    "calibration.js",
    "confusion.js",
    "scrolling.js",
    "contents.js",
)

Facts = Mapping[str, Any]
"""From `facts_of`."""

Neighbors = Sequence[Sequence[Mapping[str, Any]]]
"""For each mistake its nearest training images, from `neighbors`; empty where there are none to show."""


def page(
    facts: Facts,
    test: SplitPredictions | None,
    images: Mapping[str, NDArray[np.uint8]],
    neighbors: Neighbors,
) -> str:
    """Return the report as HTML.

    Args:
        facts: of the run.
        test: predictions of the test split; None where the run was not finished.
        images: split -> (N, H, W, C); empty where the images cannot be opened any more.
        neighbors: of the mistakes.
    """
    names = facts["data"]["class_names"]
    several = facts["run"]["settings"].get("multi_label", False)
    cells = {} if test is None or several else confusion_cells(test, len(names))
    sprites = _sprites(facts, images, neighbors, cells)
    positions = {} if sprites is None else sprites.positions
    if sprites is None:
        cells = {index: {**cell, "images": []} for index, cell in cells.items()}
    data = {
        "curves": facts["curves"],
        "remarks": facts["remarks"],
        "score": score_name(several),
        "calibration": facts["calibration"],
        "cells": cells or None,
        "class_names": names,
        "positions": positions,
        "total": 0 if test is None else len(test.labels),
    }
    values = _values(facts, cells) | {"sheet": sprites, "positions": positions, "neighbors": neighbors}
    return assemble("report.html", values, data, styles=["report.css"], modules=MODULES, entry="report")


def _values(facts: Facts, cells: Cells) -> dict[str, Any]:
    """Return what the template writes besides images."""
    names, scores = facts["data"]["class_names"], facts["scores"]
    confusion = None if scores is None else scores["confusion"]
    layers = facts["network"]["layers"] if facts["network"] else ()
    return {
        "facts": facts,
        "score_name": score_name(facts["run"]["settings"].get("multi_label", False)),
        "contents": _contents(facts),
        "matrix": None if confusion is None or len(names) > LARGEST_MATRIX else matrix_rows(names, confusion),
        "correct": None if confusion is None else int(np.trace(confusion)),
        "confusions": [] if confusion is None else frequent_confusions(names, confusion),
        "all_mistakes_shown": shows_every_mistake(cells, len(names)),
        "scored_images": _scored_images(facts),
        "drawn_from_train": any(
            each["id"].startswith("train/") for each in facts["mistakes"] or facts.get("label_mistakes") or ()
        ),
        "sparklines": {row["name"]: _sparkline(row["recalls"]) for row in facts["slow_classes"] or ()},
        "slowest": max([layer["milliseconds"] or 0 for layer in layers] + [1e-9]),
    }


def _sprites(
    facts: Facts, images: Mapping[str, NDArray[np.uint8]], neighbors: Neighbors, cells: Cells
) -> Sheet | None:
    """Lay out every image of the page, named `split/row`; None where the images are missing."""
    if "test" not in images:
        return None
    test, train = images["test"], images["train"]
    rows = [mistake["row"] for mistake in facts["mistakes"] or facts.get("label_mistakes") or ()]
    rows += [image["row"] for cell in cells.values() for image in cell["images"]][:IMAGES]
    sprites = {f"test/{row}": test[row] for row in rows}
    sprites |= {f"train/{near['row']}": train[near["row"]] for nearest in neighbors for near in nearest}
    return sheet(sprites)


def _scored_images(facts: Facts) -> Sequence[int] | None:
    """Return how many images of each class score an epoch."""
    split = SCORED_ON[facts["run"]["settings"]["validation"]]
    return (facts["data"]["counts"] or {}).get(split)


def _sparkline(recalls: Sequence[float]) -> str:
    """Return the points of a line in a box of 100 by 20."""
    across = max(1, len(recalls) - 1)
    return " ".join(f"{100 * i / across:.1f},{19 - 18 * recall:.1f}" for i, recall in enumerate(recalls))


def _contents(facts: Facts) -> list[tuple[str, str]]:
    """Return the sections that the page has, as (id, title)."""
    sections = [
        ("how", "Training setup", True),
        ("head", "Last layer", facts["head"]),
        ("curves", "Learning curves", facts["curves"]),
        ("labels", "Scores of each label", facts.get("label_scores")),
        ("label-mistakes", "Worst mistakes", facts.get("label_mistakes") is not None),
        ("confusion", "Confusion matrix", facts["scores"]),
        ("classes", "Per-class scores", facts["scores"]),
        ("calibration", "Calibration", facts["calibration"]),
        ("mistakes", "Most confident mistakes", facts["mistakes"] is not None),
        ("network", "Network", facts["network"]),
        ("cost", "Time and energy", True),
    ]
    return [(name, title) for name, title, is_there in sections if is_there]
