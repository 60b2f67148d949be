"""Work: one process takes trials and trains them, until there are enough or the time is over."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tellapart.pages.card import Readable
from tellapart.tuning.listener import TuningListener, TuningProgress
from tellapart.tuning.run_trial import run_trial
from tellapart.tuning.trial import Trial, best_of
from tellapart.tuning.tuning import Tuning
from tellapart.tuning.worker import at_work

SHARE_FOR_THE_END: Final = 0.05
"""Of the time given, for the test pictures and the page."""


@dataclass(frozen=True, slots=True)
class Limits(Readable):
    """How long a tuning goes on."""

    trials: int | None
    """In all; None: as many as the time allows."""

    deadline: float | None
    """On the clock of `time.time`, for the trials; None: no limit."""

    @classmethod
    def of(cls, minutes: float | None, trials: int | None) -> "Limits":
        """Return the limits of a tuning that begins now."""
        seconds = None if minutes is None else 60 * minutes * (1 - SHARE_FOR_THE_END)
        return cls(trials, None if seconds is None else time.time() + seconds)

    @property
    def seconds_left(self) -> float:
        """Until the deadline."""
        return float("inf") if self.deadline is None else self.deadline - time.time()


class Watcher:
    """Tells a listener of every trial that ends, in whichever process."""

    def __init__(self, tuning: Tuning, limits: Limits, listener: TuningListener, workers: int = 1) -> None:
        self.tuning, self.limits, self.listener, self.workers = tuning, limits, listener, workers
        self._told = {trial.number for trial in tuning.trials() if trial.has_ended}
        self._began, self._ended_before = time.monotonic(), len(self._told)

    def look(self) -> Sequence[Trial]:
        """Tell of trials that have ended since the last look; return all trials."""
        trials = self.tuning.trials()
        for trial in trials:
            if trial.has_ended and trial.number not in self._told:
                self._told.add(trial.number)
                self.listener.trial_ended(trial, self._progress(trials))
        return trials

    def _progress(self, trials: Sequence[Trial]) -> TuningProgress:
        ended, best = len(self._told), best_of(trials)
        return TuningProgress(
            ended, self.limits.trials, self._seconds_left(), None if best is None else best.score
        )

    def _seconds_left(self) -> float | None:
        """Return the time until the deadline, or that of the trials that are left at the pace so far."""
        if self.limits.trials is None:
            return max(0.0, self.limits.seconds_left)
        here = len(self._told) - self._ended_before
        seconds = (self.limits.trials - len(self._told)) * (time.monotonic() - self._began) / max(1, here)
        return max(0.0, min(seconds, self.limits.seconds_left))


def work(tuning: Tuning, limits: Limits, listener: TuningListener, should_stop: Callable[[], bool]) -> None:
    """Take trials and train them until the limits are reached or somebody asks to stop.

    Args:
        tuning: opened.
        limits: of all of it.
        listener: hears of the trials.
        should_stop: asked after every step.

    Raises:
        TellapartError: the untuned recipe cannot be trained, or no further trial could be.
    """

    def is_over() -> bool:
        return should_stop() or limits.seconds_left <= 0

    watcher = Watcher(tuning, limits, listener)
    with at_work(tuning.folder) as worker:
        while not should_stop():
            trial = tuning.next_trial(worker, limits.trials, limits.seconds_left)
            if trial is None:
                return
            run_trial(tuning, trial, listener, is_over)
            watcher.look()
