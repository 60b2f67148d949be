"""The smallest changes of the picture that make the network answer something else."""

from typing import TYPE_CHECKING

import numpy as np
import torch

from tellapart.explanations.counterfactuals import Flip
from tellapart.explanations.page.part import Part
from tellapart.pages.packing import pack
from tellapart.pages.shrinking import SIDE, shrunk
from tellapart.pages.sprite_sheet import sheet

if TYPE_CHECKING:
    from tellapart.explanations.explanation import Explanation


def part(explanation: "Explanation") -> Part:
    """See the module."""
    answer, names = explanation.answer, explanation.subject.class_names
    found = sorted(explanation.flips, key=_smallest_first)
    rows = [
        {
            "name": one.name,
            "says": one.says,
            "amount": one.amount,
            "answer": names[one.answer],
            "probability": one.probabilities[one.answer],
        }
        for one in found
    ]
    pictures = shrunk(torch.stack([one.image for one in found])).round().numpy().astype(np.uint8)
    drawn = {
        one.name: picture for one, picture in zip(found, pictures, strict=True) if one.amount is not None
    }
    values = {
        "says": names[answer.index],
        "sure": float(answer.probabilities[answer.index]),
        "flipped": [row for row in rows if row["amount"] is not None],
        "stills": sheet(drawn, side=SIDE, doubled=True),
        "unmoved": [row for row in rows if row["amount"] is None],
    }
    return Part(values, {"pictures": pack(pictures)})


def _smallest_first(one: Flip) -> tuple[bool, float]:
    return one.amount is None, one.amount or 0.0
