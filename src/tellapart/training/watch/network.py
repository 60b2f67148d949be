"""Rules that look inside the network: dead units, the scale of its inputs, its steps, its batch statistics."""

from statistics import median

from tellapart.events import Finding
from tellapart.training.watch.course import Course, Z

LARGEST_INPUT, SMALLEST_INPUT = 10.0, 0.02
"""Deviation of the first layer's inputs, about 1 where they are normalized: above or below they are not. The largest
holds for the mean too."""

EXPLODING = 1.0
"""Part of its norm by which a single step may change a kernel at most."""

VANISHING = 1e-3
"""Step of a layer by the median of the layers', below which the layer does not learn ..."""

FEWEST_STATISTICS = 8
"""Images that share batch statistics, below which these are noise. Source: Wu & He 2018, arXiv:1803.08494, figure 1:
the error of batch normalization grows from 16 images down, and steeply below 8."""

FALLS_APART = 0.15
"""Accuracy that the network may lose on training images, at most, from training to inference mode."""


def dead_units(course: Course) -> Finding | None:
    """Find a layer most of whose units put out one number whatever comes in."""
    if not course.vitals or not (dead := course.vitals[-1].dead):
        return None
    worst = max(dead, key=lambda units: units.share)
    return Finding(
        "dead units",
        course.history[-1].epoch,
        course.history[-1].epoch,
        f"{worst.constant:,} of {worst.units:,} units in layer {worst.layer} are dead: their output is the same for "
        f"all {course.vitals[-1].sampled:,} sampled training pictures",
        f"Dead units rarely recover: train again with {course.with_rate(0.1)}",
    )


def input_scale(course: Course) -> Finding | None:
    """Find inputs that are not normalized."""
    if not course.vitals or not course.vitals[-1].sampled:
        return None
    seen = course.vitals[-1]
    if SMALLEST_INPUT <= seen.input_std <= LARGEST_INPUT and abs(seen.input_mean) <= LARGEST_INPUT:
        return None
    return Finding(
        "inputs not normalized",
        course.history[-1].epoch,
        0,
        f"the network's input has mean {seen.input_mean:.3g} and standard deviation {seen.input_std:.3g}; "
        "expected: about 0 and 1",
        "Look at the pictures: are they almost blank or very dark? A network must begin with a Rescaling layer, as "
        "tellapart's do",
    )


def updates(course: Course) -> Finding | None:
    """Find steps that overrun a layer, or leave one behind."""
    if not course.vitals or not course.vitals[-1].updates:
        return None
    last = course.vitals[-1].updates
    name, largest = max(last.items(), key=lambda item: item[1])
    epoch = course.history[-1].epoch
    if largest > EXPLODING:
        return Finding(
            "exploding updates",
            epoch,
            epoch,
            f"one step changes {name} by {largest:.0%} of its norm",
            f"Train again with {course.with_rate(0.1)}",
        )
    middle = median(last.values())
    name, smallest = min(last.items(), key=lambda item: item[1])
    if len(last) < 3 or len(course.vitals) < 2 or smallest >= VANISHING * middle:
        return None
    return Finding(
        "vanishing updates",
        epoch,
        epoch,
        f"{name} hardly learns: one step changes it by {smallest:.1e} of its norm, other layers by {middle:.1e}",
        "Try --recipe fast, whose network has batch normalization and no saturating activations",
    )


def batch_too_small(course: Course) -> Finding | None:
    """Find batch statistics of few images."""
    if course.statistics_over is None or course.statistics_over >= FEWEST_STATISTICS:
        return None
    return Finding(
        "batch too small",
        course.history[-1].epoch,
        0,
        f"batch normalization averages over only {course.statistics_over} pictures",
        "Its statistics are then mostly noise: use --batch-size 16 or more",
    )


def falls_apart(course: Course) -> Finding | None:
    """Find a network that needs its batch statistics: with their moving averages, it answers training images worse."""
    if course.statistics_over is None or len(course.vitals) < 2:
        return None
    seen, done = course.vitals[-1], course.history[-1]
    if done.accuracy - seen.sample_accuracy <= max(FALLS_APART, Z * (0.25 / seen.sampled) ** 0.5):
        return None
    return Finding(
        "train/inference gap",
        done.epoch,
        done.epoch,
        f"accuracy on training pictures is {done.accuracy:.0%} in training mode, but {seen.sample_accuracy:.0%} in "
        "inference mode, with the moving averages of batch normalization",
        f"Train longer (--epochs), or with {course.with_rate(0.3)}",
    )
