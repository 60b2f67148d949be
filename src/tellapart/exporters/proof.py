"""The proof: the same pictures through the classifier and through the exported file, and how far the answers differ."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.multi_label import are_several
from tellapart.errors import ModelError
from tellapart.exporters.format import Answers, Precision, Runner
from tellapart.exporters.picture_net import NOVELTY, PROBABILITIES
from tellapart.metrics.label_scores import given_labels, mean_average_precision
from tellapart.metrics.scores import mcnemar, wilson_interval
from tellapart.pages.card import Readable
from tellapart.text import counted, percent

MOST_DIFFERENT = 1e-5
"""Of a probability in float32; beyond it, something else is computed."""

MOST_DIFFERENT_HALF = 0.02
"""Of a probability in float16."""

LEAST_AGREEMENT = {"float16": 0.99, "int8": 0.9}
"""Share of the pictures whose first class must be the same, in an arithmetic that rounds."""

MOST_LOST = 0.005
"""Of the accuracy, in an arithmetic that rounds, unless chance explains it."""

LEAST_NOVELTY_AGREEMENT = {"float32": 0.995, "float16": 0.97, "int8": 0.9}
"""Share of the pictures that must get the same verdict about being unfamiliar; scores near the limit may fall on the
other side by rounding."""

ONE = 1.5
"""A single picture of another verdict is rounding, however few there are."""

LEVEL = 0.05

FEW = (1, 3)
"""Batches of the first pictures that are run besides: a file may fix how many it takes."""

TIMED = 64
"""Pictures of a timed run."""

SECONDS = 0.5
"""Spent on timing each side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof(Readable):
    """How an exported file answers beside the classifier that it was made from."""

    pictures: int
    source: str
    """Which pictures they are."""

    precision: Precision
    largest_difference: float
    """Of any probability."""

    agreement: float
    """Share of the pictures that are given the same class; of several labels, the same labels."""

    novelty_agreement: float | None
    """Share of the pictures of which both say the same about being unfamiliar; None: the file has no such output."""

    score_name: str | None
    """accuracy, or of several labels mean average precision; None: the pictures have no labels."""

    score: float | None
    """Of the classifier."""

    exported_score: float | None
    interval: tuple[float, float] | None
    """95% of the exported file's accuracy (Wilson)."""

    p_value: float | None
    """McNemar's exact test of the two accuracies; None: no labels, or several a picture."""

    size: int
    """Bytes of the exported files."""

    pictures_per_second: float
    """Of the exported file, in batches of at most TIMED, on this machine."""

    classifier_per_second: float
    runtime: str
    """With its version."""

    threads: int

    def _parts(self) -> list[str]:
        return [
            counted(self.pictures, "picture"),
            f"largest difference {self.largest_difference:.1e}",
            f"agreement {percent(self.agreement, 1)}",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


def prove(
    expected: Answers,
    run: Runner,
    images: NDArray[np.uint8],
    labels: NDArray[Any] | None,
    *,
    own: Callable[[NDArray[np.uint8]], Any],
    thresholds: tuple[float, ...],
    novelty_limit: float | None,
    precision: Precision,
    source: str,
    size: int,
    runtime: str,
) -> Proof:
    """Run pictures through an exported file.

    Args:
        expected: what the classifier answers to the pictures.
        run: runs the exported file.
        images: (N, H, W, C).
        labels: (N,), or (N, labels) of 0 and 1; None: unknown.
        own: the classifier, for timing.
        thresholds: of several labels; empty: each picture has one class.
        novelty_limit: from which a picture is unfamiliar; None: there is none.
        precision: of the exported file.
        source: which pictures they are.
        size: bytes of the exported files.
        runtime: name of the package that runs it.
    """
    answers = run(images)
    theirs, ours = answers[PROBABILITIES], expected[PROBABILITIES]
    few = [run(images[:count])[PROBABILITIES] for count in FEW if count < len(images)]
    differences = [each.astype(np.float64) - ours[: len(each)] for each in (theirs, *few)]
    different = np.concatenate([np.abs(each).ravel() for each in differences])
    return Proof(
        pictures=len(images),
        source=source,
        precision=precision,
        largest_difference=float(np.max(different)) if np.isfinite(different).all() else float("inf"),
        agreement=float(_same(theirs, ours, thresholds).mean()),
        novelty_agreement=_novelty_agreement(answers, expected, novelty_limit),
        **_scores(theirs, ours, labels),
        size=size,
        pictures_per_second=_speed(run, images),
        classifier_per_second=_speed(own, images),
        runtime=f"{runtime} {version(runtime)}",
        threads=_threads(),
    )


def refuse_mismatch(proof: Proof) -> None:
    """Refuse an export that answers otherwise than its classifier.

    Raises:
        ModelError: with the figures.
    """
    where = f"on {counted(proof.pictures, 'picture')} ({proof.source})"
    most = {"float32": MOST_DIFFERENT, "float16": MOST_DIFFERENT_HALF}.get(proof.precision)
    if not np.isfinite(proof.largest_difference):
        advice = "Try another format." if proof.precision == "float32" else "Export it in float32."
        raise ModelError(
            f"The export gives NaN or infinite probabilities: {where}. The file was discarded. {advice}"
        )
    if most is not None and not proof.largest_difference <= most:
        raise ModelError(
            f"The export does not match the model: {where}, a probability differs by {proof.largest_difference:.2g} "
            f"(allowed: {most:g}). The file was discarded. Try another format."
        )
    verdicts, needed = proof.novelty_agreement, LEAST_NOVELTY_AGREEMENT[proof.precision]
    if verdicts is not None and verdicts < needed and (1 - verdicts) * proof.pictures > ONE:
        raise ModelError(
            f"The export does not recognize the same pictures as unfamiliar: {where}, {percent(1 - verdicts, 1)} get "
            f"another verdict (allowed: {percent(1 - needed, 1)}). The file was discarded."
        )
    least = LEAST_AGREEMENT.get(proof.precision, 1.0)
    if proof.agreement < least:
        raise ModelError(
            f"The export does not match the model: {where}, {percent(1 - proof.agreement, 1)} get another answer "
            f"(allowed: {percent(1 - least, 1)}). The file was discarded."
        )
    if proof.score is None or proof.exported_score is None or proof.precision == "float32":
        return
    lost, surely = proof.score - proof.exported_score, proof.p_value is None or proof.p_value < LEVEL
    if lost > MOST_LOST and surely:
        raise ModelError(
            f"In {proof.precision} the model is worse: {where}, {proof.score_name} {percent(proof.exported_score, 2)} "
            f"instead of {percent(proof.score, 2)} (allowed: {100 * MOST_LOST:g} points less). The file was discarded. "
            "Export it in float32."
        )


def _same(
    theirs: NDArray[np.float32], ours: NDArray[np.float32], thresholds: tuple[float, ...]
) -> NDArray[np.bool_]:
    if not thresholds:
        return theirs.argmax(1) == ours.argmax(1)
    return (given_labels(theirs, thresholds) == given_labels(ours, thresholds)).all(1)


def _novelty_agreement(answers: Answers, expected: Answers, limit: float | None) -> float | None:
    if limit is None or NOVELTY not in answers or NOVELTY not in expected:
        return None
    scores = answers[NOVELTY]
    same = (scores > limit) == (expected[NOVELTY] > limit)
    return float((same & np.isfinite(scores)).mean())


def _scores(
    theirs: NDArray[np.float32], ours: NDArray[np.float32], labels: NDArray[Any] | None
) -> Mapping[str, Any]:
    names = ("score_name", "score", "exported_score", "interval", "p_value")
    if labels is None or not len(labels):
        return dict.fromkeys(names)
    if are_several(labels):
        own, _ = mean_average_precision(ours, labels)
        exported, interval = mean_average_precision(theirs, labels)
        values: tuple[Any, ...] = ("mean average precision", own, exported, interval, None)
        return dict(zip(names, values, strict=True))
    right, right_too = ours.argmax(1) == labels, theirs.argmax(1) == labels
    p_value = mcnemar(right, right_too).p_value
    interval = wilson_interval(int(right_too.sum()), len(labels))
    values = ("accuracy", float(right.mean()), float(right_too.mean()), interval, p_value)
    return dict(zip(names, values, strict=True))


def _speed(run: Callable[[NDArray[np.uint8]], Any], images: NDArray[np.uint8]) -> float:
    """Return pictures a second, the median of the runs that fit into SECONDS."""
    part, ends = images[:TIMED], time.perf_counter() + SECONDS
    times: list[float] = []
    run(part)
    while not times or time.perf_counter() < ends:
        began = time.perf_counter()
        run(part)
        times.append(time.perf_counter() - began)
    return len(part) / float(np.median(times))


def _threads() -> int:
    import torch

    return min(torch.get_num_threads(), os.cpu_count() or 1)
