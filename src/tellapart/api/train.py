"""`train`: from labeled images to a scored classifier in a run folder."""

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tellapart.api.configure import configured
from tellapart.api.finish import TrainingResult
from tellapart.api.listener import EpochPrinter, Listener
from tellapart.api.prepare import prepare, prepare_again
from tellapart.api.report import report_of_run
from tellapart.api.training_run import run_training
from tellapart.api.transfer_run import run_transfer
from tellapart.data.dataset import Dataset
from tellapart.data.open import open_dataset, reopening
from tellapart.data.sources.label_choice import as_labels, with_several
from tellapart.data.store import MEMORY_BUDGET
from tellapart.errors import ConfigError, TellapartError
from tellapart.recipes.augmented import refuse_unknown_function
from tellapart.recipes.auto import AUTO, Choice, choose_recipe
from tellapart.recipes.config import TrainConfig
from tellapart.runs.new_folder import refuse_taken
from tellapart.runs.setup import TrainingSetup
from tellapart.text import amount_of_bytes

RECIPE_FOR_TARGETS, RECIPE_OF_BACKBONES = "fast", "transfer"
ANY_RECIPE = "quick"
"""Whose settings are those of every recipe that `auto` may choose."""

Opener = Callable[[Any, Any], Dataset]
"""(data, labels) -> labeled images."""


def default_recipe(target: float | None, fine_tune: str | None = None, backbone: str | None = None) -> str:
    """Return the recipe's name where none is given: the one that has the settings that are given."""
    if fine_tune == "on" or backbone is not None:
        return RECIPE_OF_BACKBONES
    return AUTO if target is None else RECIPE_FOR_TARGETS


def train(
    data: Any = None,
    *,
    recipe: str | TrainConfig | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    augment: bool | str = True,
    target: float | None = None,
    verbose: bool = True,
    listener: Listener | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    memory: int | str = MEMORY_BUDGET,
    multi_label: bool = False,
    **changes: Any,
) -> TrainingResult:
    """Train a classifier on labeled images, save it in a run folder, and score it on the test split.

    Args:
        data: anything that `open_dataset` opens: a known set's name, a folder, an `.npz`, arrays.
        recipe: a recipe's name, or a TrainConfig. Default: "auto", which chooses by the number and the size of the
            images; "fast" where a target is given; "transfer" where fine_tune="on" or a backbone is given.
        out: the run folder to make. Default: a dated one under `runs/`.
        resume: the run folder of a training that was stopped; data and settings are then its own.
        labels: a file of labels, one row an image; a `Labels`, which also names columns, a pattern or class names; or
            the labels of an array `data`.
        class_names: of labels 0, 1, 2, ... in arrays.
        augment: False to train on the images as they are, whatever the recipe says; or changes of the recipe's
            augmentation as a text, such as "rotation_range=15,random-erasing" (see `data.augmentation.spec`).
        target: validation accuracy, 0 to 1, at which the training may end; see `recipes.for_target`.
        verbose: whether to print one line per epoch; ignored where `listener` is given.
        listener: hears what happens.
        should_stop: called after every step; True saves a checkpoint and returns.
        memory: of decoded images, in bytes or as a text such as "1GiB"; more lie in a file in the cache folder. It
            changes no result.
        multi_label: whether a picture may have several labels, or none. Then `labels` is a file with a column such as
            cat|dog, with columns of 0 and 1, or with several rows a picture; or arrays give (N, labels) of 0 and 1.
        **changes: fields of the TrainConfig to change, such as epochs=25, seed=1, size=(48, 48); and learning_rate, the
            highest of its optimizer's schedule.

    Raises:
        ConfigError: an unknown recipe or setting, or one out of range.
        DataError: images or labels that cannot be used.
        SaveError: the disk is full.
    """
    if listener is None:
        listener = EpochPrinter() if verbose else Listener()
    if (
        multi_label
        or as_labels(labels).multi_label
        or (isinstance(recipe, TrainConfig) and recipe.multi_label)
    ):
        labels = with_several(labels)
    opened = _opener(class_names, listener, for_training=resume is None)
    budget = _bytes_of(memory)
    with ExitStack() as held:
        if resume is not None:
            if augment is not True or target is not None:
                changes["augmentation or target"] = False
            setup = prepare_again(resume, data, labels, opened, changes, listener, held, budget)
            refuse_unknown_function(setup.config)
        elif data is None:
            raise ConfigError(_nothing_to_train_on(labels))
        else:
            refuse_taken(out)
            changes |= {"multi_label": True} if as_labels(labels).multi_label else {}
            dataset, config, reason = _opened_and_configured(
                data, labels, opened, recipe, augment, target, changes
            )
            setup = prepare(dataset, config, out, reopening(data, labels), listener, held, reason, budget)
        listener.folder_made(setup)
        run = run_training if setup.config.head is None else run_transfer
        result = run(setup, listener, should_stop)
        return _with_report(result, setup, listener) if result.finished else result


def _bytes_of(memory: int | str) -> int:
    amount = amount_of_bytes(memory) if isinstance(memory, str) else memory
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        raise ConfigError(
            f"memory is a number of bytes, or a text such as 500MB or 2GiB; got {memory!r}. It is for decoded pictures "
            "alone; beyond it they are read from a file."
        )
    return amount


def _opened_and_configured(
    data: Any,
    labels: Any,
    opened: Opener,
    recipe: str | TrainConfig | None,
    augment: bool | str,
    target: float | None,
    changes: dict[str, Any],
) -> tuple[Dataset, TrainConfig, str]:
    """Return the images, the configuration for them, and why its recipe was chosen."""
    if recipe is None or recipe == AUTO:
        recipe = default_recipe(target, changes.get("fine_tune"), changes.get("backbone"))
    # A bad setting is refused before any download.
    configured(ANY_RECIPE if recipe == AUTO else recipe, True, augment, target, changes, 1)
    dataset = opened(data, labels)
    choice = choose_recipe(dataset) if recipe == AUTO else Choice(recipe, "")
    config = configured(
        choice.recipe,
        dataset.mirrors,
        augment,
        target,
        changes,
        len(dataset.splits.get("train", ())),
        has_validation="validation" in dataset.splits,
    )
    return dataset, config, choice.reason


def _nothing_to_train_on(labels: Any) -> str:
    """Return the error where no data are given, or a file of labels alone."""
    choice = as_labels(labels)
    beside = (
        f" For pictures beside {choice.file}, give that file: tellapart train {choice.file}"
        if choice.is_file
        else ""
    )
    return f"Nothing to train on: give a known data set's name, a folder of pictures, or arrays.{beside}"


def _opener(class_names: Sequence[str] | None, listener: Listener, *, for_training: bool) -> Opener:
    return lambda data, labels: open_dataset(
        data,
        labels=labels,
        class_names=class_names,
        download=True,
        progress=listener.downloading,
        for_training=for_training,
    )


def _with_report(result: TrainingResult, setup: TrainingSetup, listener: Listener) -> TrainingResult:
    """Write the report. Whatever goes wrong with it, the training is done and its result comes back."""
    try:
        report = report_of_run(result.folder, listener, setup.stores)
    except Exception as reason:
        is_ours = isinstance(reason, TellapartError)
        cause = reason if is_ours else f"a bug, {type(reason).__name__}: {reason}"
        listener.warned(f"The training finished and is saved, but its report could not be written: {cause}")
        return result
    return dataclasses.replace(result, report=report.path)
