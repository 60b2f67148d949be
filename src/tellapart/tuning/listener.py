"""What a tuning says while it runs, and who hears it."""

from collections.abc import Sequence
from dataclasses import dataclass

from tellapart.api.listener import Listener
from tellapart.events import EpochDone
from tellapart.pages.card import Readable
from tellapart.text import percent
from tellapart.tuning.domain import value_text
from tellapart.tuning.trial import Trial


@dataclass(frozen=True, slots=True)
class TuningProgress(Readable):
    """How far a tuning is."""

    ended: int
    """Trials that ended: complete, pruned or failed."""

    most: int | None
    """Trials in all; None: as many as the time allows."""

    seconds_left: float | None
    """Estimated; None where nothing is known."""

    best: float | None
    """The best held-out score so far."""


class TuningListener(Listener):
    """Hears what happens in a tuning. Every method does nothing until a subclass overrides it."""

    def tuning_begun(self, folder: str, trials: Sequence[Trial], notes: Sequence[str]) -> None:
        """The folder is there; the trials that earlier processes left are in the store."""

    def trial_begun(self, number: int, settings: str) -> None:
        """A trial begins, or goes on, in this process."""

    def trial_epoch(self, number: int, done: EpochDone) -> None:
        """An epoch of a trial of this process was finished."""

    def trial_ended(self, trial: Trial, progress: TuningProgress) -> None:
        """A trial ended, in this process or another."""

    def scoring_begun(self, runs: Sequence[str]) -> None:
        """The search is over: the test pictures are scored, by the best setting and the untuned recipe."""


class TrialPrinter(TuningListener):
    """Prints a line for each trial."""

    def trial_ended(self, trial: Trial, progress: TuningProgress) -> None:
        """Print it."""
        print(trial_line(trial, progress), flush=True)


def trial_line(trial: Trial, progress: TuningProgress) -> str:
    """Return a trial in a line: its number, what was changed, its score, how it ended, and the time left."""
    of_all = f"/{progress.most}" if progress.most is not None else ""
    left = "" if progress.seconds_left is None else f", {time_left(progress.seconds_left)}"
    ended = "" if trial.state == "complete" else f" ({trial.outcome})"
    return (
        f"Trial {trial.number} ({progress.ended}{of_all} done): {settings_text(trial)}: "
        f"{percent(trial.score, 2)}{ended}{left}"
    )


def settings_text(trial: Trial) -> str:
    """Return what was changed in the untuned recipe."""
    if trial.is_default:
        return "the untuned recipe"
    return ", ".join(f"{short_setting(name)} {value_text(value)}" for name, value in trial.settings.items())


def short_setting(name: str) -> str:
    """Return a setting's name without the settings it is below."""
    return name.rpartition(".")[2]


def time_left(seconds: float) -> str:
    """Return an estimate in words."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    minutes = round(seconds / 60)
    return f"about {minutes} min left" if minutes < 100 else f"about {seconds / 3600:.1f} h left"
