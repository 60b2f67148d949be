"""Plan a training for a number of minutes: measure the candidates, forecast each, and choose.

A command's time is that of the whole: what has passed, reading, training, scoring, report. Of the candidates that fit,
the one with the best forecast is taken.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tellapart.api.listener import Listener
from tellapart.api.minutes.backbone import TransferMeasured, measure_transfer
from tellapart.api.minutes.deadline import Deadline
from tellapart.api.minutes.sample import Sample, sampled
from tellapart.api.minutes.scratch import ScratchMeasured, closing_seconds, measure_scratch
from tellapart.api.minutes.target import of_pictures, of_steps
from tellapart.classifier.backbone_choice import choose_backbone
from tellapart.data.dataset import Dataset
from tellapart.errors import ConfigError
from tellapart.metrics.learning_curve import Interval, LearningCurve, Scored, guessing_error
from tellapart.recipes.adapt import SHORT
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.in_minutes import (
    FIXED_SECONDS,
    MOST_EPOCHS,
    OF_PICTURES,
    OF_STEPS,
    TUNED_ERROR,
    candidates,
)
from tellapart.runs.forecast import Forecast, accuracy_from, minutes_in_words
from tellapart.runs.minutes_plan import MinutesPlan
from tellapart.text import counted, percent
from tellapart.training.pace import Clock
from tellapart.training.step_plan import StepPlan

SHARE_FOR_MEASURING = 0.08
"""Of the time, for all candidates together."""

EPOCHS_FOR_TARGETS = 4
"""Scorings that a training with a target has at least: an epoch that is longer is cut."""

FULL = 0.97
"""Share of the time that a transfer may be expected to take: its features cannot be cut short."""

CLEARLY_BETTER = 0.002
"""Accuracy by which a later candidate must be forecast to be better."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A configuration, what it is expected to score, and the time that it takes."""

    config: TrainConfig
    name: str
    sample: Sample
    error: Interval
    seconds: float
    """Of the whole command."""

    clock: Clock
    measured: str
    chosen: str
    basis: str
    curve: LearningCurve
    fits: bool
    target: str = ""
    """What is expected of the target, where there is one."""

    def outlook(self, steps: int) -> str:
        """Return the forecast for so many steps in all, in words; empty for a transfer."""
        if self.config.head is not None:
            return ""
        middle, low, high = accuracy_from(self.curve.error(steps, self.sample.count("validation")))
        return f"about {percent(middle, 1)} ({percent(low, 1)} to {percent(high, 1)})"


def planned(
    configs: Sequence[TrainConfig], dataset: Dataset, deadline: Deadline, listener: Listener
) -> tuple[TrainConfig, MinutesPlan]:
    """Return the configuration for a number of minutes, and its plan.

    Args:
        configs: complete; those whose recipes may be chosen, the one that suits the data first.
        dataset: as opened.
        deadline: of the command.
        listener: is told what was measured, chosen and forecast.

    Raises:
        ConfigError: the recipe has nothing to forecast by, or there is no time even for its end.
    """
    for config in configs:
        refuse_without_forecast(config)
    tried: list[Candidate] = []
    for config in configs:
        tried += _tried(config, dataset, deadline, listener)
        if tried[0].fits:
            break
    fitting = [each for each in tried if each.fits]
    if not fitting:
        raise ConfigError(_too_few_minutes(deadline, min(tried, key=lambda each: each.seconds)))
    best = fitting[0]
    for each in fitting[1:]:
        best = each if each.error.middle < best.error.middle - CLEARLY_BETTER else best
    forecast = _forecast(best, fitting, tried, deadline)
    for line in (*forecast.lines(), *filter(None, [best.target])):
        listener.notice(line)
    plan = MinutesPlan(
        forecast=forecast, clock=best.clock, fixed_seconds=FIXED_SECONDS, outlook=best.outlook
    )
    return best.config, plan


def refuse_without_forecast(config: TrainConfig) -> None:
    """Refuse a training that nothing can be forecast of.

    Raises:
        ConfigError: its epochs are scored on test pictures, or its score is no accuracy.
    """
    if config.validation == "test":
        raise ConfigError(
            f"minutes need held-out pictures to choose by, and {config.recipe} scores its epochs on the test pictures. "
            "Use the recipe quick or fast, or give epochs."
        )
    if config.multi_label:
        raise ConfigError(
            "minutes forecast an accuracy, and several labels a picture are scored by their mean average precision. "
            "Leave out the minutes, and give epochs."
        )


def _tried(
    config: TrainConfig, dataset: Dataset, deadline: Deadline, listener: Listener
) -> Iterator[Candidate]:
    """Yield the candidates of a recipe; of a backbone's sizes, none below the first that fits."""
    side = None
    if config.backbone is not None and config.size is None:
        side = choose_backbone(config.backbone).preprocessing.height
    options = list(candidates(config, len(dataset.splits["train"]), side))
    seconds = SHARE_FOR_MEASURING * deadline.seconds / (1 if config.head is not None else len(options))
    for each in options:
        sample = sampled(dataset, each, seconds / 4, listener)
        if config.head is None:
            yield _scratch(each, sample, measure_scratch(each, sample, 3 * seconds / 4), deadline)
            continue
        candidate = _transfer(each, sample, measure_transfer(each, sample, seconds / 2), deadline)
        yield candidate
        if candidate.fits:
            return


def _scratch(config: TrainConfig, sample: Sample, measured: ScratchMeasured, deadline: Deadline) -> Candidate:
    config = _with_scorings(config, sample)
    per_epoch = -(-(config.pictures_per_epoch or sample.count("train")) // config.batch_size)
    held_out = sample.count("validation")
    curve = LearningCurve(OF_STEPS, guessing_error(sample.class_counts), measured.scored)
    scoring = held_out * measured.scoring_seconds
    before = deadline.passed + measured.building_seconds + _reading(sample)
    step = measured.step_seconds + scoring / per_epoch
    steps = max(1, int((deadline.seconds - before) / step))
    error = curve.error(steps, held_out).middle
    closing = closing_seconds(measured, sample, config.tta_views, error) + FIXED_SECONDS
    left = deadline.seconds - before - closing
    steps = min(max(1, int(left / step)), MOST_EPOCHS * per_epoch)
    plan = StepPlan(((0, steps),))
    epochs = steps / per_epoch
    short = " with the smaller network" if config.widths == SHORT["widths"] else ""
    chosen = f"{config.recipe}{short}, {counted(steps, 'step')} ({epochs:.1f} epochs of {per_epoch:,})"
    if plan.epochs(per_epoch) == MOST_EPOCHS:
        chosen += ", the longest schedule of any recipe, so it ends early"

    target = ""
    if config.target is not None:
        within = minutes_in_words(before + steps * step + closing)
        target = of_steps(config.target, curve, steps, step, before + closing, within)
    lengths = " and ".join(str(round(each.length)) for each in measured.scored)
    return Candidate(
        config.changed(planned_steps=plan.flat, epochs=plan.epochs(per_epoch)),
        f"{config.recipe}{short}",
        sample,
        curve.error(steps, held_out),
        before + steps * step + closing,
        Clock(deadline.ends_at, measured.step_seconds, scoring, closing, MOST_EPOCHS),
        f"{config.recipe}{short} {_brief(measured.step_seconds)} a step of {config.batch_size:,} pictures",
        chosen,
        f"power law through trainings of {lengths} steps ({', '.join(_right(each) for each in measured.scored)} right); "
        f"{OF_STEPS.source}",
        curve,
        left > step,
        target,
    )


def _transfer(config: TrainConfig, sample: Sample, measured: TransferMeasured, deadline: Deadline) -> Candidate:
    assert config.head is not None
    views = 2 if config.head.mirror else 1
    train, held_out, test = (sample.count(name) for name in ("train", "validation", "test"))
    folds = config.head.folds if config.validation == "cross-validation" else 1
    before = deadline.passed + _reading(sample)
    fitting = measured.fitting_seconds * train * views * folds
    features = (train + held_out) * views * measured.feature_seconds
    closing = test * views * measured.feature_seconds + FIXED_SECONDS
    seconds = before + features + fitting + closing
    curve = LearningCurve(OF_PICTURES, guessing_error(sample.class_counts), measured.scored)
    scoring = held_out or train
    alone = curve.error(train, scoring)
    tuned = _tuned(config, alone, scoring, deadline.seconds - seconds, measured, sample)
    side = sample.preprocessing.height
    counts = " and ".join(f"{each.length:,.0f}" for each in measured.scored) or "no"
    return Candidate(
        config.changed(size=(side, sample.preprocessing.width)),
        f"{config.recipe} at {side} pixels",
        sample,
        tuned or alone,
        deadline.seconds if tuned else seconds,
        Clock(deadline.ends_at, 0.0, 0.0, closing, MOST_EPOCHS),
        f"{config.backbone} at {side} pixels {_brief(measured.feature_seconds)} a picture",
        f"{config.recipe} at {side} pixels, a last layer in {minutes_in_words(seconds)}"
        + (", then fine-tuning in the time that is left" if tuned else ""),
        f"power law through last layers fitted to {counts} pictures"
        + (f", and fine-tunings measured before ({TUNED_SOURCE})" if tuned else "")
        + f"; {OF_PICTURES.source}",
        curve,
        seconds <= FULL * deadline.seconds,
        "" if config.target is None else of_pictures(config.target, curve, train),
    )


TUNED_SOURCE = "benchmarks/results/fine_tuning-2026-11-29"


def _tuned(
    config: TrainConfig,
    alone: Interval,
    scoring: int,
    left: float,
    measured: TransferMeasured,
    sample: Sample,
) -> Interval | None:
    """Return the error that fine-tuning may bring; None where there is no time for it, or too few are wrong to tell.

    Its best end is that of the best fine-tuning measured, its worst end that of the last layer alone, which is kept
    where fine-tuning is no better.
    """
    tuning = config.fine_tuning
    if tuning is None or config.fine_tune == "off" or config.validation != "held out":
        return None
    if alone.middle * scoring < tuning.fewest_wrong:
        return None
    epochs = left / (sample.count("train") * STEP_TO_FEATURES * measured.feature_seconds)
    if epochs < 1:
        return None
    lowest, median, _ = TUNED_ERROR
    middle = median if epochs >= tuning.epochs else 1.0
    return Interval(alone.middle * middle, alone.low * lowest, alone.high)


STEP_TO_FEATURES = 3.0
"""Work of a training step for each picture, by that of its features: a forward pass, and two products for each of its
products on the way back. What a step really takes is measured once the features are there."""


def _with_scorings(config: TrainConfig, sample: Sample) -> TrainConfig:
    """Return the configuration with epochs short enough for a target to be noticed."""
    if config.target is None or config.pictures_per_epoch is not None:
        return config
    return config.changed(pictures_per_epoch=-(-sample.count("train") // EPOCHS_FOR_TARGETS))


def _reading(sample: Sample) -> float:
    return sample.reading_seconds * sum(map(len, sample.whole.splits.values()))


def _forecast(
    best: Candidate, fitting: Sequence[Candidate], tried: Sequence[Candidate], deadline: Deadline
) -> Forecast:
    middle, low, high = accuracy_from(best.error)
    others = [each for each in fitting if each is not best]
    late = [each for each in tried if not each.fits]
    why = ""
    if others:
        why = "; better forecast than " + ", ".join(
            f"{each.name} ({percent(1 - each.error.middle, 1)})" for each in others
        )
    if late:
        why += "; no time for " + ", ".join(f"{each.name} ({minutes_in_words(each.seconds)})" for each in late)
    reading = best.sample.reading_seconds
    seconds = [each.measured for each in tried] + ([f"reading {_brief(reading)} a picture"] if reading else [])
    return Forecast(
        accuracy=middle,
        low=low,
        high=high,
        level=best.curve.level,
        pictures=best.sample.count("validation") or best.sample.count("train"),
        seconds=best.seconds,
        seconds_asked=deadline.seconds,
        basis=best.basis,
        measured=f"{', '.join(seconds)}, in {deadline.passed:.1f} s since the start",
        chosen=best.chosen + why,
    )


def _too_few_minutes(deadline: Deadline, quickest: Candidate) -> str:
    needed = quickest.seconds
    return (
        f"There is no time for a training in {minutes_in_words(deadline.seconds)}: the quickest, {quickest.name}, takes "
        f"about {minutes_in_words(needed)} with reading, scoring and report. Give at least "
        f"{1.1 * needed / 60:.2g} minutes, or fewer pictures."
    )


def _brief(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def _right(scored: Scored) -> str:
    return percent(1 - scored.wrong / scored.images, 0)
