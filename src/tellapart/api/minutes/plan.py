"""Plan a training for a number of minutes: measure the candidates, forecast each, and choose.

A command's time is that of the whole: what has passed, reading, training, scoring, report. Of the candidates that fit,
the one with the best forecast is taken.
"""

from collections.abc import Iterator, Sequence

from tellapart.api.listener import Listener
from tellapart.api.minutes.backbone import measure_transfer
from tellapart.api.minutes.candidate import FULL, Candidate, from_backbone, from_scratch
from tellapart.api.minutes.deadline import MINUTE, Deadline
from tellapart.api.minutes.sample import sampled
from tellapart.api.minutes.scratch import measure_scratch
from tellapart.classifier.backbone_choice import choose_backbone
from tellapart.data.dataset import Dataset
from tellapart.errors import ConfigError
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.in_minutes import candidates
from tellapart.runs.forecast import Forecast, accuracy_from, minutes_in_words
from tellapart.runs.minutes_plan import MinutesPlan
from tellapart.text import percent

SHARE_FOR_MEASURING = 0.08
"""Of the time, for all candidates together."""

CLEARLY_BETTER = 0.002
"""Accuracy by which a later candidate must be forecast to be better."""

MORE = 1.1
"""Factor on the seconds that the quickest training needs, in the advice where there are fewer."""


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
        ConfigError: the recipe has nothing to forecast by, or there is no time even for the quickest training.
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
    forecast = _forecast(best, tried, deadline)
    for line in (*forecast.lines(), *filter(None, [best.target])):
        listener.notice(line)
    return best.config, MinutesPlan(forecast=forecast, clock=best.clock, outlook=best.outlook)


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
    """Yield the candidates of a recipe; of a backbone's sizes the first, and then the largest that promises to fit."""
    side = None
    if config.backbone is not None and config.size is None:
        side = choose_backbone(config.backbone).preprocessing.height
    options = list(candidates(config, len(dataset.splits["train"]), side))
    seconds = SHARE_FOR_MEASURING * deadline.seconds / (1 if config.head is not None else len(options))
    last, began = None, deadline.passed
    for each in options:
        if last is not None and each is not options[-1] and not _may_fit(last, each, deadline, began):
            continue
        sample = sampled(dataset, each, seconds / 4, listener)
        if config.head is None:
            yield from_scratch(each, sample, measure_scratch(each, sample, 3 * seconds / 4), deadline)
            continue
        last = from_backbone(each, sample, measure_transfer(each, sample, seconds / 2), deadline)
        yield last
        if last.fits:
            return


def _may_fit(last: Candidate, config: TrainConfig, deadline: Deadline, began: float) -> bool:
    """Return whether a smaller size than the last one promises to fit, its features by their area, measured as long."""
    assert last.config.size is not None
    assert config.size is not None
    share = (config.size[0] / last.config.size[0]) ** 2
    measuring = deadline.passed - began
    return last.seconds + measuring - (1 - share) * last.pixels_seconds <= FULL * deadline.seconds


def _forecast(best: Candidate, tried: Sequence[Candidate], deadline: Deadline) -> Forecast:
    middle, low, high = accuracy_from(best.error)
    reading = best.sample.reading_seconds
    measured = [each.measured for each in tried]
    measured += [f"reading {1000 * reading:.3g} ms a picture"] if reading else []
    return Forecast(
        accuracy=middle,
        low=low,
        high=high,
        level=best.curve.level,
        pictures=best.sample.count("validation") or best.sample.count("train"),
        seconds=best.seconds,
        seconds_asked=deadline.seconds,
        basis=best.basis,
        measured=f"{', '.join(measured)}; {deadline.passed:.1f} s since the start",
        chosen=best.chosen + _why(best, tried),
    )


def _why(best: Candidate, tried: Sequence[Candidate]) -> str:
    """Return how it compares with the others, in words; empty where there are none."""
    worse = [
        f"{each.name} ({percent(1 - each.error.middle, 1)})"
        for each in tried
        if each.fits and each is not best
    ]
    late = [f"{each.name} ({minutes_in_words(each.seconds)})" for each in tried if not each.fits]
    why = f"; expected to be better than {', '.join(worse)}" if worse else ""
    return why + (f"; no time for {', '.join(late)}" if late else "")


def _too_few_minutes(deadline: Deadline, quickest: Candidate) -> str:
    needed = quickest.seconds
    return (
        f"There is no time for a training in {minutes_in_words(deadline.seconds)}: the quickest, {quickest.name}, "
        f"takes about {minutes_in_words(needed)} with reading, scoring and report. Give at least "
        f"{MORE * needed / MINUTE:.2g} minutes, or fewer pictures."
    )
