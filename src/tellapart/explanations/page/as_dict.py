"""An explanation as plain values: what `Explanation.to_dict` returns and `explain --json` prints."""

from collections.abc import Sequence
from typing import Any

from tellapart.explanations.attribution.attribute import HeatMap
from tellapart.explanations.counterfactuals import Counterfactual
from tellapart.explanations.examples.training_examples import SHOWN, Example
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.first_screen import group_of
from tellapart.explanations.page.why import verdict


def to_dict(explanation: Explanation) -> dict[str, Any]:
    """Return the prediction, heat maps, counterfactuals and training examples; None for what a quick one leaves out."""
    names = explanation.subject.class_names
    return {
        "picture": explanation.subject.picture,
        **explanation.answer.to_dict(names),
        **_group(explanation),
        "why": [
            {
                "of": names[contrast.of],
                "and_not": None if contrast.and_not is None else names[contrast.and_not],
                "maps": [_heat_map(heat_map) for heat_map in maps],
            }
            for contrast, maps in explanation.heat_maps.maps.items()
        ],
        "counterfactuals": None
        if explanation.quick or explanation.subject.card.multi_label
        else [_counterfactual(each, names) for each in explanation.counterfactuals],
        "training": None if explanation.quick else _training(explanation),
        "missing": list(explanation.gaps),
        "note": explanation.subject.note,
    }


def _group(explanation: Explanation) -> dict[str, Any]:
    """Return the likeliest everyday thing as `predict --json` does; nothing for a model without groups."""
    if not explanation.subject.card.groups:
        return {}
    group = group_of(explanation)
    values = (None,) * 3 if group is None else (group.name, group.probability, group.class_name)
    return dict(zip(("group", "group_probability", "group_class"), values, strict=True))


def _heat_map(heat_map: HeatMap) -> dict[str, Any]:
    measured = heat_map.faithfulness
    return {
        "method": heat_map.method,
        "layer": heat_map.layer,
        "deletion_area": measured.deletion_area,
        "insertion_area": measured.insertion_area,
        "random_deletion_area": measured.random_deletion_area,
        "random_insertion_area": measured.random_insertion_area,
        "randomized_similarity": measured.randomized_similarity,
        "is_faithful": measured.is_faithful,
        "verdict": verdict(measured),
    }


def _counterfactual(counterfactual: Counterfactual, names: Sequence[str]) -> dict[str, Any]:
    return {
        "change": counterfactual.name,
        "changes_prediction": counterfactual.amount is not None,
        "amount": counterfactual.description,
        "predicted": names[counterfactual.predicted],
        "probability": counterfactual.probabilities[counterfactual.predicted],
    }


def _training(explanation: Explanation) -> dict[str, Any] | None:
    examples, names = explanation.training_examples, explanation.subject.class_names
    if examples is None:
        return None
    nearest = _examples(examples.nearest(SHOWN), names)
    if not examples.checkpoints:
        return {"nearest": nearest, "for": None, "against": None}
    supporting, opposing = examples.for_and_against(explanation.answer.index, SHOWN)
    return {"nearest": nearest, "for": _examples(supporting, names), "against": _examples(opposing, names)}


def _examples(group: Sequence[Example], names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"id": example.id, "label": _named(example, names), "value": example.value} for example in group]


def _named(example: Example, names: Sequence[str]) -> str | list[str]:
    """Return an example's class; of several labels, all of them."""
    label = example.label
    return names[label] if isinstance(label, int) else [names[index] for index in label]
