"""Tracking: what a training tells its trackers, and what becomes of one that fails."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tellapart.api.finish import TrainingResult
from tellapart.api.listener import Forwarding, Listener
from tellapart.errors import TellapartError
from tellapart.events import Diverged, EpochDone, Event
from tellapart.metrics.label_scores import LabelScores
from tellapart.runs.folder import RunFolder
from tellapart.runs.metrics_file import METRICS_CSV, metrics_of
from tellapart.runs.setup import TrainingSetup
from tellapart.trackers.kept import keep, read_kept
from tellapart.trackers.registry import TRACKERS, trackers_of
from tellapart.trackers.tracker import Tracker
from tellapart.training.health import best_epoch

WITHOUT_IT = "The training goes on without it; metrics.csv has every epoch."

EPOCHS = "epochs"
"""What trackers.json calls the number of epochs that a tracker has."""


def trackers_to_use(log: Any, resume: str | Path | None) -> list[tuple[str, Tracker]]:
    """Return the trackers of a training: those named; of a run that goes on and names none, those that it had.

    Raises:
        ConfigError: an unknown name, or an object that is no tracker.
        MissingExtraError: a package is not installed.
    """
    if log is None and resume is not None:
        log = [name for name in read_kept(Path(resume)) if name in TRACKERS]
    return trackers_of(log)


def own_trackers_lost(log: Any, resume: str | Path | None) -> list[str]:
    """Return the classes of trackers of the user's own that a run had, and that it goes on without."""
    if log is not None or resume is None:
        return []
    return [name for name in read_kept(Path(resume)) if name not in TRACKERS]


class Tracking(Forwarding):
    """Hears what a listener hears, and feeds trackers with it."""

    def __init__(
        self, listener: Listener, trackers: Sequence[tuple[str, Tracker]], lost: Sequence[str] = ()
    ) -> None:
        super().__init__(listener)
        self._trackers = dict(trackers)
        self._lost = lost
        self._done: dict[str, int] = {}
        """Tracker -> epochs that it has."""

        self._folder: RunFolder | None = None
        self._multi_label = False

    def prepared(self, setup: TrainingSetup, model: Any) -> None:
        """Start the trackers; each gets the epochs of metrics.csv that it lacks.

        Raises:
            TellapartError: one could not be started.
        """
        self._folder, self._multi_label = setup.folder, setup.config.multi_label
        data = {
            "name": setup.dataset.name,
            "where": setup.dataset.where,
            "class_names": list(setup.dataset.class_names),
            "pictures": setup.pictures,
        }
        for name in self._lost:
            self.warned(
                f"This run was also logged to an object of the class {name}. To go on there, pass it as log."
            )
        for name, tracker in self._trackers.items():
            self._start(name, tracker, setup, data)
        super().prepared(setup, model)

    def _start(self, name: str, tracker: Tracker, setup: TrainingSetup, data: dict[str, Any]) -> None:
        folder = setup.folder.path
        done = read_kept(folder).get(name, {}).get(EPOCHS)
        try:
            tracker.start(folder, setup.config.to_dict(), dict(data))
        except Exception as reason:
            raise TellapartError(
                f"The tracker {name} could not be started ({_words(reason)}). Nothing was trained. Mend it, and go on "
                f"with `tellapart train --resume {folder} --log {name}`; or without it: --log none."
            ) from reason
        self._done[name] = done if type(done) is int else 0
        keep(folder, name, **{EPOCHS: self._done[name]})
        if place := getattr(tracker, "place", ""):
            self.notice(f"Logging to {place}")
        for epoch, values in _rows(folder / METRICS_CSV):
            self._tell(name, epoch, values)

    def event(self, event: Event) -> None:
        """Tell the trackers of a finished epoch; after a divergence, epochs come again."""
        super().event(event)
        if isinstance(event, Diverged):
            self._done = {name: min(done, event.back_to) for name, done in self._done.items()}
        elif isinstance(event, EpochDone):
            values = metrics_of(event, multi_label=self._multi_label)
            epoch = values.pop("epoch")
            for name in list(self._trackers):
                self._tell(name, epoch, values)

    def _tell(self, name: str, epoch: int, values: dict[str, float]) -> None:
        """Log an epoch, unless a tracker has it: a resumed run computes the very same figures again."""
        if name not in self._trackers or epoch <= self._done[name]:
            return
        assert self._folder is not None
        folder = self._folder.path

        def log() -> None:
            self._trackers[name].log(dict(values), epoch)
            self._done[name] = epoch
            keep(folder, name, **{EPOCHS: epoch})

        self._attempt(name, log)

    def _attempt(self, name: str, action: Callable[[], None], then: str = WITHOUT_IT) -> None:
        """Do something with a tracker; one that fails is left out from there on.

        Args:
            name: of the tracker.
            action: without arguments.
            then: what people should know where it fails.
        """
        try:
            action()
        except Exception as reason:
            del self._trackers[name]
            self.warned(f"The tracker {name} failed ({_words(reason)}). {then}")

    @contextmanager
    def until_the_end(self) -> Iterator["Ending"]:
        """Within the block, train; then finish the trackers, whatever happened."""
        ending = Ending()
        try:
            yield ending
        finally:
            for name, tracker in list(self._trackers.items()):
                if name in self._done:
                    finish = partial(tracker.finish, dict(ending.summary))
                    self._attempt(
                        name, finish, "Its last figures may be missing there; the run folder has them."
                    )


class Ending:
    """How a training ended; "failed" unless a result says otherwise."""

    def __init__(self) -> None:
        self.summary: dict[str, Any] = {"state": "failed"}

    def take_in(self, result: TrainingResult) -> None:
        """Describe a result."""
        self.summary = {"state": "finished" if result.finished else "stopped"}
        if result.history:
            self.summary["best_epoch"] = best_epoch(result.history).epoch + 1
        scores = result.scores
        if scores is not None:
            several = isinstance(scores, LabelScores)
            name = "test_mean_average_precision" if several else "test_accuracy"
            value = scores.mean_average_precision if isinstance(scores, LabelScores) else scores.accuracy
            self.summary |= {name: value, "test_pictures": scores.pictures, "test_loss": scores.loss}
            if scores.interval is not None:
                self.summary |= dict(zip((f"{name}_low", f"{name}_high"), scores.interval, strict=True))


def _rows(metrics: Path) -> list[tuple[int, dict[str, float]]]:
    """Return the epochs of a metrics.csv with their figures; nothing where there is none, or it is damaged."""
    try:
        with metrics.open(newline="", encoding="utf-8") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        return [(int(row.pop("epoch")), row) for row in rows]
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return []


def _words(reason: Exception) -> str:
    """Return what went wrong, in one line of moderate length."""
    text = " ".join(f"{type(reason).__name__}: {reason}".split())
    return text if len(text) <= 300 else f"{text[:299]}…"
