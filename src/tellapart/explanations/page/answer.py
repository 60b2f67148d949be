"""The section from logits to probabilities, and on whether the picture is familiar."""

from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.part import Part

MAX_CLASSES = 10
"""Classes listed one by one; the others are summed up."""

CIFAR10 = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
"""Classes for which the page gives measured AUROC figures."""


def part(explanation: Explanation) -> Part:
    """Return the section."""
    answer, names = explanation.answer, explanation.subject.class_names
    card = explanation.subject.card
    shown = list(dict.fromkeys([*answer.order[:MAX_CLASSES], *explanation.named]))
    rows = [
        {
            "name": names[index],
            "logit": float(answer.logits[index]),
            "probability": float(answer.probabilities[index]),
            "threshold": answer.thresholds[index] if answer.thresholds else None,
        }
        for index in shown
    ]
    values = {
        "rows": rows,
        "others": len(names) - len(rows),
        "multi_label": card.multi_label,
        "thresholds_from": card.thresholds_from,
        "tta_views": card.tta_views,
        "temperature": card.temperature,
        "novelty": answer.novelty,
        "novelty_method": None if answer.novelty_limit is None else answer.novelty_limit.method,
        "novelty_limit": None if answer.novelty_limit is None else answer.novelty_limit.limit,
        "is_unfamiliar": answer.is_unfamiliar,
        "is_cifar10": set(names) == CIFAR10,
    }
    return Part(values, {"logits": answer.logits.tolist(), "shown": shown, "temperature": card.temperature})
