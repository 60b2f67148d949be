"""Which training pictures are like this one, and which spoke for and against its answer."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tellapart.explanations.examples.training_examples import SHOWN, Neighbor
from tellapart.explanations.page.part import Part
from tellapart.pages.sprite_sheet import sheet

if TYPE_CHECKING:
    from tellapart.explanations.explanation import Explanation

MOST_CLASSES = 10
"""That it is asked for and against, the likeliest first."""

SIDE = 64
"""Pixels of a picture on the page's sheet, at most."""


def part(explanation: "Explanation") -> Part | None:
    """See the module."""
    found, names = explanation.training_pictures, explanation.subject.class_names
    if found is None:
        return None
    asked = list(dict.fromkeys([explanation.answer.index, *explanation.asked, *explanation.answer.order]))
    asked = asked[: max(MOST_CLASSES, 1 + len(explanation.asked))] if found.checkpoints else []
    near = found.nearest(SHOWN)
    speaking = {index: found.speaking(index, SHOWN) for index in asked}
    shown = [near, *(group for both in speaking.values() for group in both)]
    rows = {str(one.row): found.store.images[one.row] for group in shown for one in group}
    values = {
        "nearest": _told(near, names, "{:.3f}"),
        "classes": [
            {
                "index": index,
                "name": names[index],
                "for": _told(both[0], names, _form(both)),
                "against": _told(both[1], names, _form(both)),
            }
            for index, both in speaking.items()
        ],
        "epochs": list(found.epochs),
        "features": found.features.shape[1],
        "looked": len(found.rows),
        "pictures": len(found.store),
        "sheet": sheet(rows, side=SIDE),
    }
    return Part(values)


def _told(group: Sequence[Neighbor], names: Sequence[str], form: str) -> list[dict[str, Any]]:
    return [
        {
            "row": str(one.row),
            "id": one.id,
            "label": names[one.label],
            "text": _unsigned_zero(form.format(one.value)),
        }
        for one in group
    ]


def _unsigned_zero(text: str) -> str:
    return text.lstrip("+-") if float(text) == 0 else text


def _form(groups: Sequence[Sequence[Neighbor]]) -> str:
    """How influences are written: the strongest with two digits that count, all with as many decimals."""
    most = max((abs(one.value) for group in groups for one in group), default=1.0)
    return f"{{:+.{max(0, 1 - math.floor(math.log10(max(most, 1e-12))))}f}}"
