"""What was planned for a training with a number of minutes, and what its steps are kept to."""

from collections.abc import Callable
from dataclasses import dataclass

from tellapart.runs.forecast import Forecast
from tellapart.training.pace import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class MinutesPlan:
    """A forecast, and the clock of the training that follows."""

    forecast: Forecast
    clock: Clock
    """Of a training from scratch; of a transfer, its end alone: fine-tuning is planned when it begins."""

    outlook: Callable[[int], str]
    """Steps in all -> the forecast for them, in words."""
