"""The section on similar training pictures, and those for and against the prediction."""

import math
from collections.abc import Sequence
from typing import Any

from tellapart.data.multi_label import in_words
from tellapart.explanations.examples.training_examples import SHOWN, Example
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.part import Part
from tellapart.explanations.page.photo import is_small
from tellapart.pages.sprite_sheet import sheet

MAX_CLASSES = 10
"""Classes with examples for and against, the likeliest first."""

SIDE = 112
"""Pixels of a picture on the page's sheet, at most."""


def part(explanation: Explanation) -> Part | None:
    """Return the section; None where there are no training pictures."""
    examples, names = explanation.training_examples, explanation.subject.class_names
    if examples is None:
        return None
    classes = _classes(explanation) if examples.checkpoints else []
    nearest = examples.nearest(SHOWN)
    by_class = {index: examples.for_and_against(index, SHOWN) for index in classes}
    groups = [nearest, *(group for both in by_class.values() for group in both)]
    images = {str(example.row): examples.store.images[example.row] for group in groups for example in group}
    values = {
        "nearest": _rows(nearest, names, "{:.3f}"),
        "classes": [
            {
                "index": index,
                "name": names[index],
                "for": _rows(both[0], names, _number_format(both)),
                "against": _rows(both[1], names, _number_format(both)),
            }
            for index, both in by_class.items()
        ],
        "epochs": list(examples.epochs),
        "of_fitted_head": examples.of_fitted_head,
        "features": examples.features.shape[1],
        "compared": len(examples.rows),
        "pictures": len(examples.store),
        "is_small": is_small(*examples.store.images.shape[1:3]),
        "sheet": sheet(images, side=SIDE),
    }
    return Part(values)


def _classes(explanation: Explanation) -> list[int]:
    """Return the predicted class, those that the user named, and the next likeliest."""
    answer, named = explanation.answer, explanation.named
    return list(dict.fromkeys([answer.index, *named, *answer.order]))[: max(MAX_CLASSES, 1 + len(named))]


def _rows(group: Sequence[Example], names: Sequence[str], number_format: str) -> list[dict[str, Any]]:
    return [
        {
            "row": str(example.row),
            "id": example.id,
            "label": names[example.label]
            if isinstance(example.label, int)
            else in_words([names[index] for index in example.label]),
            "text": _unsigned_zero(number_format.format(example.value)),
        }
        for example in group
    ]


def _unsigned_zero(text: str) -> str:
    return text.lstrip("+-") if float(text) == 0 else text


def _number_format(groups: Sequence[Sequence[Example]]) -> str:
    """Return a format that gives the strongest influence two significant digits, and all as many decimals."""
    largest = max((abs(example.value) for group in groups for example in group), default=1.0)
    return f"{{:+.{max(0, 1 - math.floor(math.log10(max(largest, 1e-12))))}f}}"
