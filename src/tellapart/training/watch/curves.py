"""Rules that read the curves of a training. They serve while it runs, and the report of a finished one."""

from collections.abc import Sequence
from math import exp, sqrt

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tellapart.events import EpochDone, Finding
from tellapart.training.watch.course import Course, entropy

COLLAPSE = 0.1
"""Drop of the validation accuracy below its best, 0 to 1, that counts as a collapse."""

NOISE = 2.0
"""Divided by the square root of the number of validation images, at most four standard errors of an accuracy. The best
of many epochs owes two or three of them to chance."""

BACKWARDS, BACKWARDS_AT_LEAST = 1.1, 0.05
"""Ratio of the training loss to its lowest from which on the training goes backwards, and the least rise. Ratios alone
say nothing where a loss is near 0."""

OVERFITTING, OVERFITTING_AT_LEAST = 1.25, 0.1
"""Ratio of the validation loss to its lowest from which on the network is overfitted, and the least rise; with few
images that is 1 / sqrt(images), about two standard errors."""

FALLING = 0.95
"""Ratio of the training loss to that at the lowest validation loss up to which it still falls."""

FEW_CLASSES = 0.12
"""Classes answered by those there are, both less one, at or below which the answers are stuck."""

FEWEST_ANSWERS = 20
"""Validation images below which answers on few classes say nothing."""

FEWEST_STEPS_FOR_ANSWERS = 50
"""Steps after which more classes can be expected."""

PATIENCE_FOR_ANSWERS = 3
"""Epochs after the warm-up in which the answers must be stuck."""

LOPSIDED = 1.6
"""Classes there are in effect, below which one has most of the images (two of 85% and 15% are 1.5). Predicting it alone
is how a sound training begins there, and is said in the last fifth of the epochs."""


def collapse(course: Course) -> Finding | None:
    """Find a validation accuracy that has fallen for good.

    Either the median of the last epochs is below the best such median while the training loss has risen too, or all of
    the last epochs are.
    """
    history, window = course.history, course.window
    if len(history) <= window:
        return None
    medians = np.median(_windows([done.val_accuracy for done in history], window), axis=1)
    best = medians[:-1].max()
    low = best - max(COLLAPSE, NOISE / sqrt(course.images))
    last = [done.val_accuracy for done in history[-window:]]
    if medians[-1] > low or (max(last) > low and not _goes_backwards(course)):
        return None
    half_way = (best + low) / 2
    above = [index for index, done in enumerate(history[:-window]) if done.val_accuracy > half_way]
    since = above[-1] + 1 if above else 0
    return Finding(
        "accuracy collapse",
        history[-1].epoch,
        history[since].epoch,
        f"validation {course.score} has fallen from {best:.1%} to {medians[-1]:.1%} ({window}-epoch medians) and has "
        "not "
        "recovered",
        _lower_later(course),
    )


def going_backwards(course: Course) -> Finding | None:
    """Find a training loss that rises: the learning rate is too high for what is left to learn."""
    if not _goes_backwards(course):
        return None
    means = _windows([done.loss for done in course.history], course.window).mean(1)
    lowest = int(means.argmin())
    return Finding(
        "learning rate too high",
        course.history[-1].epoch,
        course.history[lowest + course.window - 1].epoch,
        f"the training loss has risen from {means[lowest]:.3f} to {means[-1]:.3f} ({course.window}-epoch means)",
        _lower_later(course),
    )


def overfitting(course: Course) -> Finding | None:
    """Find a validation loss that rises, over several epochs in a row, while the training loss still falls."""
    history = course.history
    lowest = min(history, key=lambda done: done.val_loss)
    last = [done for done in history[-course.window :] if done.epoch > lowest.epoch]
    rise = max(OVERFITTING_AT_LEAST, 1 / sqrt(course.images))
    high = max(OVERFITTING * lowest.val_loss, lowest.val_loss + rise)
    if len(last) < course.window or any(done.val_loss < high for done in last):
        return None
    if max(done.loss for done in last) > FALLING * lowest.loss:
        return None
    return Finding(
        "overfitting",
        history[-1].epoch,
        lowest.epoch,
        f"validation loss has risen from {lowest.val_loss:.3f} to {history[-1].val_loss:.3f}, while training loss fell "
        f"from {lowest.loss:.3f} to {history[-1].loss:.3f}",
        _against_memorizing(course),
    )


def few_classes(course: Course) -> Finding | None:
    """Find answers that stay on few classes, where the images show more."""
    patience = PATIENCE_FOR_ANSWERS + course.warmup
    chance, recent = course.chance, course.history[-patience:]
    if chance is None or len(recent) < patience or chance.images < FEWEST_ANSWERS:
        return None
    if course.steps < FEWEST_STEPS_FOR_ANSWERS:
        return None
    if chance.variety < LOPSIDED and len(course.history) < 0.8 * course.epochs:
        return None
    answered = [variety(done) for done in recent]
    if max(answered) - 1 > FEW_CLASSES * (chance.variety - 1):
        return None
    top, used = max(recent[-1].val_answers), sum(count > 0 for count in recent[-1].val_answers)
    seen = f"{top:,} of {chance.images:,} validation pictures are predicted as the same class"
    if used > 1:
        seen += f"; only {used} of {len(recent[-1].val_answers)} classes are predicted at all"
    return Finding(
        "few classes predicted",
        recent[-1].epoch,
        recent[0].epoch,
        seen,
        f"Check that every class has enough correctly labeled pictures; if so, try {course.with_rate(0.3)}",
    )


def variety(done: EpochDone) -> float:
    """Return how many classes an epoch's answers have, in effect: the exponential of their entropy; 0: not known."""
    total = sum(done.val_answers)
    return exp(entropy([count / total for count in done.val_answers])) if total else float("inf")


def _lower_later(course: Course) -> str:
    """Return what to do where the learning rate is too high late in training."""
    rate = course.with_rate(0.3)
    if course.rate_falls:
        return f"Usually the learning rate is too high: try {rate} or fewer --epochs"
    return (
        f"Usually the learning rate is too high late in training: try {rate}, fewer --epochs, or --recipe quick, which "
        "lowers it to zero and keeps the best epoch"
    )


def _against_memorizing(course: Course) -> str:
    if course.fine_tunes:
        return f"Use fewer --epochs or {course.with_rate(0.3)}. Unless fine-tuning helps, the frozen network is kept"
    without = "" if course.augments else "leave out --no-augment, "
    return (
        f"The network memorizes the training pictures. Add pictures, {without}use fewer --epochs, or try "
        "--recipe transfer"
    )


def _goes_backwards(course: Course) -> bool:
    if len(course.history) <= course.window:
        return False
    means = _windows([done.loss for done in course.history], course.window).mean(1)
    lowest = means.min()
    return bool(means[-1] >= max(BACKWARDS * lowest, lowest + BACKWARDS_AT_LEAST))


def _windows(values: Sequence[float], window: int) -> NDArray[np.float64]:
    """Return each run of `window` values, one a row."""
    return sliding_window_view(np.array(values), window)
