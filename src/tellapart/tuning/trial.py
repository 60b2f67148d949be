"""Trial: one training of a tuning as plain values, read from the store."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from tellapart.metrics.average_precision import mean_of
from tellapart.metrics.validation import validated
from tellapart.pages.card import Readable
from tellapart.runs.folder import RunFolder
from tellapart.runs.predictions import load_predictions
from tellapart.text import counted, percent

State = Literal["complete", "pruned", "failed", "running", "interrupted", "waiting"]

DEFAULT_TRIAL = 0
"""Number of the untuned recipe's trial."""

ENDED: tuple[State, ...] = ("complete", "pruned", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial(Readable):
    """One training of a tuning."""

    number: int
    """From 0, that of the untuned recipe."""

    state: State
    """complete: trained to its end. pruned: stopped, since it was worse than half of the others after as many epochs.
    failed: see `note`. interrupted: its process was stopped or killed; the next process goes on with it."""

    settings: Mapping[str, Any]
    """What was drawn; empty for the untuned recipe."""

    folder: Path
    score: float | None = None
    """On held-out pictures, of the model as it predicts: accuracy, balanced accuracy where classes are made to count
    the same, or of several labels the mean average precision. Of a pruned trial, its last epoch's."""

    loss: float | None = None
    """Cross-entropy on held-out pictures."""

    pictures: int | None = None
    """Held-out pictures."""

    epochs: int = 0
    """Epochs that were finished."""

    seconds: float = 0.0
    """Of all sessions that ended by themselves."""

    note: str = ""
    """Why it failed."""

    @property
    def is_default(self) -> bool:
        """Whether this is the untuned recipe."""
        return self.number == DEFAULT_TRIAL

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in ENDED

    @property
    def rank(self) -> tuple[float, float]:
        """What trials are compared by: the score, among equals the lower loss."""
        return (self.score or 0.0, -(self.loss if self.loss is not None else float("inf")))

    @property
    def outcome(self) -> str:
        """The state, with what is worth knowing of it."""
        if self.state == "pruned":
            return f"pruned after {counted(self.epochs, 'epoch')}"
        return f"failed: {self.note}" if self.state == "failed" else self.state

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**asdict(self), "settings": dict(self.settings), "folder": str(self.folder)}

    def _parts(self) -> list[str]:
        return [f"trial {self.number}", percent(self.score, 2), self.outcome]


def read_trials(
    study: Any, folder: Callable[[int], Path], is_alive: Callable[[str | None], bool]
) -> list[Trial]:
    """Return all trials of a study, in order.

    Args:
        study: of Optuna.
        folder: number -> run folder.
        is_alive: whether the worker of that name is at work.
    """
    return [_trial(each, folder(each.number), is_alive) for each in study.get_trials(deepcopy=False)]


def _trial(stored: Any, folder: Path, is_alive: Callable[[str | None], bool]) -> Trial:
    told = stored.user_attrs
    return Trial(
        number=stored.number,
        state=_state(stored, is_alive),
        settings=told.get("settings", {}),
        folder=folder,
        score=None if stored.value is None else float(stored.value),
        loss=told.get("loss"),
        pictures=told.get("pictures"),
        epochs=told.get("epochs", 0),
        seconds=told.get("seconds", 0.0),
        note=told.get("note", ""),
    )


def _state(stored: Any, is_alive: Callable[[str | None], bool]) -> State:
    if stored.state.name == "RUNNING":
        return "running" if is_alive(stored.user_attrs.get("worker")) else "interrupted"
    states: dict[str, State] = {
        "COMPLETE": "complete",
        "PRUNED": "pruned",
        "FAIL": "failed",
        "WAITING": "waiting",
    }
    return states[stored.state.name]


def best_of(trials: Iterable[Trial]) -> Trial | None:
    """Return the complete trial with the best score; among equals, the one of the lowest loss, then the first."""
    complete = [trial for trial in trials if trial.state == "complete"]
    return max(complete, key=lambda trial: trial.rank, default=None)


@dataclass(frozen=True, slots=True)
class HeldOutScore(Readable):
    """How good a model is on the pictures that were held out from its training."""

    score: float
    loss: float
    pictures: int


def held_out_score(run: RunFolder, *, balanced: bool) -> HeldOutScore:
    """Score the predictions of held-out pictures that a finished training left.

    Args:
        run: its folder.
        balanced: whether each class counts the same.

    Raises:
        DataError: there are none.
    """
    predictions = load_predictions(run.predictions)["validation"]
    figures = validated(predictions.probabilities, predictions.labels)
    score = mean_of(figures.recalls) if balanced else figures.accuracy
    return HeldOutScore(score, figures.loss, len(predictions.labels))
