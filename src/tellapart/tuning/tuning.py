"""Tuning: a folder, what is searched in it, and its store; which trial comes next is decided here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from tellapart.errors import TellapartError
from tellapart.pages.card import Readable
from tellapart.tuning.base import Base
from tellapart.tuning.folder import TuningFolder
from tellapart.tuning.space import FINE_TUNE, Searched, Space, is_of_fine_tuning
from tellapart.tuning.store import import_optuna, open_study
from tellapart.tuning.trial import Trial, read_trials
from tellapart.tuning.worker import is_alive

TRIALS_BEFORE_PRUNING: Final = 4
"""Complete ones, to know what is worse than half of them."""

SHARE_BEFORE_PRUNING: Final = 1 / 3
"""Of the epochs. Before that a high learning rate looks bad that is the better one at its end."""

RANDOM_TRIALS: Final = 10
"""Drawn at random before the sampler knows enough to choose; Optuna's own number."""

MOST_ATTEMPTS: Final = 3
"""Times that a trial is begun; one that ended its process each time before it finished an epoch is given up."""


@dataclass(frozen=True, slots=True)
class Tuning(Readable):
    """A tuning that is opened."""

    folder: TuningFolder
    base: Base
    study: Any
    """Of Optuna."""

    def _parts(self) -> list[str]:
        return [str(self.folder.path), *(each.name for each in self.base.space)]

    def trials(self) -> list[Trial]:
        """Return all trials, in order."""
        return read_trials(self.study, self.folder.trial, lambda name: is_alive(self.folder, name))

    def next_trial(self, worker: str, most: int | None, seconds_left: float) -> Any:
        """Take the next trial: one whose process ended, or a new one.

        Args:
            worker: who takes it.
            most: number of trials in all; None: no limit.
            seconds_left: for all of it.

        Returns:
            An `optuna.Trial`; None where no trial is left, or a new one would probably not end in time.

        Raises:
            TellapartError: the untuned recipe ended its process too often.
        """
        if seconds_left <= 0:
            return None
        with self.folder.locked():
            trials = self.trials()
            for trial in trials:
                if trial.state == "interrupted" and (taken := self._take_over(trial, worker)) is not None:
                    return taken
            if not trials:
                self._enqueue_default()
            waits = not trials or any(trial.state == "waiting" for trial in trials)
            if not waits and (most is not None and len(trials) >= most):
                return None
            if expected_seconds(trials) > seconds_left:
                return None
            self.study.sampler = _sampler(self.base.config.seed, len(trials))
            return _begun(self.study.ask(), worker)

    def _take_over(self, trial: Trial, worker: str) -> Any:
        """Return a trial that is gone on with; None where it ended its process too often, and is given up."""
        optuna = import_optuna()
        self.study.sampler = _sampler(self.base.config.seed, trial.number)
        stored = self.study.get_trials(deepcopy=False)[trial.number]
        taken = optuna.trial.Trial(self.study, stored._trial_id)
        if stored.user_attrs.get("attempts", 0) < MOST_ATTEMPTS:
            return _begun(taken, worker)
        words = f"its process ended {MOST_ATTEMPTS} times before an epoch was finished"
        if trial.is_default:
            raise TellapartError(
                f"The untuned recipe cannot be trained: {words}. Memory may be short: try a smaller --batch-size "
                "or --size in a new tuning."
            )
        taken.set_user_attr("note", words)
        self.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        return None

    def _enqueue_default(self) -> None:
        """Let the first trial be the untuned recipe, with its own values where they are points of the space."""
        self.study.enqueue_trial(default_values(self.base.space, self.base.config.fine_tune))


def _begun(trial: Any, worker: str) -> Any:
    """Write down who is at work on a trial."""
    trial.set_user_attr("worker", worker)
    trial.set_user_attr("attempts", trial.user_attrs.get("attempts", 0) + 1)
    return trial


def let_go(trial: Any, seconds: float) -> None:
    """Write down that a trial was stopped before its end, by itself and not by what it did."""
    trial.set_user_attr("seconds", trial.user_attrs.get("seconds", 0.0) + seconds)
    trial.set_user_attr("attempts", max(0, trial.user_attrs["attempts"] - 1))
    trial.set_user_attr("worker", None)


def default_values(space: Space, fine_tune: str) -> Mapping[str, Any]:
    """Return the untuned recipe's values that are points of the space, and known: whether it fine-tunes, it decides
    itself where that is left to it."""
    return {
        name: value
        for name, value in space.defaults.items()
        if name != FINE_TUNE and (fine_tune != "auto" or not is_of_fine_tuning(name))
    }


def draw(trial: Any, searched: Searched) -> Any:
    """Draw a setting's value for a trial; one that was drawn before stays."""
    domain: Any = searched.domain
    if hasattr(domain, "values"):
        return trial.suggest_categorical(searched.name, list(domain.values))
    if domain.whole:
        return trial.suggest_int(searched.name, int(domain.low), int(domain.high), log=domain.log)
    return trial.suggest_float(searched.name, domain.low, domain.high, log=domain.log)


def expected_seconds(trials: Sequence[Trial]) -> float:
    """Return how long a trial takes, by those that went to their end; 0 where there are none."""
    known = [trial.seconds for trial in trials if trial.state == "complete"]
    return median(known) if known else 0.0


def _sampler(seed: int, number: int) -> Any:
    """Return the sampler of one trial: processes that draw in turn then draw what one alone would have drawn."""
    import numpy as np

    optuna = import_optuna()
    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=own, n_startup_trials=RANDOM_TRIALS)


def pruner_for(base: Base) -> Any:
    """Return what ends a trial early: it has to be among the better half of the complete trials, epoch by epoch.

    Where epochs are searched nothing is pruned: after three epochs a schedule of five is further on than one of fifty.
    """
    optuna = import_optuna()
    if any(each.name in ("epochs", "fine_tuning.epochs") for each in base.space):
        return optuna.pruners.NopPruner()
    epochs = base.config.epochs if base.config.fine_tuning is None else base.config.fine_tuning.epochs
    return optuna.pruners.MedianPruner(
        n_startup_trials=TRIALS_BEFORE_PRUNING, n_warmup_steps=max(1, round(SHARE_BEFORE_PRUNING * epochs))
    )


def opened_tuning(folder: TuningFolder, base: Base, address: str | None) -> Tuning:
    """Open a tuning's store.

    Raises:
        ConfigError, MissingExtraError: as `open_study`.
    """
    with folder.locked():
        study = open_study(folder, folder.read()["study"], address)
    study.pruner = pruner_for(base)
    return Tuning(folder, base, study)
