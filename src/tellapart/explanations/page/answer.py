"""What the network says of the picture: the headline, and the way from logits to probabilities."""

from typing import TYPE_CHECKING

from tellapart.explanations.page.part import Part

if TYPE_CHECKING:
    from tellapart.explanations.explanation import Explanation

MOST_CLASSES = 10
"""Named one by one; the others are counted together."""


def part(explanation: "Explanation") -> Part:
    """See the module."""
    answer, names = explanation.answer, explanation.subject.class_names
    shown = list(dict.fromkeys([*answer.order[:MOST_CLASSES], *explanation.asked]))
    rows = [
        {
            "name": names[index],
            "logit": float(answer.logits[index]),
            "probability": float(answer.probabilities[index]),
            "in_views": float(answer.in_views[index]),
        }
        for index in shown
    ]
    best = int(answer.in_views.argmax())
    values = {
        "rows": rows,
        "others": len(names) - len(rows),
        "says": names[answer.index],
        "sure": float(answer.probabilities[answer.index]),
        "tta_views": explanation.subject.card.tta_views,
        "in_views_says": names[best],
        "in_views_sure": float(answer.in_views[best]),
        "calibrated": None if answer.calibrated is None else float(answer.calibrated[best]),
        "temperature": explanation.subject.card.temperature,
        "energy": answer.energy,
        "energy_limit": answer.energy_limit,
        "unfamiliar": answer.is_unfamiliar,
    }
    data = {"logits": answer.logits.tolist(), "names": list(names), "shown": shown}
    return Part(values, {**data, "temperature": explanation.subject.card.temperature})
