"""Rules for a training that learns nothing: because of its learning rate, or because of its labels."""

from tellapart.events import Finding, HeadFitted
from tellapart.training.watch.course import Chance, Course

AT_CHANCE = 0.99
"""Training loss by that of chance from which on nothing has been learned."""

BELOW_CHANCE = 0.95
"""Validation loss by that of chance, below which something has been learned. Rare classes show here first."""

FAR_ABOVE = 1.5
"""Training loss by that of chance from which on only the learning rate, or the inputs, can be to blame."""

LARGE_UPDATE = 0.01
"""Part of its norm by which a step changes a kernel, from which on a network that learns nothing is overrun. Healthy
steps of Adam and RMSprop stay below it, those of Muon at a tenth learn (`benchmarks/faults/watch.py`)."""

STANDSTILL = 0.02
"""Part of their norm that the kernels have moved in all the training so far, at most, where the rate is too low."""

NEAR_CHANCE = 0.06
"""How far a training loss may be from chance, as a share of it, where the weights have hardly moved."""

FEWEST_STEPS, STEPS_FOR_LABELS = 15, 100
"""Steps without which nothing can be expected."""

EPOCHS_FOR_RATE, EPOCHS_FOR_LABELS = 3, 5

FEWEST_JUDGES = 50
"""Validation images without which it cannot be told whether the labels follow from the pictures."""

BY_HEART = 0.2
"""Training accuracy above chance, 0 to 1, from which on a network has learned something, if only by heart."""

_CHECK_LABELS = "Check some labels. If they are right, the pictures may be too small: try a larger --size"


def rate_too_high(course: Course) -> Finding | None:
    """Find steps so large that nothing is learned.

    Either the loss is far above chance, or it stays there after large steps, and a layer is dead or epochs have passed.
    """
    chance = course.chance
    if chance is None or not course.vitals or course.steps < FEWEST_STEPS:
        return None
    last, largest = course.history[-1], max(seen.largest_update for seen in course.vitals)
    recent = course.history[-EPOCHS_FOR_RATE:]
    waited = len(recent) == EPOCHS_FOR_RATE and all(d.loss >= AT_CHANCE * chance.at_start for d in recent)
    stays = last.loss >= AT_CHANCE * chance.loss and (waited or any(seen.dead for seen in course.vitals))
    far_above = last.loss >= FAR_ABOVE * max(chance.loss, chance.at_start)
    if not far_above and not (largest >= LARGE_UPDATE and stays):
        return None
    seen = f"the training loss ({last.loss:.3f}) is far worse than chance ({chance.loss:.3f})"
    if not far_above:
        seen = (
            f"the training loss ({last.loss:.3f}) is no better than chance ({chance.loss:.3f}), and one step changed a "
            f"layer's weights by {largest:.0%}"
        )
    return Finding(
        "learning rate too high",
        last.epoch,
        0,
        seen,
        f"Train again with {course.with_rate(0.1)}",
    )


def rate_too_low(course: Course) -> Finding | None:
    """Find weights that have hardly moved once the warm-up is over: the loss is still what it was at the start."""
    chance = course.chance
    if chance is None or len(course.history) < max(2, course.warmup + 1) or course.steps < FEWEST_STEPS:
        return None
    if len(course.vitals) < len(course.history):  # of earlier sessions none are known
        return None
    last, per_epoch = course.history[-1], course.steps / len(course.history)
    moved = sum(seen.largest_update for seen in course.vitals) * per_epoch
    low, high = (1 - NEAR_CHANCE) * chance.loss, (1 + NEAR_CHANCE) * max(chance.loss, chance.at_start)
    if moved > STANDSTILL or not low <= last.loss <= high or course.vitals[-1].dead:
        return None
    return Finding(
        "learning rate too low",
        last.epoch,
        0,
        f"the weights have changed by at most {moved:.2%} so far, and the training loss ({last.loss:.3f}) is still at "
        f"chance ({chance.loss:.3f})",
        f"Train again with {course.with_rate(100)}",
    )


def labels_not_learned(course: Course) -> Finding | None:
    """Find labels that do not follow from the pictures: chance on new ones, even where the old are known by heart."""
    chance = course.chance
    if chance is None or len(course.history) < EPOCHS_FOR_LABELS or chance.images < FEWEST_JUDGES:
        return None
    if course.steps < STEPS_FOR_LABELS:
        return None
    best = max(done.val_accuracy for done in course.history)
    if _looked(chance, best, min(done.val_loss for done in course.history)):
        return None
    accuracy = course.history[-1].accuracy
    by_heart = accuracy > chance.accuracy + BY_HEART
    if not by_heart and any(chance.beaten_by(done.accuracy, chance.trained_on) for done in course.history):
        return None
    known = f"; training accuracy is at best {max(done.accuracy for done in course.history):.1%}"
    if by_heart:
        known = (
            f", although training accuracy is {accuracy:.1%}: the network has memorized the training pictures"
        )
    return Finding(
        "no better than chance",
        course.history[-1].epoch,
        0,
        f"after {len(course.history)} epochs, {_at_best(best, chance, chance.images)}{known}",
        _CHECK_LABELS,
    )


def labels_not_learned_by_head(chance: Chance, fitted: HeadFitted) -> Finding | None:
    """Find labels that do not follow from a pretrained network's features."""
    if fitted.val_pictures < FEWEST_JUDGES or _looked(chance, fitted.val_accuracy, fitted.val_loss):
        return None
    return Finding(
        "no better than chance",
        None,
        None,
        _at_best(fitted.val_accuracy, chance, fitted.val_pictures),
        _CHECK_LABELS,
    )


def _at_best(accuracy: float, chance: Chance, images: int) -> str:
    return (
        f"validation accuracy is at best {accuracy:.1%} ({images:,} pictures), not clearly better than always "
        f"predicting the most frequent class ({chance.accuracy:.1%})"
    )


def _looked(chance: Chance, accuracy: float, loss: float) -> bool:
    """Return whether a validation accuracy or loss is better than without looking at the pictures."""
    return chance.beaten_by(accuracy, chance.images) or loss < BELOW_CHANCE * chance.val_loss
