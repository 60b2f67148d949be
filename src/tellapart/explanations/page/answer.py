"""The headline, and the section from logits to probabilities."""

from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.part import Part

MAX_CLASSES = 10
"""Classes listed one by one; the others are summed up."""

CIFAR10 = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
"""Classes for which the page gives measured AUROC figures."""


def part(explanation: Explanation) -> Part:
    """Return the section, whose values the headline reads too."""
    answer, names = explanation.answer, explanation.subject.class_names
    card = explanation.subject.card
    shown = list(dict.fromkeys([*answer.order[:MAX_CLASSES], *explanation.named]))
    rows = [
        {
            "name": names[index],
            "logit": float(answer.logits[index]),
            "probability": float(answer.probabilities[index]),
        }
        for index in shown
    ]
    best = int(answer.tta_probabilities.argmax())
    values = {
        "rows": rows,
        "classes": len(names),
        "others": len(names) - len(rows),
        "tta_predicted": names[best],
        "tta_probability": float(answer.tta_probabilities[best]),
        "tta_views": card.tta_views,
        "predicted": names[answer.index],
        "probability": float(answer.probabilities[answer.index]),
        "calibrated": None if answer.calibrated is None else float(answer.calibrated[best]),
        "temperature": card.temperature,
        "energy": answer.energy,
        "energy_limit": answer.energy_limit,
        "is_unfamiliar": answer.is_unfamiliar,
        "is_cifar10": set(names) == CIFAR10,
    }
    return Part(values, {"logits": answer.logits.tolist(), "shown": shown, "temperature": card.temperature})
