"""Answer: the prediction for one image, how confident it is, and whether the image is familiar to the network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier.card import NoveltyLimit
from tellapart.explanations.subject import Subject
from tellapart.metrics.calibration import tempered
from tellapart.metrics.label_scores import given_labels
from tellapart.pages.card import Readable


@dataclass(frozen=True, slots=True, eq=False)
class Answer(Readable):
    """The prediction for one image."""

    logits: NDArray[np.float32]
    """(classes,), without test-time augmentation."""

    probabilities: NDArray[np.float32]
    """(classes,), the softmax of the logits, or of several labels their sigmoids; the rest of an explanation is about
    these."""

    tta_probabilities: NDArray[np.float32]
    """(classes,), the mean over the model's test-time augmentation: what `predict` returns."""

    calibrated: NDArray[np.float64] | None
    """(classes,), `tta_probabilities` at the model's temperature; None where it has none."""

    novelty: float | None
    """How unlike the training images the image is, as `predict` says it; None where the model has no score."""

    novelty_limit: NoveltyLimit | None
    """Which score that is, and above which value of it an image counts as unfamiliar; None as above."""

    thresholds: tuple[float, ...] = ()
    """Of several labels a picture; empty where a picture has one class."""

    @property
    def index(self) -> int:
        """The likeliest class, without test-time augmentation; of several labels the first of `order`."""
        return self.order[0] if self.thresholds else int(self.probabilities.argmax())

    @property
    def order(self) -> list[int]:
        """Class indices, the likeliest first; of several labels, those that the picture is given come before others."""
        likeliest = np.argsort(-self.probabilities, kind="stable").tolist()
        return [*self.given, *(index for index in likeliest if index not in self.given)]

    @property
    def given(self) -> tuple[int, ...]:
        """Of several labels, the indices of those that the picture is given, as `predict` has them, likeliest first."""
        if not self.thresholds:
            return ()
        reached = given_labels(self.tta_probabilities, self.thresholds)
        likeliest = np.argsort(-self.tta_probabilities, kind="stable").tolist()
        return tuple(index for index in likeliest if reached[index])

    @property
    def is_unfamiliar(self) -> bool | None:
        """Whether the image is unlike the training images; None where the model has no limit."""
        if self.novelty is None or self.novelty_limit is None:
            return None
        familiar = self.novelty_limit.is_familiar(self.novelty)
        return None if familiar is None else not familiar

    def _parts(self) -> list[str]:
        order = (-self.tta_probabilities).argsort(kind="stable")[:3].tolist()
        best = [f"class {index} {float(self.tta_probabilities[index]):.1%}" for index in order]
        return [*best, *(["unlike the training pictures"] if self.is_unfamiliar else [])]

    def to_dict(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Return plain values, for JSON."""

        def by_name(probabilities: NDArray[Any]) -> dict[str, float]:
            return dict(zip(class_names, map(float, probabilities), strict=True))

        several = bool(self.thresholds)
        return {
            "predicted": [class_names[index] for index in self.given]
            if several
            else class_names[int(self.tta_probabilities.argmax())],
            **({"thresholds": dict(zip(class_names, self.thresholds, strict=True))} if several else {}),
            "probabilities": by_name(self.tta_probabilities),
            "calibrated": None if self.calibrated is None else by_name(self.calibrated),
            "without_tta": by_name(self.probabilities),
            "familiar": None if self.is_unfamiliar is None else not self.is_unfamiliar,
            "novelty": self.novelty,
            "novelty_limit": None if self.novelty_limit is None else self.novelty_limit.limit,
        }


def answer_of(subject: Subject) -> Answer:
    """Predict the subject's image, with and without test-time augmentation."""
    logits = subject.logits
    predicted = subject.classifier.tta_probabilities(subject.image[None], novelty=True)
    tta_probabilities = predicted.averaged[0]
    temperature = subject.card.temperature
    return Answer(
        logits=logits.numpy(),
        probabilities=subject.recorder.probabilities(logits).numpy(),
        tta_probabilities=tta_probabilities,
        calibrated=None if temperature is None else tempered(tta_probabilities[None], temperature)[0],
        novelty=None if predicted.novelty is None else float(predicted.novelty[0]),
        novelty_limit=subject.card.novelty,
        thresholds=subject.card.thresholds,
    )
