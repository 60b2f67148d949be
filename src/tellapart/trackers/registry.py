"""Which trackers there are, by the names that `--log` takes."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from tellapart.errors import ConfigError, MissingExtraError
from tellapart.text import described
from tellapart.trackers.tracker import METHODS, Tracker

TRACKERS = {
    "tensorboard": "tellapart.trackers.to_tensorboard:TensorBoardTracker",
    "trackio": "tellapart.trackers.to_trackio:TrackioTracker",
    "wandb": "tellapart.trackers.to_wandb:WandbTracker",
    "mlflow": "tellapart.trackers.to_mlflow:MlflowTracker",
}
"""Name -> module and class. The name is also that of the package that must be installed, and of its extra."""

NONE = "none"
"""Stands for no tracker: a run that goes on then leaves those that it had."""

TITLES = {"tensorboard": "TensorBoard", "trackio": "Trackio", "wandb": "Weights & Biases", "mlflow": "MLflow"}


def trackers_of(log: Any) -> list[tuple[str, Tracker]]:
    """Return the trackers that somebody asked for, each with a name.

    Args:
        log: a name; several with commas between them; an object with the methods of `Tracker`; a sequence of names and
            objects; "none" or None.

    Raises:
        ConfigError: an unknown name, one given twice, or an object that lacks a method.
        MissingExtraError: a tracker's package is not installed.
    """
    asked = [each for item in _items(log) for each in _parts(item)]
    names = [each if isinstance(each, str) else type(each).__qualname__ for each in asked]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"log names {', '.join(twice)} more than once. Name each tracker once.")
    if NONE in names and len(names) > 1:
        raise ConfigError(f'log is "{NONE}", or names trackers; got {", ".join(names)}.')
    return [
        (name, _opened(each) if isinstance(each, str) else _checked(each))
        for name, each in zip(names, asked, strict=True)
        if name != NONE
    ]


def _items(log: Any) -> Sequence[Any]:
    if log is None:
        return ()
    return log if isinstance(log, list | tuple) else (log,)


def _parts(item: Any) -> list[Any]:
    return [part.strip() for part in item.split(",")] if isinstance(item, str) else [item]


def _opened(name: str) -> Tracker:
    """Return the tracker of that name; its package is imported.

    Raises:
        ConfigError: there is none.
        MissingExtraError: its package is not installed.
    """
    if name not in TRACKERS:
        raise ConfigError(
            f"A training is logged to {', '.join(TRACKERS)} or {NONE}, several with commas between them; got {name!r}."
        )
    module, _, kind = TRACKERS[name].partition(":")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as reason:
        if reason.name != name:
            raise
        raise MissingExtraError(name, name, f"Logging to {TITLES[name]}") from reason
    opened: Callable[[], Tracker] = getattr(importlib.import_module(module), kind)
    return opened()


def _checked(tracker: Any) -> Tracker:
    """Return an object that somebody gave, where it can be one.

    Raises:
        ConfigError: it lacks a method.
    """
    lacks = [name for name in METHODS if not callable(getattr(tracker, name, None))]
    if lacks or isinstance(tracker, type):
        what = f"{described(tracker)}, which lacks {', '.join(lacks)}"
        if isinstance(tracker, type):
            what = f"the class {tracker.__name__}; give an object of it"
        raise ConfigError(
            f"log is {', '.join(TRACKERS)}, or an object with the methods start(run_folder, config, data), "
            f"log(values, step) and finish(summary); got {what}."
        )
    return tracker
