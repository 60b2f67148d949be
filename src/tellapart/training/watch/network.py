"""Rules that look inside the network: dead units, the scale of its inputs, its steps, its batch statistics."""

from statistics import median

from tellapart.events import Finding
from tellapart.training.watch.course import Course, Z

LARGEST_INPUT, SMALLEST_INPUT = 10.0, 0.02
"""Deviation of the first layer's inputs, about 1 where they are normalized: above or below they are not. The largest
holds for the mean too."""

EXPLODING = 0.5
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
        f"{worst.constant:,} of {worst.units:,} units of layer {worst.layer} are dead: they put out the same number "
        f"for {course.vitals[-1].sampled:,} different training pictures",
        "Lower the learning rate and start again: dead units hardly ever come back",
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
        f"the numbers that reach the first layer have mean {seen.input_mean:.3g} and deviation {seen.input_std:.3g}, "
        "where a network expects about 0 and 1",
        "Put a Rescaling(1/255) or Normalization layer first, or check that the pictures are not all alike",
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
            f"a step changes {name} by {largest:.0%} of its size",
            "Lower the learning rate, or clip the gradients",
        )
    middle = median(last.values())
    name, smallest = min(last.items(), key=lambda item: item[1])
    if len(last) < 3 or len(course.vitals) < 2 or smallest >= VANISHING * middle:
        return None
    return Finding(
        "vanishing updates",
        epoch,
        epoch,
        f"a step changes {name} by {smallest:.1e} of its size, other layers by {middle:.1e}: it hardly learns",
        "Use ReLU, batch normalization or shortcuts instead of sigmoid or tanh in a deep network",
    )


def batch_statistics(course: Course) -> Finding | None:
    """Find batch statistics of so few images that the network falls apart without them."""
    if course.statistics_over is None or not course.vitals:
        return None
    seen, done = course.vitals[-1], course.history[-1]
    error = (0.25 / seen.sampled) ** 0.5
    lost = done.accuracy - seen.sample_accuracy
    falls_apart = len(course.vitals) > 1 and lost > max(FALLS_APART, Z * error)
    if course.statistics_over >= FEWEST_STATISTICS and not falls_apart:
        return None
    figure = f"batch normalization computes its statistics over {course.statistics_over} pictures"
    if falls_apart:
        figure += (
            f", and without them the network answers {seen.sample_accuracy:.0%} of {seen.sampled} training pictures "
            f"right, for {done.accuracy:.0%} while training"
        )
    return Finding(
        "batch too small",
        done.epoch,
        0,
        figure,
        f"Use batches of 16 pictures or more, or another normalization (statistics over less than "
        f"{FEWEST_STATISTICS} are noise)",
    )
