"""The columns of a file of predictions: those of `predict --csv`, and behind them what went wrong.

Every picture has its row: one that could not be read has its path and the reason, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tellapart.classifier.classifier import Classifier
from tellapart.classifier.prediction import Prediction
from tellapart.classifier.prediction_rows import PredictionRows
from tellapart.data.reading_notes import UnreadableImage

ERROR = "error"
"""The last column: why a picture could not be read."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns there are for a classifier, and what they hold for a picture."""

    rows: PredictionRows
    top: int | None
    """Likeliest classes with two columns each, name and probability; None: one column for each class."""

    @classmethod
    def of(cls, classifier: Classifier, top: int | None) -> Columns:
        """Return the columns of a classifier's predictions."""
        novelty = classifier.card.novelty
        limit = None if novelty is None else novelty.limit
        most = None if top is None else min(top, len(classifier.class_names))
        return cls(PredictionRows(classifier.class_names, bool(classifier.card.groups), limit), most)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, all different: a class that is called like another column is written p(name)."""
        return (*self.rows.begins, *self._of_classes, ERROR)

    @property
    def probabilities(self) -> frozenset[str]:
        """The names of those that hold probabilities of classes."""
        if self.top is None:
            return frozenset(self._of_classes)
        return frozenset(self._of_classes[1::2])

    @property
    def _of_classes(self) -> tuple[str, ...]:
        if self.top is not None:
            ranks = range(1, self.top + 1)
            return tuple(name for rank in ranks for name in (f"class_{rank}", f"probability_{rank}"))
        taken = {*self.rows.begins, ERROR}
        return tuple(f"p({name})" if name in taken else name for name in self.rows.class_names)

    def values(self, answer: Prediction | UnreadableImage) -> list[Any]:
        """Return what they hold for a picture; None: nothing."""
        if isinstance(answer, UnreadableImage):
            empty = len(self.rows.begins) - 1 + len(self._of_classes)
            return [answer.id, *[None] * empty, answer.reason]
        by_rank = list(zip(answer.names, answer.probabilities, strict=True))
        if self.top is not None:
            of_classes = [value for pair in by_rank for value in pair]
        else:
            by_name = dict(by_rank)
            of_classes = [by_name[name] for name in self.rows.class_names]
        return [*self.rows.values(answer), *of_classes, None]
