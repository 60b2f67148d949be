"""Answer: what a network says of a picture, how sure it is, and whether it has reason to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.explanations.subject import Subject


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Of one picture."""

    logits: NDArray[np.float32]
    """(classes,), of the picture as it is."""

    probabilities: NDArray[np.float32]
    """(classes,), their softmax: what the rest of an explanation is about."""

    in_views: NDArray[np.float32]
    """(classes,), what `predict` answers: the mean over the model's views of the picture."""

    calibrated: NDArray[np.float64] | None
    """(classes,), `in_views` at the model's temperature; None where it has none."""

    energy: float
    """Minus the logarithm of the sum of the logits' exponentials; the lower, the more familiar."""

    energy_limit: float | None
    """Above which a picture is unlike what was trained on; None where the model does not know."""

    @property
    def index(self) -> int:
        """Of the likeliest class, of the picture as it is."""
        return int(self.probabilities.argmax())

    @property
    def order(self) -> list[int]:
        """Classes, the likeliest first."""
        return np.argsort(-self.probabilities, kind="stable").tolist()

    @property
    def is_unfamiliar(self) -> bool | None:
        """Whether the picture is unlike what was trained on; None where the model does not know."""
        return None if self.energy_limit is None else self.energy > self.energy_limit

    def to_dict(self, class_names: Sequence[str]) -> dict[str, Any]:
        """Plain values, for JSON."""

        def named(shares: NDArray[Any]) -> dict[str, float]:
            return dict(zip(class_names, map(float, shares), strict=True))

        return {
            "predicted": class_names[int(self.in_views.argmax())],
            "probabilities": named(self.in_views),
            "calibrated": None if self.calibrated is None else named(self.calibrated),
            "of_one_view": named(self.probabilities),
            "energy": self.energy,
            "energy_limit": self.energy_limit,
            "is_unfamiliar": self.is_unfamiliar,
        }


def answer_of(subject: Subject) -> Answer:
    """Ask the network."""
    from tellapart.metrics.calibration import tempered

    logits = subject.recording.logits[0]
    in_views = subject.classifier.probabilities(subject.image[None])[0]
    temperature = subject.card.temperature
    return Answer(
        logits.numpy(),
        logits.softmax(-1).numpy(),
        in_views,
        None if temperature is None else tempered(in_views[None], temperature)[0],
        float(-logits.logsumexp(0)),
        subject.card.energy_limit,
    )
