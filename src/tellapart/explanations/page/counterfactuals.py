"""The section on the smallest changes of the picture that change the prediction."""

import numpy as np
import torch

from tellapart.explanations.counterfactuals import Counterfactual
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.part import Part
from tellapart.pages.packing import pack
from tellapart.pages.shrinking import SIDE, shrunk
from tellapart.pages.sprite_sheet import sheet


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
    images = shrunk(torch.stack([each.image for each in ordered])).round().numpy().astype(np.uint8)
    changed = [
        (each.name, image) for each, image in zip(ordered, images, strict=True) if each.amount is not None
    ]
    values = {
        "predicted": names[answer.index],
        "probability": float(answer.probabilities[answer.index]),
        "changed": [row for row in rows if row["amount"] is not None],
        "unchanged": [row for row in rows if row["amount"] is None],
        "stills": sheet(dict(changed), side=SIDE, doubled=True),
    }
    return Part(values, {"pictures": pack(images)})


def _smallest_first(counterfactual: Counterfactual) -> tuple[bool, float]:
    return counterfactual.amount is None, counterfactual.amount or 0.0
