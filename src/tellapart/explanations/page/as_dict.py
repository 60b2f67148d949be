"""Telling: what an explanation's page says, as plain values; what `explain --json` prints."""

from collections.abc import Sequence
from typing import Any

from tellapart.explanations.attribution.attribute import HeatMap
from tellapart.explanations.examples.training_examples import SHOWN, Neighbor
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.why import verdict


def to_dict(explanation: Explanation) -> dict[str, Any]:
    """An explanation's answer, maps, changes and training pictures."""
    names = explanation.subject.class_names
    return {
        "picture": explanation.subject.picture,
        **explanation.answer.to_dict(names),
        "why": [
            {
                "of": names[question.of],
                "and_not": None if question.and_not is None else names[question.and_not],
                "maps": [_map(one) for one in maps],
            }
            for question, maps in explanation.heat_maps.maps.items()
        ],
        "flips": [
            {
                "change": one.name,
                "flips": one.amount is not None,
                "amount": one.says,
                "answer": names[one.answer],
                "probability": one.probabilities[one.answer],
            }
            for one in explanation.flips
        ],
        "training": _training(explanation),
        "missing": list(explanation.gaps),
    }


def _map(one: HeatMap) -> dict[str, Any]:
    measured = one.faithfulness
    return {
        "method": one.method,
        "layer": one.layer,
        "deletion_area": measured.deletion_area,
        "insertion_area": measured.insertion_area,
        "random_deletion_area": measured.random_deletion_area,
        "random_insertion_area": measured.random_insertion_area,
        "like_noise": measured.sanity,
        "is_true": measured.is_true,
        "verdict": verdict(measured),
    }


def _training(explanation: Explanation) -> dict[str, Any] | None:
    found, names = explanation.training_pictures, explanation.subject.class_names
    if found is None:
        return None
    near = _pictures(found.nearest(SHOWN), names)
    if not found.checkpoints:
        return {"nearest": near, "for": None, "against": None}
    speaks, objects = found.speaking(explanation.answer.index, SHOWN)
    return {"nearest": near, "for": _pictures(speaks, names), "against": _pictures(objects, names)}


def _pictures(group: Sequence[Neighbor], names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"id": one.id, "label": names[one.label], "value": one.value} for one in group]
