"""One trial: a training in a run folder of its own, ended early where its epochs fall behind those of others.

It never scores the test split: `train` is told not to, and what is compared are predictions of held-out images.
"""

import time
from collections.abc import Callable
from typing import Any

from tellapart.api.listener import Listener
from tellapart.api.train import train
from tellapart.errors import DataError, MissingExtraError, SaveError, TellapartError
from tellapart.events import EpochDone, Event
from tellapart.recipes.config import TrainConfig
from tellapart.runs.event_log import history_in, read_log
from tellapart.runs.folder import LOG, RunFolder
from tellapart.tuning.listener import TuningListener, settings_text
from tellapart.tuning.space import keywords_of, values_of
from tellapart.tuning.store import import_optuna
from tellapart.tuning.trial import DEFAULT_TRIAL, Trial, held_out_score
from tellapart.tuning.tuning import Tuning, default_values, draw, let_go

OF_ALL_TRIALS = (DataError, MissingExtraError, SaveError)
"""Errors that the next trial would meet too: they end the tuning, and the trial waits."""


class StoppedError(Exception):
    """The trial is to be let go of, outside the steps of a training, where nobody asks whether to stop."""


class _TrialListener(Listener):
    """Hears one trial: reports its epochs to the store, and learns there whether it is pruned."""

    def __init__(
        self, trial: Any, config: TrainConfig, listener: TuningListener, should_stop: Callable[[], bool]
    ) -> None:
        self.trial, self.config = trial, config
        self.listener, self.asked_to_stop = listener, should_stop
        self.reported = set(trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values)
        self.is_pruned = False

    def should_stop(self) -> bool:
        """Whether the training is to stop after this step."""
        return self.is_pruned or self.asked_to_stop()

    def warned(self, words: str) -> None:
        """Pass on what went wrong, with the trial's number."""
        self.listener.warned(f"Trial {self.trial.number}: {words}")

    def downloading(self, done: int, total: int) -> None:
        """Pass it on."""
        self._stop_if_asked()
        self.listener.downloading(done, total)

    def decoding(self, done: int, total: int) -> None:
        """Pass it on."""
        self._stop_if_asked()
        self.listener.decoding(done, total)

    def featuring(self, done: int, total: int) -> None:
        """Pass it on."""
        self._stop_if_asked()
        self.listener.featuring(done, total)

    def event(self, event: Event) -> None:
        """Report an epoch."""
        if isinstance(event, EpochDone):
            self.report(event)
            self.is_pruned = event.epoch + 1 < event.epochs and self.trial.should_prune()
            self.listener.trial_epoch(self.trial.number, event)

    def report(self, done: EpochDone) -> None:
        """Report an epoch's held-out score, once."""
        score = done.val_balanced_accuracy if self.config.is_balanced else done.val_accuracy
        if done.epoch not in self.reported:
            self.reported.add(done.epoch)
            self.trial.report(score, done.epoch)
            self.trial.set_user_attr("attempts", 0)
        self.trial.set_user_attr("epochs", done.epoch + 1)

    def _stop_if_asked(self) -> None:
        if self.asked_to_stop():
            raise StoppedError


def run_trial(tuning: Tuning, trial: Any, listener: TuningListener, should_stop: Callable[[], bool]) -> Trial:
    """Train one trial and tell the store how it ended, or let go of it where somebody asks to stop.

    Args:
        tuning: opened.
        trial: of Optuna, taken by this process.
        listener: hears of its epochs.
        should_stop: asked after every step; True: the trial is let go of, and the next process goes on with it.

    Returns:
        The trial as it is stored now.

    Raises:
        TellapartError: of OF_ALL_TRIALS, or in the untuned recipe: it ends the tuning.
    """
    _draw_settings(tuning, trial)
    hears, began = _TrialListener(trial, tuning.base.config, listener, should_stop), time.monotonic()
    listener.trial_begun(trial.number, settings_text(tuning.trials()[trial.number]))
    try:
        finished = _train(tuning, trial, hears)
    except StoppedError:
        finished = False
    except TellapartError as reason:
        _tell_failed(tuning, trial, reason, time.monotonic() - began)
        return tuning.trials()[trial.number]
    except BaseException:
        let_go(trial, time.monotonic() - began)
        raise
    seconds = time.monotonic() - began
    if finished or hears.is_pruned:
        _tell_ended(tuning, trial, seconds, is_pruned=not finished)
    else:
        let_go(trial, seconds)
    return tuning.trials()[trial.number]


def _draw_settings(tuning: Tuning, trial: Any) -> None:
    """Draw a trial's settings and write them down; those of one that is gone on with are there already."""
    base = tuning.base
    if trial.number != DEFAULT_TRIAL:
        values = values_of(base.space, lambda searched: draw(trial, searched))
        trial.set_user_attr("settings", values)
        return
    own = default_values(base.space, base.config.fine_tune)
    for searched in base.space:
        if searched.name in own:
            draw(trial, searched)


def _train(tuning: Tuning, trial: Any, hears: _TrialListener) -> bool:
    """Train, from the last checkpoint where there is one; return whether it was trained to its end."""
    base, run = tuning.base, RunFolder(tuning.folder.trial(trial.number))
    how: dict[str, Any] = {"listener": hears, "should_stop": hears.should_stop, "score_test": False}
    if not run.can_resume:
        settings = keywords_of(trial.user_attrs.get("settings", {}))
        data = {"data": base.data, "labels": base.labels, "class_names": base.class_names}
        return train(**data, recipe=base.config, out=run.path, **settings, **how).finished
    for done in history_in(read_log(run.path / LOG)[0]):
        hears.report(done)
    in_memory = "argument" not in tuning.folder.read()["data"]
    data = {"data": base.data, "labels": base.labels, "class_names": base.class_names} if in_memory else {}
    return train(**data, resume=run.path, **how).finished


def _tell_ended(tuning: Tuning, trial: Any, seconds: float, *, is_pruned: bool) -> None:
    states = import_optuna().trial.TrialState
    trial.set_user_attr("seconds", trial.user_attrs.get("seconds", 0.0) + seconds)
    if is_pruned:
        tuning.study.tell(trial.number, state=states.PRUNED)
        return
    run = RunFolder(tuning.folder.trial(trial.number))
    figures = held_out_score(run, balanced=tuning.base.config.is_balanced)
    trial.set_user_attr("loss", figures.loss)
    trial.set_user_attr("pictures", figures.pictures)
    tuning.study.tell(trial.number, figures.score)


def _tell_failed(tuning: Tuning, trial: Any, reason: TellapartError, seconds: float) -> None:
    """Tell that a trial failed; where all others would fail like it, let go of it and raise.

    Raises:
        TellapartError: the reason.
    """
    if isinstance(reason, OF_ALL_TRIALS) or trial.number == DEFAULT_TRIAL:
        let_go(trial, seconds)
        raise reason
    trial.set_user_attr("seconds", trial.user_attrs.get("seconds", 0.0) + seconds)
    trial.set_user_attr("note", str(reason).partition("\n")[0])
    tuning.study.tell(trial.number, state=import_optuna().trial.TrialState.FAIL)
