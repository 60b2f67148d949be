"""The section on the smallest changes of the picture that change the prediction."""

import numpy as np

from tellapart.explanations.counterfactuals import Counterfactual
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.part import Part
from tellapart.explanations.page.photo import is_small
from tellapart.pages.packing import pack
from tellapart.pages.sprite_sheet import sheet

SIDE = 224
"""Pixels of a changed picture's longer side on the page, at most."""


def part(explanation: Explanation) -> Part:
    """Return the section."""
    answer, names = explanation.answer, explanation.subject.class_names
    ordered = sorted(explanation.counterfactuals, key=_smallest_first)
    rows = [
        {
            "name": each.name,
            "description": each.description,
            "amount": each.amount,
            "predicted": names[each.predicted],
            "probability": each.probabilities[each.predicted],
        }
        for each in ordered
    ]
    changed = {
        each.name: each.image.round().numpy().astype(np.uint8) for each in ordered if each.amount is not None
    }
    has_visible_pixels = is_small(*explanation.subject.image.shape[:2])
    values = {
        "predicted": names[answer.index],
        "probability": float(answer.probabilities[answer.index]),
        "is_one_of_several_views": explanation.subject.card.tta_views > 1,
        "changed": [row for row in rows if row["amount"] is not None],
        "unchanged": [row for row in rows if row["amount"] is None],
        "is_small": has_visible_pixels,
        "stills": sheet(changed, side=SIDE, doubled=has_visible_pixels),
    }
    if not (changed and has_visible_pixels):
        return Part(values)
    return Part(values, {"pictures": pack(np.stack(list(changed.values())))})


def _smallest_first(counterfactual: Counterfactual) -> tuple[bool, float]:
    return counterfactual.amount is None, counterfactual.amount or 0.0
