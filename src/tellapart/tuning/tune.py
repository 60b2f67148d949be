"""`tune`: search for better settings of a recipe, by trainings that are scored on held-out images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.api.train import refuse_other_types
from tellapart.errors import ConfigError, TellapartError
from tellapart.files import write_text
from tellapart.pages.card import Card, Facts, Readable, Table
from tellapart.runtime.team import place_from_environment
from tellapart.text import counted, described, percent, short_name
from tellapart.tuning.base import Base, address_of, base_again, base_of, refuse_other_base
from tellapart.tuning.facts import facts_of
from tellapart.tuning.folder import TuningFolder, existing_tuning, folder_to_begin, refuse_other_folder
from tellapart.tuning.jobs import work_together
from tellapart.tuning.listener import TrialPrinter, TuningListener, settings_text
from tellapart.tuning.page import page
from tellapart.tuning.store import import_optuna
from tellapart.tuning.trial import DEFAULT_TRIAL, Trial, best_of
from tellapart.tuning.tuning import Tuning, opened_tuning
from tellapart.tuning.verdict import verdict
from tellapart.tuning.work import Limits, work


@dataclass(frozen=True, slots=True)
class TuningResult(Readable):
    """What a tuning found."""

    folder: Path
    trials: tuple[Trial, ...]
    """In order; the first is the untuned recipe."""

    facts: Mapping[str, Any]
    """Everything that the page says, as plain values: "best" and "default" with their held-out scores and commands,
    "test" with both scores on the test split, "importances"."""

    page: Path
    finished: bool
    """False where it was stopped, or other processes are still at work; go on with `resume=folder`."""

    @property
    def best(self) -> Trial | None:
        """The complete trial with the best held-out score."""
        return best_of(self.trials)

    @property
    def model(self) -> Path:
        """The best trial's run folder, to be given wherever a model is taken.

        Raises:
            ConfigError: no trial is complete.
        """
        if self.best is None:
            raise ConfigError(
                f"No trial of {self.folder} is complete. Go on with tune(resume={str(self.folder)!r})."
            )
        return self.best.folder

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**self.facts, "page": str(self.page), "finished": self.finished}

    def _headline(self) -> str:
        if self.best is None:
            return "no complete trial"
        default = self.facts["default"]
        beside = "" if default["score"] is None else f", untuned {percent(default['score'], 2)}"
        return f"held-out {self.facts['score']} {percent(self.best.score, 2)}{beside}"

    def _parts(self) -> list[str]:
        best = [] if self.best is None else [settings_text(self.best)]
        return [self._headline(), *best, counted(len(self.trials), "trial"), short_name(str(self.folder))]

    def _card(self) -> Card:
        best = self.facts["best"] or {}
        facts = Facts(
            [("best run", best.get("folder")), ("command", best.get("command")), ("page", self.page)]
        )
        head = ("trial", "settings", "held-out", "how it ended")
        rows = [
            (trial.number, settings_text(trial), percent(trial.score, 2), trial.outcome)
            for trial in sorted(self.trials, key=lambda trial: trial.rank, reverse=True)
        ]
        return Card("TuningResult", self._headline(), [facts, Table(head, rows)])


def tune(
    data: Any = None,
    *,
    minutes: float | None = None,
    trials: int | None = None,
    space: Mapping[str, str] | None = None,
    recipe: Any = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    storage: str | None = None,
    jobs: int = 1,
    config: str | Path | None = None,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    augment: Any = True,
    multi_label: bool | None = None,
    verbose: bool = True,
    listener: TuningListener | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **changes: Any,
) -> TuningResult:
    """Search for better settings of a recipe; needs the extra `tune` (Optuna).

    Each trial is a training with a run folder of its own, scored on held-out images; the first is the recipe as it is.
    One that falls behind half of the others is ended early. At the end, the best one and the untuned recipe are scored
    once on the test split, which no trial has seen.

    A process that is stopped or killed loses no trial: the same call with the same `out`, or `resume`, goes on, and
    with the trial that was being trained from its last checkpoint. Several processes may work on one folder at once.

    Args:
        data: as for `train`.
        minutes: for all of it. No trial is begun that would probably not end in time; one that has not ended is stopped
            and waits for `resume`.
        trials: their number in all, with those of earlier calls. Give `minutes`, `trials` or both.
        space: setting -> where to search, in place of the recipe's own space or beside it: "1e-4..1e-1:log", "0..0.2",
            "adam,sgd", or "none" to leave the setting as it is. Settings are named as in `train`, or dotted as in its
            `set`. `docs/tuning.md` lists the spaces.
        recipe: as for `train`.
        out: the tuning's folder; one that holds a tuning of the same data, recipe and space is gone on with. Default: a
            dated one in `tunings/`.
        resume: the folder of a tuning to go on with; data, settings and space are then its own.
        storage: address of a database for the trials, as Optuna takes it. Default: SQLite in the folder.
        jobs: processes at work, each with its share of the cores.
        config: a run folder or its run.toml, in place of a recipe: the settings around which is searched.
        labels: as for `train`.
        class_names: as for `train`.
        augment: as for `train`.
        multi_label: as for `train`.
        verbose: whether to print a line for each trial; ignored where `listener` is given.
        listener: hears of trials.
        should_stop: function without arguments, called after every step. When it returns True, the trial is let go of
            and `tune` returns, `finished` False.
        **changes: settings of `train` that all trials have, such as epochs=10 or seed=1; they are not searched.

    Returns:
        A TuningResult: `best`, `model`, its run folder, `trials`, `page`, and `facts` with everything else.

    Raises:
        ConfigError: a setting, a space or a limit that is refused; a folder of something else.
        DataError: as `train`.
        MissingExtraError: Optuna is not installed.
        TellapartError: the untuned recipe cannot be trained, or no trial was completed in the time given.
    """
    _refuse_team()
    _refuse_limits(minutes, trials, jobs)
    refuse_other_types(recipe, {"resume": resume, "config": config}, listener, should_stop)
    import_optuna()
    listener = listener or (TrialPrinter() if verbose else TuningListener())
    limits = Limits.of(minutes, trials)
    if resume is not None:
        _refuse_beside_resume(recipe=recipe, out=out, config=config, space=space or None, **changes)
        folder = existing_tuning(resume)
        base = base_again(folder, data, labels, class_names)
    else:
        refuse_other_folder(out)
        of_training = (recipe, config, augment, multi_label, changes)
        base = base_of(data, labels, class_names, *of_training, space or {}, listener)
        folder = _begun_or_gone_on_with(base, out, storage)
    address = address_of(folder, storage)
    tuning = opened_tuning(folder, base, address)
    listener.tuning_begun(str(folder.path), tuning.trials(), base.notes)
    if jobs == 1:
        work(tuning, limits, listener, should_stop)
    else:
        work_together(tuning, jobs, limits, address, listener, should_stop)
    return _ended(tuning, listener, is_stopped=should_stop())


def _begun_or_gone_on_with(base: Base, out: str | Path | None, storage: str | None) -> TuningFolder:
    """Return the folder of a tuning, made where there is none.

    Raises:
        ConfigError: it holds another tuning.
        SaveError: it cannot be made.
    """
    folder = folder_to_begin(out, base.data_name, base.config.recipe)
    with folder.locked():
        if folder.exists:
            refuse_other_base(base, folder)
        else:
            folder.write(base.settings(storage))
    return folder


def _ended(tuning: Tuning, listener: TuningListener, *, is_stopped: bool) -> TuningResult:
    """Score the test images where the search is over, and write the page.

    Raises:
        TellapartError: no trial was completed, though nobody asked to stop.
    """
    test = None if is_stopped else verdict(tuning, listener)
    trials = tuple(tuning.trials())
    if not is_stopped and best_of(trials) is None and not any(trial.state == "running" for trial in trials):
        raise TellapartError(
            f"No trial was completed. {_why_none(trials)}Go on with more time: tellapart tune --resume "
            f"{tuning.folder.path} --minutes N"
        )
    facts = facts_of(tuning, test)
    write_text(tuning.folder.page, page(facts))
    return TuningResult(tuning.folder.path, trials, facts, tuning.folder.page, test is not None)


def _why_none(trials: tuple[Trial, ...]) -> str:
    if not trials:
        return "The time was over before the first began. "
    first = trials[DEFAULT_TRIAL]
    seconds = f"{first.seconds:.0f} s" if first.seconds >= 1 else f"{first.seconds:.1f} s"
    return f"The first, the untuned recipe, had {seconds} and finished {counted(first.epochs, 'epoch')}. "


def _refuse_team() -> None:
    """Refuse to search in processes that train together.

    Raises:
        ConfigError: torchrun has started this process beside others.
    """
    if place_from_environment() is not None:
        raise ConfigError(
            "tune trains each trial in one process. Start it without torchrun, with jobs=N for several."
        )


def _refuse_limits(minutes: Any, trials: Any, jobs: Any) -> None:
    """Refuse a search without an end, and limits that are none.

    Raises:
        ConfigError: either.
    """
    if minutes is None and trials is None:
        raise ConfigError(
            "A search has no end of its own: give minutes, such as 30, or trials, such as 20, or both."
        )
    if minutes is not None and (not _is_number(minutes) or not 0 < minutes < 1e6):
        raise ConfigError(f"minutes is a number above 0; got {described(minutes)}.")
    for name, value in (("trials", trials), ("jobs", jobs)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ConfigError(f"{name} is a whole number from 1; got {described(value)}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse_beside_resume(**given: Any) -> None:
    """Refuse what a resumed tuning keeps.

    Raises:
        ConfigError: naming it.
    """
    if names := [name.replace("_", " ") for name, value in given.items() if value is not None]:
        raise ConfigError(
            f"A resumed tuning keeps its folder, settings and space. Leave out {' and '.join(names)}, or begin a new "
            "tuning."
        )
