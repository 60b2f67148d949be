"""Scores of several labels a picture: average precision of each, F1 at thresholds, and how certain the figures are."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.metrics.average_precision import Ranking, average_precision, average_precisions, mean_of
from tellapart.metrics.scores import Scores, score, wilson_interval
from tellapart.metrics.validation import USUAL_THRESHOLD, binary_cross_entropy
from tellapart.pages.card import Block, Card, Facts, Readable, Table
from tellapart.text import percent

FEWEST_POSITIVES = 5
"""Pictures with a label from which its threshold is chosen on them."""

RESAMPLES = 1000
"""Of the bootstrap."""

MOST_RESAMPLED = 400_000_000
"""Pictures times labels times resamples; of more, there are fewer resamples."""

FEWEST_RESAMPLES = 100

AT_ONCE = 4_000_000
"""Numbers of a resample that are in memory at a time."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class LabelScore(Readable):
    """Scores of one label, 0 to 1; None where there is nothing to divide by."""

    name: str
    average_precision: float | None
    """None without pictures of this label."""

    interval: Interval | None
    """95% of the average precision, by a bootstrap over pictures; None as for that of all labels."""

    threshold: float
    """Probability from which a picture is given the label."""

    precision: float | None
    """Of the pictures given the label, the share that have it."""

    recall: float | None
    """Of the pictures that have the label, the share given it."""

    f1: float | None
    """Harmonic mean of precision and recall."""

    pictures: int
    """That have the label."""

    def _parts(self) -> list[str]:
        figures = (("average precision", self.average_precision), ("F1", self.f1))
        return [self.name, *(f"{name} {percent(value)}" for name, value in figures), f"n = {self.pictures:,}"]


@dataclass(frozen=True, slots=True)
class LabelScores(Readable):
    """Scores of a classifier of several labels a picture on one split."""

    split: str
    pictures: int
    loss: float
    """Mean binary cross-entropy over pictures and labels."""

    mean_average_precision: float
    """Mean of the labels' average precisions (macro)."""

    interval: Interval | None
    """95% of it, by a bootstrap over pictures; None: too many pictures and labels for it, or every resample scores the
    same, as after a ranking without a mistake."""

    micro_average_precision: float
    """Average precision of all pictures and labels in one ranking."""

    naive_average_precision: float
    """Mean average precision of random probabilities: the mean share of pictures with a label."""

    macro_f1: float
    """Mean of the labels' F1 at their thresholds; a label without an F1 counts as 0."""

    micro_f1: float
    """F1 of all pictures and labels together."""

    exact_match: float
    """Share of the pictures that are given exactly their labels."""

    exact_match_interval: Interval
    """95% of it (Wilson)."""

    labels: tuple[LabelScore, ...]

    @property
    def in_words(self) -> str:
        """The mean average precision with its interval and n."""
        interval = (
            "" if self.interval is None else "95% interval {} to {}, ".format(*map(percent, self.interval))
        )
        return (
            f"mean average precision {percent(self.mean_average_precision)} ({interval}n = {self.pictures:,})"
        )

    def card_blocks(self) -> list[Block]:
        """Return the figures and each label, for a card."""
        figures = Facts(
            [
                ("loss", round(self.loss, 4)),
                ("random order", percent(self.naive_average_precision)),
                ("all labels right", percent(self.exact_match)),
            ]
        )
        rows = [
            (row.name, *map(percent, (row.average_precision, row.threshold, row.f1)), row.pictures)
            for row in self.labels
        ]
        return [figures, Table(("label", "average precision", "threshold", "F1", "n"), rows, "Each label")]

    def _parts(self) -> list[str]:
        return [self.in_words, f"{self.split} split", f"{len(self.labels)} labels", f"loss {self.loss:.4f}"]

    def _card(self) -> Card:
        return Card("LabelScores", f"{self.in_words} on the {self.split} split", self.card_blocks())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


class Thresholds(NamedTuple):
    """A threshold for each label."""

    values: tuple[float, ...]
    chosen: tuple[bool, ...]
    """Whether it was chosen; otherwise too few pictures have the label, and it is USUAL_THRESHOLD."""


def best_thresholds(probabilities: NDArray[np.floating], targets: NDArray[Any]) -> Thresholds:
    """Return for each label the threshold with the largest F1, midway between two pictures' probabilities.

    Args:
        probabilities: (N, labels), of pictures that the network was not fitted to.
        targets: (N, labels) of 0 and 1.
    """
    chosen = tuple((targets.sum(0) >= FEWEST_POSITIVES).tolist())
    values = tuple(
        _best_threshold(column, of_label) if is_chosen else USUAL_THRESHOLD
        for column, of_label, is_chosen in zip(probabilities.T, targets.T, chosen, strict=True)
    )
    return Thresholds(values, chosen)


def _best_threshold(probabilities: NDArray[np.floating], targets: NDArray[Any]) -> float:
    ranking = Ranking.of(probabilities, targets)
    ranked = probabilities[ranking.order].astype(np.float64)
    hits = np.cumsum(ranking.targets)[ranking.ends]
    f1 = 2 * hits / (ranking.ends + 1 + targets.sum())
    end = int(ranking.ends[f1.argmax()])
    return float(ranked[end] if end + 1 == len(ranked) else (ranked[end] + ranked[end + 1]) / 2)


def given_labels(probabilities: NDArray[np.floating], thresholds: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return which labels pictures are given, (N, labels): those whose probability is at least the threshold."""
    return probabilities >= np.asarray(thresholds, probabilities.dtype)


def score_labels(
    probabilities: NDArray[np.float32],
    targets: NDArray[Any],
    names: tuple[str, ...],
    thresholds: tuple[float, ...],
    split: str,
) -> LabelScores:
    """Score probabilities of several labels a picture.

    Args:
        probabilities: (N, labels).
        targets: (N, labels) of 0 and 1.
        names: of the labels, in the order of the columns.
        thresholds: of the labels.
        split: the name of the pictures' split.
    """
    truth, given = targets > 0, given_labels(probabilities, thresholds)
    precisions = average_precisions(probabilities, targets)
    interval, intervals = _intervals(probabilities, targets)
    hits, predicted, present = (truth & given).sum(0), given.sum(0), truth.sum(0)
    labels = tuple(
        LabelScore(
            name=name,
            average_precision=precisions[index],
            interval=intervals[index],
            threshold=thresholds[index],
            precision=_share(hits[index], predicted[index]),
            recall=_share(hits[index], present[index]),
            f1=_share(2 * hits[index], predicted[index] + present[index]),
            pictures=int(present[index]),
        )
        for index, name in enumerate(names)
    )
    exact = int((truth == given).all(1).sum())
    everything = average_precision(probabilities.ravel(), targets.ravel())
    return LabelScores(
        split=split,
        pictures=len(targets),
        loss=binary_cross_entropy(probabilities, targets),
        mean_average_precision=mean_of(precisions),
        interval=interval,
        micro_average_precision=everything or 0.0,
        naive_average_precision=float(truth.mean(0)[present > 0].mean()) if present.any() else 0.0,
        macro_f1=float(np.mean([row.f1 or 0.0 for row in labels])),
        micro_f1=_share(2 * hits.sum(), predicted.sum() + present.sum()) or 0.0,
        exact_match=exact / len(targets),
        exact_match_interval=wilson_interval(exact, len(targets)),
        labels=labels,
    )


def score_any(
    probabilities: NDArray[np.float32],
    labels: NDArray[Any],
    names: tuple[str, ...],
    split: str,
    thresholds: tuple[float, ...] = (),
) -> Scores | LabelScores:
    """Score probabilities against class indices (N,), or against several labels a picture (N, classes) of 0 and 1.

    Args:
        probabilities: (N, classes).
        labels: either.
        names: of the classes.
        split: the name of the pictures' split.
        thresholds: of several labels.
    """
    if labels.ndim == 2:
        return score_labels(probabilities, labels, names, thresholds, split)
    return score(probabilities, labels, names, split)


def mean_average_precision(
    probabilities: NDArray[np.floating], targets: NDArray[Any]
) -> tuple[float, Interval | None]:
    """Return the mean average precision of (N, labels) and its 95% interval; None as in `LabelScores.interval`."""
    interval, _ = _intervals(probabilities, targets)
    return mean_of(average_precisions(probabilities, targets)), interval


def can_be_resampled(targets: NDArray[Any]) -> bool:
    """Return whether a bootstrap over pictures takes seconds and not minutes, and any picture has a label."""
    return _resamples(targets) >= FEWEST_RESAMPLES and bool(targets.any())


def _resamples(targets: NDArray[Any]) -> int:
    return min(RESAMPLES, MOST_RESAMPLED // max(1, targets.size))


def _intervals(
    probabilities: NDArray[np.floating], targets: NDArray[Any]
) -> tuple[Interval | None, list[Interval | None]]:
    """Return the 95% intervals of the mean average precision, and of each label's."""
    drawn = _resampled(probabilities, targets)
    if drawn is None:
        return None, [None] * targets.shape[1]
    return _middle(_means(drawn)), [_middle(column[~np.isnan(column)]) for column in drawn.T]


def resampled_difference(
    first: NDArray[np.floating], second: NDArray[np.floating], targets: NDArray[Any]
) -> NDArray[np.float64] | None:
    """Return the second mean average precision minus the first, on resamples of the pictures, the same for both.

    Args:
        first, second: (N, labels) probabilities for the same pictures.
        targets: (N, labels) of 0 and 1.

    Returns:
        (resamples,); None where they cannot be resampled.
    """
    drawn, drawn_too = _resampled(first, targets), _resampled(second, targets)
    return None if drawn is None or drawn_too is None else _means(drawn_too) - _means(drawn)


def _resampled(probabilities: NDArray[np.floating], targets: NDArray[Any]) -> NDArray[np.float64] | None:
    """Return the average precisions, (resamples, labels), on resamples that depend only on the shape of the targets.

    NaN: no picture of the resample has the label. None: they cannot be resampled.
    """
    if not can_be_resampled(targets):
        return None
    count, resamples = len(targets), _resamples(targets)
    rankings = [
        Ranking.of(column, of_label) if of_label.any() else None
        for column, of_label in zip(probabilities.T, targets.T, strict=True)
    ]
    random, values = np.random.Generator(np.random.Philox(0)), []
    each = max(1, AT_ONCE // count)
    for start in range(0, resamples, each):
        rows = min(each, resamples - start)
        weights = random.multinomial(count, np.full(count, 1 / count), size=rows).astype(np.float64)
        columns = [
            np.full(rows, np.nan) if ranking is None else ranking.average_precision(weights)
            for ranking in rankings
        ]
        values.append(np.stack(columns, axis=1))
    return np.concatenate(values)


def _means(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the labels that each resample shows; resamples that show none are left out."""
    seen = ~np.isnan(drawn)
    return np.where(seen, drawn, 0).sum(1)[seen.any(1)] / seen.sum(1)[seen.any(1)]


def _middle(values: NDArray[np.float64]) -> Interval | None:
    """Return what 95% of the values lie between; None where all are the same, which says nothing of new pictures."""
    if not len(values) or values.min() == values.max():
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _share(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole else None
