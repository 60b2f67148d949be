"""The ways in: train_classifier, load. Wiring only: each line hands the result of one room to the next."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tellapart.classifier import Classifier
from tellapart.data.catalog import find_known
from tellapart.data.source import Source, open_source
from tellapart.errors import ConfigError
from tellapart.recipes import Run, find_recipe
from tellapart.runs import existing_run_folder
from tellapart.training import Prepared, Trained, Watcher, prepare, prepare_again, run_training

DEFAULT_RECIPE = "quick"


def load(path: str | Path) -> Classifier:
    """Load a classifier: a run folder, a `.keras` or an `.h5` file.

    Raises:
        ModelError: no such file, not a model, or not an image classifier.
    """
    return Classifier.load(path)


def train_classifier(
    data: Any = None,
    *,
    recipe: str | Run = DEFAULT_RECIPE,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    watcher: Watcher | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **changes: Any,
) -> Trained:
    """Train a classifier on labelled pictures, save it in a run folder, and score it on the test split.

    Args:
        data: anything that `open_source` opens: a known set's name, a folder, an `.npz`, arrays.
        recipe: a recipe's name, or a Run.
        out: the run folder to make; by default a dated one under `runs/`.
        resume: the run folder of a training that was stopped; data and settings are then its own.
        labels: CSV of a folder without class folders, or the labels of an array `data`.
        class_names: of labels 0, 1, 2, ... in arrays.
        watcher: is told what happens.
        should_stop: asked after every step; True saves a checkpoint and returns.
        **changes: fields of the Run to change, such as epochs=25, seed=1, size=(48, 48).

    Raises:
        ConfigError: an unknown recipe or setting, or one out of range.
        DataError: pictures or labels that cannot be used.
        SaveError: the disk is full.
    """
    watcher = watcher or Watcher()

    def opened(what: Any) -> Source:
        return open_source(
            what, labels=labels, class_names=class_names, download=True, progress=watcher.downloading
        )

    if resume is not None:
        prepared = _prepare_again(resume, data, opened, changes, watcher)
    elif data is None:
        raise ConfigError("Nothing to train on: give a known set's name, a folder of pictures, or arrays.")
    else:
        source = opened(data)
        run = _run(recipe, source, changes)
        prepared = prepare(source, run, out, reopening_argument(data, labels), watcher)
    return run_training(prepared, watcher, should_stop)


def _run(recipe: str | Run, source: Source, changes: dict[str, Any]) -> Run:
    run = recipe if isinstance(recipe, Run) else find_recipe(recipe)(mirrors=source.mirrors)
    known = {field.name for field in dataclasses.fields(Run)}
    if unknown := sorted(set(changes) - known):
        raise ConfigError(f"A run has no setting {', '.join(unknown)}. It has: {', '.join(sorted(known))}.")
    return run.changed(**changes)


def _prepare_again(
    resume: str | Path, data: Any, opened: Callable[[Any], Source], changes: dict[str, Any], watcher: Watcher
) -> Prepared:
    folder = existing_run_folder(resume)
    run, saved = folder.read_settings()
    if any(value is not None for value in changes.values()):
        raise ConfigError(
            f"A resumed run keeps its settings ({folder.path}/run.toml). Leave the others away."
        )
    if data is None and "argument" not in saved:
        raise ConfigError(f"{folder.path} was trained on arrays in memory: give them again to resume.")
    return prepare_again(folder, opened(saved["argument"] if data is None else data), run, saved, watcher)


def reopening_argument(data: Any, labels: Any = None) -> str | None:
    """What opens the same data in another process, from any folder; None where nothing does."""
    if labels is not None or not isinstance(data, str | os.PathLike):
        return None
    if isinstance(data, str) and find_known(data) is not None:
        return data
    return str(Path(data).expanduser().resolve())
