"""Page: facts and pictures become the report's one HTML file."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import TellapartError
from tellapart.events import Progress
from tellapart.files import write_text
from tellapart.pages.assemble import assemble
from tellapart.pages.sprite_sheet import Sheet, sheet
from tellapart.reports.facts import facts
from tellapart.reports.nearest_examples import neighbors
from tellapart.runs.predictions import SplitPredictions
from tellapart.runs.saved_run import SavedRun

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

LARGEST_MATRIX = 30
"""Classes up to which the confusion matrix is shown as one; more would not fit on a page."""

PICTURES_OF_A_CELL = 8
"""Of a cell that is right."""

PICTURES = 900
"""Of the confusion matrix, in all: what keeps the page small."""

CONFUSIONS = 15


def write_report(found: SavedRun, progress: Progress | None = None) -> dict[str, Any]:
    """Write the run folder's `report.html`.

    Args:
        found: of the run.
        progress: called with (training pictures compared, in all).

    Returns:
        The facts that it shows.

    Raises:
        SaveError: it could not be written; what was there stays.
    """
    told = facts(found)
    alike, unreadable = _alike(found, told, progress)
    told["missing"] += unreadable
    write_text(found.folder.report, page(found, told, alike))
    return told


def page(found: SavedRun, told: Mapping[str, Any], alike: Sequence[Any]) -> str:
    """The HTML.

    Args:
        found: of the run.
        told: from `facts`.
        alike: for each mistake its neighbors; empty where there are none to show.
    """
    test = found.answers.get("test")
    cells = {} if test is None else _cells(test, len(found.class_names))
    pictures = _sheet(found, told, alike, cells)
    places = {} if pictures is None else pictures.positions
    values = {
        "facts": told,
        "contents": _contents(told),
        "alike": alike,
        "sheet": pictures,
        "places": places,
        "matrix": _matrix(told) if test is not None and len(found.class_names) <= LARGEST_MATRIX else None,
        "confusions": [] if test is None else _confusions(told),
        "all_wrong": all(
            one["count"] == len(one["pictures"]) for one in _wrong(cells, len(found.class_names))
        ),
        "score_counts": _score_counts(told),
        "sparks": {one["name"]: _spark(one["recalls"]) for one in told["slow_classes"] or ()},
        "slowest": max(
            [row["milliseconds"] or 0 for row in (told["network"] or {"layers": ()})["layers"]] + [1e-9]
        ),
    }
    data = {
        "curves": told["curves"],
        "remarks": told["remarks"],
        "calibration": told["calibration"],
        "cells": cells or None,
        "class_names": list(found.class_names),
        "places": places,
        "total": 0 if test is None else len(test.labels),
    }
    if pictures is None:
        data["cells"] = {cell: {**one, "pictures": []} for cell, one in cells.items()} or None
    return assemble("report.html", values, data, styles=["report.css"], modules=MODULES, entry="report")


def _alike(
    found: SavedRun, told: Mapping[str, Any], progress: Progress | None
) -> tuple[list[Any], list[str]]:
    """Neighbors of the mistakes; or why there are none."""
    if not told["mistakes"] or not found.stores or found.classifier is None:
        return [], []
    rows = [one["row"] for one in told["mistakes"]]
    precision = found.data.get("precision", "float32")
    try:
        images = found.stores["test"].images[rows]
        return neighbors(found.classifier, images, found.stores["train"], precision, progress), []
    except TellapartError as reason:
        return [], [f"The training pictures most alike: {reason}"]


def _cells(test: SplitPredictions, classes: int) -> dict[int, dict[str, Any]]:
    """Of each cell that is not empty: how many pictures, the surest of them, of wrong ones all if there is room."""
    answered, sure = test.probabilities.argmax(1), test.probabilities.max(1)
    of_cell = test.labels * classes + answered
    order = np.lexsort((-sure, of_cell))
    cells, starts, counts = np.unique(of_cell[order], return_index=True, return_counts=True)
    shown = _shown(counts, cells // classes == cells % classes)
    found = {}
    for cell, start, count, most in zip(*(x.tolist() for x in (cells, starts, counts, shown)), strict=True):
        rows = order[start : start + most].tolist()
        pictures = [{"row": row, "id": test.ids[row], "probability": float(sure[row])} for row in rows]
        found[cell] = {"count": count, "pictures": pictures}
    return found


def _wrong(cells: Mapping[int, dict[str, Any]], classes: int) -> list[dict[str, Any]]:
    """Those whose answer is not the truth."""
    return [one for cell, one in cells.items() if cell // classes != cell % classes]


def _score_counts(told: Mapping[str, Any]) -> Sequence[int] | None:
    """Of each class, how many pictures score an epoch."""
    split = "test" if told["run"]["settings"]["validation"] == "test" else "validation"
    return (told["data"]["counts"] or {}).get(split)


def _shown(counts: NDArray[np.int64], right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many pictures of each cell there is room for: a few where it is right, of the others as many as may be.

    Args:
        counts: (cells,) of pictures.
        right: (cells,) whether the answer is.
    """
    each = max(1, min(PICTURES_OF_A_CELL, PICTURES // len(counts)))
    few = np.minimum(counts, each)
    room = PICTURES - int(few[right].sum())
    most = max(
        (n for n in range(each, room + 1) if np.minimum(counts[~right], n).sum() <= room), default=each
    )
    return np.where(right, few, np.minimum(counts, most))


def _sheet(
    found: SavedRun, told: Mapping[str, Any], alike: Sequence[Any], cells: Mapping[int, Any]
) -> Sheet | None:
    if "test" not in found.stores:
        return None
    wanted: dict[str, NDArray[np.uint8]] = {}
    test, train = found.stores["test"].images, found.stores["train"].images
    shown = [one["row"] for one in told["mistakes"] or ()]
    shown += [one["row"] for cell in cells.values() for one in cell["pictures"]][:PICTURES]
    wanted |= {f"test/{row}": test[row] for row in shown}
    wanted |= {f"train/{near['row']}": train[near["row"]] for nearest in alike for near in nearest}
    return sheet(wanted)


def _matrix(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    names, counts = told["data"]["class_names"], np.array(told["scores"]["confusion"])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    most = max(float((shares - np.diag(np.diag(shares))).max()), 1e-9)
    rows = []
    for truth, name in enumerate(names):
        cells = [
            {
                "name": names[answer],
                "count": int(counts[truth, answer]),
                "right": truth == answer,
                "share": float(shares[truth, answer]) / (1 if truth == answer else most),
            }
            for answer in range(len(names))
        ]
        rows.append({"name": name, "index": truth, "cells": cells})
    return rows


def _confusions(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    names, counts = told["data"]["class_names"], np.array(told["scores"]["confusion"])
    off = counts - np.diag(np.diag(counts))
    order = np.argsort(-off, axis=None, kind="stable")[:CONFUSIONS]
    pairs = [(int(cell), *map(int, np.unravel_index(cell, off.shape))) for cell in order if off.flat[cell]]
    return [
        {
            "truth": names[truth],
            "answer": names[answer],
            "count": int(off[truth, answer]),
            "share": float(off[truth, answer] / counts[truth].sum()),
            "cell": cell,
        }
        for cell, truth, answer in pairs
    ]


def _spark(recalls: Sequence[float]) -> str:
    """Points of a line in a box of 100 by 20."""
    across = max(1, len(recalls) - 1)
    return " ".join(f"{100 * i / across:.1f},{19 - 18 * recall:.1f}" for i, recall in enumerate(recalls))


def _contents(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    sections = [
        ("how", "What was trained", True),
        ("curves", "How it learned", told["curves"]),
        ("confusion", "What it takes for what", told["scores"]),
        ("classes", "Class by class", told["scores"]),
        ("calibration", "Does it know?", told["calibration"]),
        ("mistakes", "Surest mistakes", told["mistakes"] is not None),
        ("network", "The network", told["network"]),
        ("cost", "What it cost", True),
    ]
    return [(name, title) for name, title, there in sections if there]
