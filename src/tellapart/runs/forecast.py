"""Forecast: what a training with a number of minutes is expected to score, on what basis; and what became of it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from tellapart.metrics.learning_curve import Interval
from tellapart.pages.card import Readable
from tellapart.text import percent

FORECAST, OUTCOME = "Forecast", "ForecastOutcome"
"""What a run's log calls the forecast, and what became of it."""

MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast(Readable):
    """The accuracy that is expected on held-out pictures, and the seconds that the whole command takes."""

    accuracy: float
    """0 to 1, the median."""

    low: float
    high: float
    level: float
    """Share of the outcomes that are expected from `low` to `high`."""

    pictures: int
    """Held-out pictures that the accuracy will be measured on."""

    seconds: float
    """Of the whole command, from its start to the report."""

    seconds_asked: float | None
    """As given; None where only a target was."""

    basis: str
    """Where the accuracy comes from."""

    measured: str
    """What was measured on this machine."""

    chosen: str
    """What was chosen of what, and why."""

    @property
    def in_words(self) -> str:
        """The accuracy with its interval, and the time."""
        return (
            f"about {percent(self.accuracy, 1)} ({percent(self.low, 1)} to {percent(self.high, 1)}) of "
            f"{self.pictures:,} held-out pictures in {minutes_in_words(self.seconds)}"
        )

    def lines(self) -> tuple[str, ...]:
        """Return what people are told before the training, a line for each thing, without full stops."""
        return (
            f"Measured: {self.measured}",
            f"Chosen: {self.chosen}",
            f"Forecast: {self.in_words}. Basis: {self.basis}; {percent(self.level, 0)} interval",
        )

    def _parts(self) -> list[str]:
        return [self.in_words]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for TOML and JSON; None is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def minutes_in_words(seconds: float) -> str:
    """Return a duration in minutes, of less than one in seconds."""
    return f"{seconds:.0f} seconds" if seconds < MINUTE else f"{seconds / MINUTE:.1f} minutes"


def accuracy_from(error: Interval) -> tuple[float, float, float]:
    """Return middle, low and high of an accuracy from those of its error."""
    return 1 - error.middle, 1 - error.high, 1 - error.low


def forecast_in(log: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return a run's forecast and its outcome as plain values, from its log; None where there is none."""
    found: dict[str, Any] | None = None
    for line in log:
        if line.get("event") == FORECAST and _is_whole(line):
            found = {name: value for name, value in line.items() if name not in ("at", "event")}
        elif line.get("event") == OUTCOME and found is not None:
            seconds = line.get("seconds")
            if isinstance(seconds, int | float):
                found["outcome"] = {name: line.get(name) for name in ("accuracy", "seconds", "inside")}
    return found


def _is_whole(line: Mapping[str, Any]) -> bool:
    numbers = [line.get(name) for name in ("accuracy", "low", "high", "level", "pictures", "seconds")]
    texts = [line.get(name) for name in ("basis", "measured", "chosen")]
    return all(isinstance(each, int | float) and isfinite(each) for each in numbers) and all(
        isinstance(each, str) for each in texts
    )


def held_out_accuracy(log: Iterable[Mapping[str, Any]], *, of_best: bool = False) -> float | None:
    """Return the accuracy on held-out pictures of a run's model, by its log; None where nothing was scored.

    Args:
        log: lines of log.jsonl.
        of_best: whether the best epoch is the model, not the last.
    """
    accuracy: float | None = None
    for line in log:
        scored = line.get("val_accuracy")
        if line.get("event") == "FineTuned" and not line.get("kept"):
            scored = line.get("head_val_accuracy")
        if line.get("event") not in ("EpochDone", "HeadFitted", "FineTuned") or not isinstance(
            scored, int | float
        ):
            continue
        is_epoch_of_best = of_best and accuracy is not None and line["event"] == "EpochDone"
        accuracy = max(accuracy or 0.0, scored) if is_epoch_of_best else scored
    return accuracy


def compared_in_words(forecast: Mapping[str, Any]) -> str:
    """Return a forecast beside what became of it, as `forecast_in` holds them, in a line."""
    outcome, low, high = forecast["outcome"], percent(forecast["low"], 1), percent(forecast["high"], 1)
    expected = (
        f"{percent(forecast['accuracy'], 1)} ({low} to {high}) in {minutes_in_words(forecast['seconds'])}"
    )
    scored = "nothing was scored"
    if isinstance(outcome["accuracy"], int | float):
        place = "inside" if outcome["inside"] else "outside"
        scored = f"{percent(outcome['accuracy'], 1)} of held-out pictures, {place} the interval"
    asked = forecast.get("seconds_asked")
    of_asked = f" of {minutes_in_words(asked)} asked" if isinstance(asked, int | float) else ""
    return f"Forecast {expected}; outcome {scored}, in {minutes_in_words(outcome['seconds'])}{of_asked}"
