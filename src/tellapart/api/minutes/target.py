"""A target accuracy: how likely it is, how long it would take, and what would help."""

from collections.abc import Sequence
from math import isfinite

from tellapart.api.listener import Listener
from tellapart.api.minutes.sample import sampled
from tellapart.api.minutes.scratch import SHORTEST, closing_seconds, measure_scratch
from tellapart.data.dataset import Dataset
from tellapart.metrics.learning_curve import Interval, LearningCurve, Scored, guessing_error
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.in_minutes import OF_STEPS
from tellapart.runs.forecast import minutes_in_words
from tellapart.text import counted, percent

SHARE_FOR_MEASURING = 0.03
"""Of a training's steps, where its length is a number of epochs."""

FEWEST_STEPS = 100 * SHORTEST
"""Of a training that is worth measuring for: even its shortest measurement would be more than 1% of fewer."""

LIKELY = 0.5


def tell_target(config: TrainConfig, dataset: Dataset, listener: Listener) -> None:
    """Say whether a training of whole epochs is expected to reach its target, and when; nothing where it is short.

    Args:
        config: complete.
        dataset: as opened.
        listener: is told.
    """
    if config.target is None or config.head is not None or config.validation != "held out":
        return
    if dataset.shards is not None:  # a sample of them is no measure of an epoch
        return
    pictures = config.pictures_per_epoch or len(dataset.splits["train"])
    steps = config.epochs * -(-pictures // config.batch_size)
    if steps < FEWEST_STEPS:
        return
    sample = sampled(dataset, config, 1.0, listener)
    measured = measure_scratch(config, sample, share=SHARE_FOR_MEASURING)
    curve = LearningCurve(OF_STEPS, guessing_error(sample.class_counts), measured.scored)
    other = closing_seconds(measured, sample, config.tta_views, curve.error(steps, 1).middle)
    seconds = other + steps * measured.step_seconds
    within = f"the recipe's {counted(config.epochs, 'epoch')}, {minutes_in_words(seconds)}"
    basis = steps_basis(measured.scored)
    line = of_steps(config.target, curve, steps, measured.step_seconds, other, within)
    listener.notice(f"{line}. Basis: {basis}; {percent(curve.level, 0)} interval")


def steps_basis(scored: Sequence[Scored]) -> str:
    """Return where a forecast over steps comes from."""
    lengths = ", ".join(
        f"{each.length:.0f} ({percent(1 - each.wrong / each.images, 0)} right)" for each in scored
    )
    return f"curve through trainings of {lengths} steps; {OF_STEPS.source}"


def of_steps(
    target: float, curve: LearningCurve, steps: int, step_seconds: float, other_seconds: float, within: str
) -> str:
    """Return what is expected of a target in a training from scratch, without a full stop.

    Args:
        target: accuracy, 0 to 1.
        curve: of the error over steps.
        steps: of the training.
        step_seconds: of one.
        other_seconds: of the rest of the command.
        within: how long the training is, in words.
    """
    chance, needed = curve.chance(1 - target, steps), curve.length(1 - target)
    seconds = Interval(*(other_seconds + each * step_seconds for each in needed))
    if chance >= LIKELY:
        return (
            f"Target {percent(target, 1)}: {percent(chance, 0)} likely within {within}; a training just long enough "
            f"takes {_about(seconds)}"
        )
    if isfinite(seconds.middle):
        return (
            f"Target {percent(target, 1)}: not expected within {within} ({percent(chance, 0)} likely); a training long "
            f"enough takes {_about(seconds)}"
        )
    return (
        f"Target {percent(target, 1)}: not expected, however long it is trained ({percent(chance, 0)} likely within "
        f"{within}). More pictures, larger ones (--size), a pretrained network (--recipe transfer) or a larger one "
        "(--recipe accurate) may help"
    )


def of_pictures(target: float, curve: LearningCurve, pictures: int) -> str:
    """Return what is expected of a target for a last layer on a backbone's features, without a full stop.

    Args:
        target: accuracy, 0 to 1.
        curve: of the error over training pictures.
        pictures: to train on.
    """
    chance, needed = curve.chance(1 - target, pictures), curve.length(1 - target)
    if chance >= LIKELY:
        return f"Target {percent(target, 1)}: {percent(chance, 0)} likely by a last layer alone"
    more = "no number of pictures is expected to be enough for a last layer alone"
    if isfinite(needed.middle):
        high = f"{needed.high:,.0f}" if isfinite(needed.high) else "no number"
        more = f"about {needed.middle:,.0f} pictures ({needed.low:,.0f} to {high}) would be needed for that"
    return (
        f"Target {percent(target, 1)}: not expected of a last layer alone ({percent(chance, 0)} likely); {more}. "
        "Fine-tuning, larger pictures (--size) or a larger --backbone may help"
    )


def _about(seconds: Interval) -> str:
    """Return a time with its interval."""
    high = minutes_in_words(seconds.high) if isfinite(seconds.high) else "never"
    return f"about {minutes_in_words(seconds.middle)} ({minutes_in_words(seconds.low)} to {high})"
