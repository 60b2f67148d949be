"""A prediction as a row: the fields and the cells that JSON and CSV have in common, wherever they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tellapart.classifier.prediction import Prediction

GROUP_FIELDS = ("group", "group_probability", "group_class")
"""The likeliest everyday thing (dog), its probability, and the likeliest class of it (Labrador retriever); null and
empty where a class that is a kind of no such thing is likelier (`classifier.groups`)."""

NOVELTY_FIELDS = ("familiar", "novelty", "novelty_limit")
"""Whether the picture is like the training pictures (true or false), how unlike them it is, by the score that the model
card names, and above which score it is not; null or empty where the model cannot tell."""


@dataclass(frozen=True, slots=True)
class PredictionRows:
    """How the predictions of one model are written, one after the other."""

    class_names: tuple[str, ...]
    has_groups: bool = False
    """Whether the model's classes are kinds of everyday things."""

    novelty_limit: float | None = None

    @property
    def begins(self) -> tuple[str, ...]:
        """The columns before those of the classes."""
        return ("picture", "predicted", *(GROUP_FIELDS if self.has_groups else ()), *NOVELTY_FIELDS)

    @property
    def header(self) -> tuple[str, ...]:
        """The columns of CSV: a probability for each class stands last."""
        return (*self.begins, *self.class_names)

    def values(self, prediction: Prediction) -> list[Any]:
        """Return a prediction's values of the columns `begins`; several labels in one text, divided by |."""
        return [
            prediction.picture,
            prediction.names[0] if prediction.labels is None else "|".join(prediction.labels),
            *(group_fields(prediction).values() if self.has_groups else ()),
            *self._novelty(prediction).values(),
        ]

    def cells(self, prediction: Prediction) -> list[Any]:
        """Return a prediction's cells under `header`; empty for classes that it does not name."""
        by_class = dict(zip(prediction.names, prediction.probabilities, strict=True))
        return [
            *map(as_cell, self.values(prediction)),
            *(by_class.get(name, "") for name in self.class_names),
        ]

    def as_dict(self, prediction: Prediction) -> dict[str, Any]:
        """Return a prediction as plain values, for JSON."""
        return {
            "picture": prediction.picture,
            "predicted": prediction.names[0] if prediction.labels is None else list(prediction.labels),
            **(group_fields(prediction) if self.has_groups else {}),
            **self._novelty(prediction),
            "probabilities": dict(zip(prediction.names, prediction.probabilities, strict=True)),
            **({"note": prediction.note} if prediction.note else {}),
        }

    def _novelty(self, prediction: Prediction) -> dict[str, Any]:
        values = prediction.familiar, prediction.novelty, self.novelty_limit
        return dict(zip(NOVELTY_FIELDS, values, strict=True))


def group_fields(prediction: Prediction) -> dict[str, Any]:
    """Return the fields of a prediction's group."""
    group = prediction.group
    values = (None,) * 3 if group is None else (group.name, group.probability, group.class_name)
    return dict(zip(GROUP_FIELDS, values, strict=True))


def as_cell(value: Any) -> Any:
    """Return a value as a CSV shows it: true and false as JSON spells them, nothing for None."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value
