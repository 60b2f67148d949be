"""A list of runs: what each was trained on and how well it did, from its text files alone.

Imports neither torch nor Keras nor NumPy, so that the list is there at once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, overload

from tellapart.errors import ConfigError, TellapartError
from tellapart.pages.card import Card, Facts, Readable, Table
from tellapart.paths import SETTINGS_IN_RUN
from tellapart.runs.event_log import LOG, history_in, read_log
from tellapart.runs.find import find_runs
from tellapart.runs.lock import holder_of
from tellapart.runs.sealed_settings import damaged, read_sealed
from tellapart.runs.soundness import problems_of
from tellapart.text import counted, described, natural_key, percent, short_name

State = Literal["finished", "stopped", "running", "damaged"]

HEADINGS = ("run", "data", "recipe", "accuracy", "95% CI", "n", "seconds", "started (UTC)", "state")
"""Of a table of runs."""

DETAILED_FROM = 1_000
"""Pictures from which an accuracy is worth a second digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary(Readable):
    """One run folder in a few figures; a figure that the run does not have, or that cannot be read, is None."""

    folder: Path
    state: State
    """finished: scored on the test split, or trained without that. running: a training holds the folder. damaged: see
    `problems`. stopped: any other; `train(resume=folder)` continues it."""

    problems: tuple[str, ...] = ()
    """What is damaged or missing, each a clause that names the file."""

    data: str | None = None
    """Name of the data."""

    recipe: str | None = None
    accuracy: float | None = None
    """On the test split, 0 to 1."""

    interval: tuple[float, float] | None = None
    """95% confidence interval of `accuracy`."""

    pictures: int | None = None
    """Test images that `accuracy` is the share of."""

    mean_average_precision: float | None = None
    """On the test images, of a run on several labels a picture, which has no accuracy; `interval` is then of it."""

    val_accuracy: float | None = None
    """The best of all epochs; None for a transfer that was not fine-tuned."""

    seconds: float | None = None
    """Of training, in all sessions; without scoring and report."""

    started: str | None = None
    """Date and time in UTC, ISO 8601."""

    epochs: int = 0
    """Epochs that were finished."""

    planned: int | None = None
    """Epochs that the training was to have; None for a transfer, which decides later."""

    version: str | None = None
    """The tellapart that began the run."""

    @property
    def is_readable(self) -> bool:
        """Whether its settings could be read."""
        return self.recipe is not None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**asdict(self), "folder": str(self.folder)}

    def _parts(self) -> list[str]:
        return [short_name(self.folder.name), self.state, self._figure]

    def _card(self) -> Card:
        facts = [(name, value) for name, value in self.to_dict().items() if name != "problems"]
        problems = Table(["problems"], [[words] for words in self.problems])
        headline = f"{self.folder.name}: {self.state}, {self._figure}"
        return Card("RunSummary", headline, [Facts(facts), *([problems] if self.problems else [])])

    def cells(self) -> list[str]:
        """Return what a table says of it, under the HEADINGS from the second on."""
        digits = 2 if (self.pictures or 0) >= DETAILED_FROM else 1
        seconds = self.seconds
        return [
            self.data or "–",
            self.recipe or "–",
            self.score(digits),
            "–" if self.interval is None else " to ".join(percent(end, digits) for end in self.interval),
            "–" if self.pictures is None else f"{self.pictures:,}",
            "–" if seconds is None else f"{seconds:,.1f}" if seconds < 100 else f"{seconds:,.0f}",
            "–" if self.started is None else self.started[:16].replace("T", " "),
            self.progress,
        ]

    @property
    def progress(self) -> str:
        """The state; of a training that is not over also how far it came."""
        if self.state in ("stopped", "running") and self.planned:
            return f"{self.state} {self.epochs}/{self.planned}"
        return self.state

    def score(self, digits: int = 1) -> str:
        """Return the test accuracy for a table; of several labels a picture, the mean average precision."""
        if self.mean_average_precision is not None:
            return f"mAP {percent(self.mean_average_precision, digits)}"
        return percent(self.accuracy, digits)

    @property
    def rank(self) -> tuple[bool, float] | None:
        """What "accuracy" sorts by: mean average precisions do not compare with accuracies, and come after them."""
        figure = self.mean_average_precision if self.accuracy is None else self.accuracy
        return None if figure is None else (self.accuracy is not None, figure)

    @property
    def _figure(self) -> str:
        if self.accuracy is not None:
            return f"test accuracy {percent(self.accuracy)}{self._certainty}"
        if self.mean_average_precision is not None:
            return f"test mean average precision {percent(self.mean_average_precision)}{self._certainty}"
        return "no test accuracy"

    @property
    def _certainty(self) -> str:
        if self.interval is None or self.pictures is None:
            return ""
        low, high = self.interval
        return f" ({percent(low)} to {percent(high)}, n={self.pictures:,})"


_Key = Callable[[RunSummary], Any]
_ORDERS: dict[str, tuple[_Key, bool]] = {
    "date": (lambda run: run.started, True),
    "name": (lambda run: natural_key(str(run.folder)), False),
    "data": (lambda run: run.data, False),
    "recipe": (lambda run: run.recipe, False),
    "accuracy": (lambda run: run.rank, True),
    "seconds": (lambda run: run.seconds, False),
    "state": (lambda run: run.state, False),
}
"""Name of an order -> what is compared, and whether the largest comes first."""

ORDERS = tuple(_ORDERS)


class Runs(Readable, Sequence[RunSummary]):
    """Runs in some order, and the folders that could not be looked into."""

    def __init__(self, runs: Iterable[RunSummary], closed: Sequence[str] = ()) -> None:
        self._runs = tuple(runs)
        self.closed = tuple(closed)
        """Folders that could not be looked into, each with its reason."""

    @overload
    def __getitem__(self, index: int) -> RunSummary: ...
    @overload
    def __getitem__(self, index: slice) -> "Runs": ...
    def __getitem__(self, index: int | slice) -> "RunSummary | Runs":
        if isinstance(index, slice):
            return Runs(self._runs[index], self.closed)
        return self._runs[index]

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[RunSummary]:
        return iter(self._runs)

    @property
    def damaged(self) -> "Runs":
        """Those of which something is damaged or missing."""
        return Runs(run for run in self._runs if run.problems)

    def sorted(self, order: str) -> "Runs":
        """Return them in another order; runs without that figure come last.

        Args:
            order: "date" (the newest first), "accuracy" (the highest first), "seconds" (the shortest first), "name",
                "data", "recipe" or "state".

        Raises:
            ConfigError: another word.
        """
        if not isinstance(order, str) or order not in _ORDERS:
            raise ConfigError(f"Runs are sorted by {', '.join(ORDERS)}; got {described(order)}.")
        key, largest_first = _ORDERS[order]
        by_name = sorted(self._runs, key=lambda run: natural_key(str(run.folder)))
        known = [run for run in by_name if key(run) is not None]
        known.sort(key=key, reverse=largest_first)
        return Runs([*known, *(run for run in by_name if key(run) is None)], self.closed)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {"runs": [run.to_dict() for run in self._runs], "closed": list(self.closed)}

    def _parts(self) -> list[str]:
        best = max(self._runs, key=lambda run: run.rank or (False, -1.0), default=None)
        states = {state: sum(run.state == state for run in self._runs) for state in get_args(State)}
        counts = [f"{count} {state}" for state, count in states.items() if count]
        if best is None or best.rank is None:
            return [counted(len(self), "run"), *counts]
        is_accuracy, value = best.rank
        name = "accuracy" if is_accuracy else "mean average precision"
        figure = f"best test {name} {percent(value)} (n={best.pictures or 0:,})"
        return [counted(len(self), "run"), *counts, figure]

    def _card(self) -> Card:
        rows = [[str(run.folder), *run.cells()] for run in self._runs]
        problems = [[str(run.folder), "; ".join(run.problems)] for run in self.damaged]
        blocks = [Table(HEADINGS, rows), *([Table(["damaged", "why"], problems)] if problems else [])]
        return Card("Runs", ", ".join(self._parts()), blocks)


def list_runs(folders: Sequence[Path], order: str = "date") -> Runs:
    """Return every run in some folders and below them; a folder may be a run itself.

    Raises:
        ConfigError: an unknown order.
    """
    Runs(()).sorted(order)  # refused before anything is read
    found = find_runs(list(folders))
    closed = [f"{path} cannot be looked into ({reason})" for path, reason in found.closed]
    return Runs(map(summary_of_run, found.runs), closed).sorted(order)


def summary_of_run(folder: Path) -> RunSummary:
    """Return a run folder's figures. Whatever is wrong with it becomes one of its `problems`."""
    holder = holder_of(folder)
    try:
        settings = _settings(folder / SETTINGS_IN_RUN)
    except TellapartError as reason:
        return _without_settings(folder, str(reason), holder is not None)
    log: tuple[Mapping[str, Any], ...] = ()
    damaged_lines, unreadable = 0, ""
    try:
        log, damaged_lines = read_log(folder / LOG)
    except TellapartError as reason:
        unreadable = f"{LOG}: {reason}"
    summary = _figures(folder, settings, log)
    if holder is not None:
        return replace(summary, state="running")
    problems = (unreadable,) if unreadable else tuple(problems_of(folder, settings, log, damaged_lines))
    return replace(summary, state="damaged", problems=problems) if problems else summary


def _without_settings(folder: Path, reason: str, is_running: bool) -> RunSummary:
    if is_running:
        return RunSummary(folder=folder, state="running")
    if not (folder / SETTINGS_IN_RUN).exists():
        reason = f"{SETTINGS_IN_RUN} is missing: the settings are lost, or the training never began"
    return RunSummary(folder=folder, state="damaged", problems=(reason.removeprefix(f"{folder}/"),))


def _settings(path: Path) -> dict[str, Any]:
    """Return run.toml, with what a list needs of it.

    Raises:
        ConfigError: it is missing, damaged, or lacks something.
    """
    settings = read_sealed(path)
    try:
        needed = (settings["started"], settings["run"]["recipe"], settings["data"]["name"])
        for value in needed:
            if not isinstance(value, str):
                raise TypeError(f"{value!r} is no text")
    except (KeyError, TypeError) as reason:
        raise damaged(path, reason) from reason
    return settings


def _figures(folder: Path, settings: Mapping[str, Any], log: Sequence[Mapping[str, Any]]) -> RunSummary:
    run, version = settings["run"], settings.get("tellapart")
    epochs = history_in(log)
    sessions = [line["seconds"] for line in log if line["event"] == "Cost"]
    scored = [line for line in log if line["event"] == "Scored"]
    seconds = sum(sessions) if sessions else sum(done.seconds for done in epochs)
    planned = run.get("epochs")
    return RunSummary(
        folder=folder,
        state="finished" if _is_over(log) else "stopped",
        data=settings["data"]["name"],
        recipe=run["recipe"],
        **(_scores(scored[-1]) if scored else {}),
        val_accuracy=None
        if run.get("multi_label")
        else max((done.val_accuracy for done in epochs), default=None),
        seconds=seconds or None,
        started=settings["started"],
        epochs=len(epochs),
        planned=planned if isinstance(planned, int) and "head" not in run else None,
        version=version if isinstance(version, str) else None,
    )


def _is_over(log: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the test split was scored, or left out, after the last epoch; a run that goes on past its end is
    not over."""
    ends = ("Scored", "Unscored")
    events = [line["event"] for line in log if line["event"] in ("EpochDone", *ends)]
    return bool(events) and events[-1] in ends


def _scores(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return accuracy, interval and number of images, where they are what they should be."""
    accuracy, interval, pictures = (line.get(name) for name in ("accuracy", "interval", "pictures"))
    has_interval = isinstance(interval, list) and len(interval) == 2 and all(map(_is_share, interval))
    precision = line.get("mean_average_precision")
    return {
        "accuracy": accuracy if _is_share(accuracy) else None,
        "mean_average_precision": precision if _is_share(precision) else None,
        "interval": tuple(interval or ()) if has_interval else None,
        "pictures": pictures if type(pictures) is int and pictures > 0 else None,
    }


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1
