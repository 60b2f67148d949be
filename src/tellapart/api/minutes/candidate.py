"""Candidates: configurations, with what each is expected to score in the minutes that there are."""

from dataclasses import dataclass

from tellapart.api.minutes.backbone import TransferMeasured
from tellapart.api.minutes.deadline import Deadline
from tellapart.api.minutes.sample import Sample
from tellapart.api.minutes.scratch import ScratchMeasured, closing_seconds
from tellapart.api.minutes.target import of_pictures, of_steps, steps_basis
from tellapart.metrics.learning_curve import Interval, LearningCurve, guessing_error
from tellapart.recipes.adapt import SHORT
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.in_minutes import FIXED_SECONDS, MOST_EPOCHS, OF_PICTURES, OF_STEPS, TUNED, TUNED_ERROR
from tellapart.runs.forecast import accuracy_from, minutes_in_words
from tellapart.text import counted, percent
from tellapart.training.pace import Clock
from tellapart.training.step_plan import StepPlan

EPOCHS_FOR_TARGETS = 4
"""Scorings that a training with a target has at least: where it has fewer epochs, they are cut."""

FULL = 0.97
"""Share of the time that a transfer may be expected to take: its features cannot be cut short."""

EARLY = 0.9
"""Share of the time below which people are told that a transfer ends early."""

STEP_TO_FEATURES = 3.0
"""Work of a training step for each picture, by that of its features: a forward pass, and two products for each of its
products on the way back. What a step really takes is planned anew once the features are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A configuration, what it is expected to score, and the time that it takes."""

    config: TrainConfig
    name: str
    sample: Sample
    curve: LearningCurve
    error: Interval
    """Of the held-out pictures, in the time that there is."""

    seconds: float
    """Of the whole command."""

    fits: bool
    """Whether there is time for it."""

    pixels_seconds: float = 0.0
    """Of those, what a transfer's pictures take in the backbone."""

    clock: Clock
    measured: str
    chosen: str
    basis: str
    target: str
    """What is expected of the target; empty where there is none."""

    def outlook(self, steps: int) -> str:
        """Return the forecast for so many steps in all, in words; empty for a transfer."""
        if self.config.head is not None:
            return ""
        middle, low, high = accuracy_from(self.curve.error(steps, self.sample.count("validation")))
        return f"about {percent(middle, 1)} ({percent(low, 1)} to {percent(high, 1)})"


@dataclass(frozen=True, slots=True)
class _Schedule:
    """The steps that there is time for, and the seconds before and after them."""

    steps: int
    per_epoch: int
    step_seconds: float
    """With a step's part of the scoring after each epoch."""

    before: float
    closing: float
    has_time: bool

    @property
    def seconds(self) -> float:
        return self.before + self.steps * self.step_seconds + self.closing


def from_scratch(
    config: TrainConfig, sample: Sample, measured: ScratchMeasured, deadline: Deadline
) -> Candidate:
    """Return a training from scratch with as many steps as there is time for."""
    curve = LearningCurve(OF_STEPS, guessing_error(sample.class_counts), measured.scored)
    schedule = _schedule(config, sample, measured, curve, deadline)
    config, per_epoch = _with_scorings(config, schedule)
    plan = StepPlan(((0, schedule.steps),))
    held_out, target = sample.count("validation"), ""
    if config.target is not None:
        other, within = schedule.before + schedule.closing, minutes_in_words(schedule.seconds)
        target = of_steps(config.target, curve, schedule.steps, schedule.step_seconds, other, within)
    name = config.recipe + (" with the smaller network" if config.widths == SHORT["widths"] else "")
    chosen = f"{name}, {counted(schedule.steps, 'step')}, {schedule.steps / schedule.per_epoch:.1f} epochs"
    if schedule.steps >= MOST_EPOCHS * schedule.per_epoch:
        chosen += ", the longest schedule of any recipe, so it ends early"
    return Candidate(
        config=config.changed(planned_steps=plan.flat, epochs=plan.epochs(per_epoch)),
        name=name,
        sample=sample,
        curve=curve,
        error=curve.error(schedule.steps, held_out),
        seconds=schedule.seconds,
        fits=schedule.has_time,
        clock=Clock(
            deadline.ends_at,
            measured.step_seconds,
            held_out * measured.scoring_seconds,
            schedule.closing,
            MOST_EPOCHS * schedule.per_epoch // per_epoch,
        ),
        measured=f"{name} {_brief(measured.step_seconds)} a step of {config.batch_size:,} pictures",
        chosen=chosen,
        basis=steps_basis(measured.scored),
        target=target,
    )


def _schedule(
    config: TrainConfig,
    sample: Sample,
    measured: ScratchMeasured,
    curve: LearningCurve,
    deadline: Deadline,
) -> _Schedule:
    per_epoch = -(-(config.pictures_per_epoch or sample.count("train")) // config.batch_size)
    held_out = sample.count("validation")
    step = measured.step_seconds + held_out * measured.scoring_seconds / per_epoch
    before = deadline.passed + measured.building_seconds + sample.all_reading_seconds
    most = max(1, int((deadline.seconds - before) / step))
    unsure = curve.error(most, held_out).middle
    closing = closing_seconds(measured, sample, config.tta_views, unsure)
    left = deadline.seconds - before - closing
    steps = min(max(1, int(left / step)), MOST_EPOCHS * per_epoch)
    return _Schedule(steps, per_epoch, step, before, closing, left >= step)


def _with_scorings(config: TrainConfig, schedule: _Schedule) -> tuple[TrainConfig, int]:
    """Return the configuration with epochs short enough for a target to be noticed, and the steps of one."""
    is_cut = config.target is not None and config.pictures_per_epoch is None
    if not is_cut or schedule.steps >= EPOCHS_FOR_TARGETS * schedule.per_epoch:
        return config, schedule.per_epoch
    per_epoch = max(1, schedule.steps // EPOCHS_FOR_TARGETS)
    return config.changed(pictures_per_epoch=per_epoch * config.batch_size), per_epoch


def from_backbone(
    config: TrainConfig, sample: Sample, measured: TransferMeasured, deadline: Deadline
) -> Candidate:
    """Return a transfer: a last layer, and fine-tuning where there is time for it."""
    assert config.head is not None
    views = 2 if config.head.mirror else 1
    train, held_out, test = (sample.count(name) for name in ("train", "validation", "test"))
    folds = config.head.folds if config.validation == "cross-validation" else 1
    fitting = folds * (measured.fitting_fixed + measured.fitting_each * train * views) * sample.crowding
    closing = test * views * measured.feature_seconds + FIXED_SECONDS["backbone"] * sample.crowding
    before = deadline.passed + sample.all_reading_seconds
    features = (train + held_out) * views * measured.feature_seconds
    seconds = before + features + fitting + closing
    curve = LearningCurve(OF_PICTURES, guessing_error(sample.class_counts), measured.scored)
    alone = curve.error(train, held_out or train)
    tuned = _tuned(config, alone, sample, measured, deadline.seconds - seconds)
    height, width = sample.preprocessing.height, sample.preprocessing.width
    name = f"{config.recipe} at {height} pixels"
    counts = ", ".join(
        f"{each.length:,.0f} ({percent(1 - each.wrong / each.images, 0)} right)" for each in measured.scored
    )
    return Candidate(
        config=config.changed(size=(height, width)),
        name=name,
        sample=sample,
        curve=curve,
        error=tuned or alone,
        seconds=deadline.seconds if tuned else seconds,
        fits=seconds <= FULL * deadline.seconds,
        pixels_seconds=features + test * views * measured.feature_seconds,
        clock=Clock(deadline.ends_at, 0.0, 0.0, closing, MOST_EPOCHS),
        measured=f"{config.backbone} at {height} pixels {_brief(measured.feature_seconds)} a picture",
        chosen=f"{name}, a last layer in {minutes_in_words(seconds)}"
        + _what_follows(bool(tuned), seconds, deadline.seconds),
        basis=f"curve through last layers fitted to {counts or 'no'} pictures"
        + (f", times what fine-tuning left of the error in {TUNED}" if tuned else "")
        + f"; {OF_PICTURES.source}",
        target="" if config.target is None else of_pictures(config.target, curve, train),
    )


def _tuned(
    config: TrainConfig, alone: Interval, sample: Sample, measured: TransferMeasured, left: float
) -> Interval | None:
    """Return the error that fine-tuning may bring; None where there is no time for it, or too few are wrong to tell.

    Its best end is that of the best fine-tuning measured, its worst end that of the last layer alone, which is kept
    where fine-tuning is no better.
    """
    tuning = config.fine_tuning
    if tuning is None or config.fine_tune == "off" or config.validation != "held out":
        return None
    if config.fine_tune == "auto" and alone.middle * sample.count("validation") < tuning.fewest_wrong:
        return None
    epochs = left / (sample.count("train") * STEP_TO_FEATURES * measured.feature_seconds)
    if epochs < 1:
        return None
    lowest, median, _ = TUNED_ERROR
    middle = median if epochs >= tuning.epochs else 1.0
    return Interval(alone.middle * middle, alone.low * lowest, alone.high)


def _what_follows(is_tuned: bool, seconds: float, asked: float) -> str:
    """Return what comes after the last layer, for people."""
    if is_tuned:
        return ", then fine-tuning in the time that is left"
    return ", so it ends early: fine-tuning could not be told to help" if seconds < EARLY * asked else ""


def _brief(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"
