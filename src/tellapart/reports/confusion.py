"""Confusion matrix: its cells, the images behind each cell, and the most frequent confusions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.runs.predictions import SplitPredictions

LARGEST_MATRIX = 30
"""Classes up to which a page shows the matrix; a larger one would not fit."""

IMAGES_OF_A_CORRECT_CELL = 8

IMAGES = 900
"""Images of all cells together; keeps the page small."""

CONFUSIONS = 15
"""Pairs of classes listed as the most frequent confusions."""

Cells = Mapping[int, Mapping[str, Any]]
"""true class * classes + predicted class -> {"count": int, "images": [{"row", "id", "probability"}, ...]}."""


def confusion_cells(test: SplitPredictions, classes: int) -> dict[int, dict[str, Any]]:
    """Return every cell that is not empty: its count, and the images to show, the most confident first.

    Args:
        test: predictions of the test split.
        classes: how many classes the network has.
    """
    predicted, confidence = test.probabilities.argmax(1), test.probabilities.max(1)
    cell_of_image = test.labels * classes + predicted
    order = np.lexsort((-confidence, cell_of_image))
    cells, starts, counts = np.unique(cell_of_image[order], return_index=True, return_counts=True)
    shown = images_per_cell(counts, cells // classes == cells % classes)
    contents = {}
    for cell, start, count, most in zip(
        *(column.tolist() for column in (cells, starts, counts, shown)), strict=True
    ):
        rows = order[start : start + most].tolist()
        images = [{"row": row, "id": test.ids[row], "probability": float(confidence[row])} for row in rows]
        contents[cell] = {"count": count, "images": images}
    return contents


def images_per_cell(counts: NDArray[np.int64], is_correct: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return how many images of each cell to show: a few of a correct one, of a wrong one all that IMAGES allows.

    Args:
        counts: (cells,) images in each cell.
        is_correct: (cells,) whether the predicted class is the true one.
    """
    each = max(1, min(IMAGES_OF_A_CORRECT_CELL, IMAGES // len(counts)))
    few = np.minimum(counts, each)
    room = IMAGES - int(few[is_correct].sum())
    wrong = counts[~is_correct]
    most = max((n for n in range(each, room + 1) if np.minimum(wrong, n).sum() <= room), default=each)
    return np.where(is_correct, few, np.minimum(counts, most))


def shows_every_mistake(cells: Cells, classes: int) -> bool:
    """Return whether each wrong cell carries all of its images."""
    wrong = [cell for index, cell in cells.items() if index // classes != index % classes]
    return all(cell["count"] == len(cell["images"]) for cell in wrong)


def matrix_rows(names: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Return the matrix row by row, each cell with its shade, 0 to 1.

    Args:
        names: of the classes.
        confusion: counts; row: true class, column: predicted class.
    """
    counts = np.array(confusion)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    most = max(float((shares - np.diag(np.diag(shares))).max()), 1e-9)
    rows = []
    for target, name in enumerate(names):
        cells = [
            {
                "name": names[predicted],
                "count": int(counts[target, predicted]),
                "is_correct": target == predicted,
                "shade": float(shares[target, predicted]) / (1 if target == predicted else most),
            }
            for predicted in range(len(names))
        ]
        rows.append({"name": name, "index": target, "cells": cells})
    return rows


def frequent_confusions(names: Sequence[str], confusion: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Return the largest wrong cells, the largest first.

    Args:
        names: of the classes.
        confusion: counts; row: true class, column: predicted class.
    """
    counts = np.array(confusion)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:CONFUSIONS]
    pairs = [
        (int(cell), *map(int, np.unravel_index(cell, wrong.shape))) for cell in order if wrong.flat[cell]
    ]
    return [
        {
            "target": names[target],
            "predicted": names[predicted],
            "count": int(wrong[target, predicted]),
            "share": float(wrong[target, predicted] / counts[target].sum()),
            "cell": cell,
        }
        for cell, target, predicted in pairs
    ]
