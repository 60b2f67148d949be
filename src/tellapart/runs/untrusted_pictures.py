"""Untrusted pictures: those of the test split whose result says nothing about new pictures, as a run's log keeps them.

Scores without them stand beside the plain ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.metrics.label_scores import LabelScores, score_any
from tellapart.metrics.scores import Scores
from tellapart.pages.card import Readable

EVENT = "Untrusted"


@dataclass(frozen=True, slots=True)
class UntrustedPictures(Readable):
    """Ids of test pictures."""

    copies: tuple[str, ...] = ()
    """Pixel for pixel the same as a training or validation picture."""

    doubtful: tuple[str, ...] = ()
    """Others that have another label elsewhere, or show nothing."""

    def __bool__(self) -> bool:
        return bool(self.copies or self.doubtful)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for the log."""
        return asdict(self)


NONE_KNOWN = UntrustedPictures()


@dataclass(frozen=True, slots=True)
class TrustedScores(Readable):
    """Scores on the test split without untrusted pictures."""

    copies: int
    """Test pictures left out because they are copies."""

    doubtful: int
    """Test pictures left out for another reason."""

    scores: Scores | LabelScores | None
    """Of the others; None where no picture is left."""

    @property
    def in_words(self) -> str:
        """The accuracy on the others, and how many were left out."""
        left = "no picture left" if self.scores is None else self.scores.in_words
        return f"{left}; left out: {self.copies} copied, {self.doubtful} doubtful"

    def _parts(self) -> list[str]:
        return [self.in_words]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        scores = None if self.scores is None else self.scores.to_dict()
        return {"copies": self.copies, "doubtful": self.doubtful, "scores": scores}


def untrusted_in(log: Iterable[Mapping[str, Any]]) -> UntrustedPictures:
    """Return what a run's log says of its test pictures."""
    lines = [line for line in log if line["event"] == EVENT]
    if not lines:
        return NONE_KNOWN
    return UntrustedPictures(tuple(lines[-1]["copies"]), tuple(lines[-1]["doubtful"]))


def trusted_rows(untrusted: UntrustedPictures, ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the rows of the pictures that can be trusted."""
    left_out = {*untrusted.copies, *untrusted.doubtful}
    return np.array([row for row, identifier in enumerate(ids) if identifier not in left_out], np.int64)


def trusted_scores(
    untrusted: UntrustedPictures,
    probabilities: NDArray[np.float32],
    labels: NDArray[Any],
    ids: Sequence[str],
    class_names: tuple[str, ...],
    thresholds: tuple[float, ...] = (),
) -> TrustedScores | None:
    """Return the scores without untrusted pictures; None where there are none of them.

    Args:
        untrusted: ids of test pictures.
        probabilities: (N, classes), of the test split.
        labels: (N,) class indices; or (N, classes) of 0 and 1, where a picture may have several.
        ids: of the N pictures.
        class_names: in the order of the columns.
        thresholds: of several labels.
    """
    rows = trusted_rows(untrusted, ids)
    if len(rows) == len(ids):
        return None
    scores = (
        score_any(probabilities[rows], labels[rows], class_names, "test", thresholds) if len(rows) else None
    )
    return _counted(untrusted, ids, scores)


def _counted(
    untrusted: UntrustedPictures, ids: Sequence[str], scores: Scores | LabelScores | None
) -> TrustedScores:
    present = set(ids)
    copies, doubtful = (len(present & set(each)) for each in (untrusted.copies, untrusted.doubtful))
    return TrustedScores(copies, doubtful, scores)
