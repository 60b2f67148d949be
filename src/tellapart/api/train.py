"""`train`: from labeled images to a scored classifier in a run folder."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tellapart.api.completed import (
    ConfiguredData,
    meant,
    nothing_to_train_on,
    opened_and_configured,
    opener_of,
)
from tellapart.api.crew import assemble, dismiss
from tellapart.api.finish import TrainingResult
from tellapart.api.listener import Listener
from tellapart.api.live import listener_for
from tellapart.api.minutes.begin import with_outcome, with_plan
from tellapart.api.minutes.deadline import Deadline, deadline_from
from tellapart.api.own_model import OwnGiven
from tellapart.api.prepare import prepare, prepare_again
from tellapart.api.report import report_of_run
from tellapart.api.together import in_team
from tellapart.api.tracking import Tracking, own_trackers_lost, trackers_to_use
from tellapart.api.training_run import run_training
from tellapart.api.transfer_run import run_transfer
from tellapart.data.open import reopening
from tellapart.data.store import MEMORY_BUDGET
from tellapart.errors import ConfigError, TellapartError
from tellapart.recipes.augmented import Given, refuse_unknown_function
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.given import settings_from
from tellapart.runs.new_folder import refuse_taken
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.team import team
from tellapart.text import amount_of_bytes, described


@in_team(
    lambda class_names: opener_of(class_names, Listener(), for_training=False),
    lambda memory: _bytes_of(MEMORY_BUDGET if memory is None else memory),
)
def train(
    data: Any = None,
    *,
    model: Any = None,
    callbacks: Any = None,
    pixels: str | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    recipe: str | TrainConfig | None = None,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    config: str | Path | None = None,
    labels: Any = None,
    class_names: Sequence[str] | None = None,
    augment: bool | Given = True,
    target: float | None = None,
    verbose: bool = True,
    listener: Listener | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    memory: int | str = MEMORY_BUDGET,
    multi_label: bool | None = None,
    log: Any = None,
    score_test: bool = True,
    **changes: Any,
) -> TrainingResult:
    """Train a classifier on labeled images, save it in a run folder, and score it on the test split.

    Args:
        data: anything that `open_dataset` opens, such as "cifar10", "photos/", "labels.csv" or (x, y).
        model: a Keras model to train in place of a recipe's network: the object itself, trained in place as `model.fit`
            does, or the path of a `.keras` or `.h5` file; see `docs/own-models.md`. A compiled one keeps its optimizer,
            loss and metrics. Pictures are resized to its input. It needs an output for each class, or a single one for
            two classes. The weights of the last epoch are kept, unless keep="best" or a callback restores others.
        callbacks: Keras callbacks, such as [keras.callbacks.EarlyStopping(patience=3)], for `model` alone. They are not
            saved: give them again when you resume.
        pixels: the pixel values that `model` expects: "0-255"; "0-1" (x / 255); "-1-1" (x / 127.5 - 1); "imagenet"
            (ImageNet's mean and deviation of each channel); "caffe" (blue, green, red around their means). Default:
            "0-255" where one of its layers scales them, those of `preprocess_input` for a network of
            keras.applications without such a layer, else "0-1". The saved model reads 0-255 in any case.
        custom_objects: name -> class or function, of a file whose layers, loss or metrics are not Keras's own.
        recipe: "auto", "transfer", "fast", "quick", "first-cnn", "accurate", "best", "photos-from-scratch" (README
            compares them), or a TrainConfig. Default: "auto": "transfer" for photos and for few small pictures, else
            "fast"; with a target "fast", with fine_tune="on" or a backbone "transfer".
        out: the run folder to make, such as "runs/photos"; an existing one is refused. Default: a dated one in `runs/`.
        resume: the run folder of a training that was stopped; data and settings are then its own. With epochs, their
            number in all, it goes on past its planned end: from there on, the learning rate is the one that a run of
            so many epochs has there.
        config: a run folder or its run.toml, to repeat that run: all its settings, and its data where none are given.
            Other settings given beside it change it.
        labels: a file of labels, one row an image; a `Labels`, which also names columns, a pattern or class names; or
            the labels of an array `data`.
        class_names: of labels 0, 1, 2, ... in arrays.
        augment: False to train on the images as they are, whatever the recipe says; or changes of the recipe's
            augmentation: a text such as "rotation_range=15,random-erasing", a dict such as {"rotation_range": 15}, or
            an Augmentation in its place. `docs/settings.md` lists what can be changed.
        target: validation accuracy, 0 to 1, at which the training ends before its last epoch. With 20,000 pictures or
            more, the recipe "fast" is also shortened to what reaches it on CIFAR-10.
        verbose: whether to show a live curve in a notebook, elsewhere to print a line for each epoch; ignored where
            `listener` is given.
        listener: a tellapart.Listener, some of whose methods you override: each is called when what it is named after
            happens, such as event(event) after every step and every epoch.
        should_stop: function without arguments, called after every step. When it returns True, a checkpoint is saved
            and `train` returns, `finished` False; go on with train(resume=folder).
        memory: of decoded images, in bytes or as a text such as "1GiB"; more lie in a file in the cache folder. It
            changes no result.
        multi_label: whether a picture may have several labels, or none; default: as `labels` or `config` say. Then
            `labels` is a file with a column such as cat|dog, with columns of 0 and 1, or with several rows a picture;
            or arrays give (N, labels) of 0 and 1.
        log: where the curves go besides the run folder: "tensorboard", "trackio", "wandb" or "mlflow", several with
            commas between them or in a list, or an object with the methods start(run_folder, config, data), log(values,
            step) and finish(summary). A resumed run goes on in those that it had; "none" leaves them.
        score_test: False ends without scoring the test split, as long as settings are still being chosen by held-out
            images; `resume` scores it.
        **changes: minutes=5, for the whole command with its report: recipe, size and epochs are chosen for that time,
            and the accuracy is forecast (`docs/minutes.md`); with a target it ends at whichever comes first. Other
            settings, such as epochs=25, batch_size=64, seed=1, size=64 or (48, 64) (height first),
            patience=5, learning_rate=0.003 (or lr; the highest of the schedule), weight_decay=0.01, optimizer="adam" or
            {"name": "sgd", "momentum": 0.8}, class_weight="balanced" or {"cat": 3.0}, sampling="balanced",
            freeze="all", "none" or "all-but-2" (of a pretrained network). set={"optimizer.epsilon": 1e-5} sets any
            other field of the TrainConfig. In a transfer, epochs, batch size, optimizer and its settings are those of
            fine-tuning, and epochs turns it on. `docs/settings.md` lists them all.

    Returns:
        A TrainingResult: `classifier`; `scores` on the test split, None if it was stopped or score_test=False;
        `folder`, the run folder; `history`, an EpochDone for each epoch, empty for a transfer without fine-tuning;
        `report`, the path of its page. Pass it to `predict`, `evaluate`, `explain`, `export`, `report` or `summary` as
        the model. In a script that torchrun starts, its first process gets it, and the others None.

    Raises:
        ConfigError: an unknown recipe or setting, or one out of range; a model that does not fit the data.
        ModelError: a model that is no classifier of images, or cannot be saved.
        DataError: images or labels that cannot be used.
        MissingExtraError: a tracker's package is not installed.
        SaveError: the disk is full.
    """
    refuse_other_types(recipe, {"out": out, "resume": resume, "config": config}, listener, should_stop)
    several = False if multi_label is None else multi_label
    _refuse_no_switches(multi_label=several, verbose=verbose, score_test=score_test)
    listener = listener_for(verbose) if listener is None else listener
    listener = tracking = Tracking(listener, trackers_to_use(log, resume), own_trackers_lost(log, resume))
    deadline = deadline_from(changes, resumes=resume is not None, has_own_model=model is not None)
    opened = opener_of(class_names, listener, for_training=resume is None)
    budget, own_given = _bytes_of(memory), OwnGiven.of(model, callbacks, pixels, custom_objects, config)
    with ExitStack() as held:
        if resume is not None:
            _refuse_beside_resume(config, recipe, out)
            given = {**settings_from(changes), **_given(augment, target, multi_label)}
            setup = prepare_again(
                resume, data, labels, opened, given, listener, held, budget, own_given, team()
            )
            refuse_unknown_function(setup.config)
        elif data is None and config is None:
            raise ConfigError(nothing_to_train_on(labels))
        else:
            refuse_taken(out)
            recipe, data, labels, changes = meant(config, recipe, data, labels, changes, multi_label)
            configured_data = opened_and_configured(
                data, labels, opened, recipe, augment, target, changes, own_given, listener, deadline
            )
            setup = _prepared(configured_data, reopening(data, labels), out, listener, held, budget)
        return _trained(dataclasses.replace(setup, scores_test=score_test), tracking, should_stop, deadline)


def _refuse_unscoring(setup: TrainingSetup) -> None:
    """Refuse to go on without a test score with a run that has one.

    Raises:
        ConfigError: it has.
    """
    if setup.resumes and not setup.scores_test and setup.folder.is_finished:
        raise ConfigError(f"{setup.folder.path} was scored on its test split. Leave out score_test=False.")


def _prepared(
    configured_data: ConfiguredData,
    reopening: Mapping[str, Any],
    out: str | Path | None,
    listener: Listener,
    held: ExitStack,
    memory_bytes: int,
) -> TrainingSetup:
    dataset, config, plan, reason, own = configured_data
    setup = prepare(dataset, config, out, reopening, listener, held, reason, memory_bytes, own, team())
    return with_plan(setup, plan)


def _trained(
    setup: TrainingSetup, tracking: Tracking, should_stop: Callable[[], bool], deadline: Deadline | None
) -> TrainingResult:
    """Train, score, and write the report, with the other processes of the team where there are any.

    With what became of its forecast, where there was one.
    """
    _refuse_unscoring(setup)
    tracking.folder_made(setup)
    assemble(setup, tracking)
    with tracking.until_the_end() as ending:
        result = _run_of(setup)(setup, tracking, should_stop)
        ending.take_in(result)
    dismiss(setup.team)
    if result.scores is None:
        return result
    return with_outcome(with_report(result, setup, tracking), setup, deadline)


def _given(augment: Any, target: float | None, multi_label: bool | None) -> dict[str, Any]:
    """Return the settings that have keywords of their own; None where they were not given."""
    return {
        "augment": None if augment is True else augment,
        "target": target,
        "multi_label": multi_label,
    }


def _run_of(setup: TrainingSetup) -> Callable[..., TrainingResult]:
    return run_training if setup.config.head is None else run_transfer


def _refuse_beside_resume(config: Any, recipe: Any, out: Any) -> None:
    """Refuse what a resumed run keeps.

    Raises:
        ConfigError: it was given.
    """
    if config is not None:
        raise ConfigError("resume goes on with a run, config begins a new one like it. Give one of them.")
    if recipe is not None or out is not None:
        raise ConfigError("A resumed run keeps its folder and settings. Leave out the recipe and out.")


def refuse_other_types(recipe: Any, paths: Mapping[str, Any], listener: Any, should_stop: Any) -> None:
    """Refuse arguments of a wrong type, before anything is opened.

    Raises:
        ConfigError: there is one.
    """
    if not isinstance(recipe, str | TrainConfig | None):
        raise ConfigError(f"recipe is a name or a TrainConfig; got {described(recipe)}.")
    for name, path in paths.items():
        if not isinstance(path, str | os.PathLike | None) or path == "":
            raise ConfigError(f"{name} is a path; got {described(path)}.")
    if not isinstance(listener, Listener | None):
        raise ConfigError(f"listener is a tellapart.Listener; got {described(listener)}.")
    if not callable(should_stop):
        raise ConfigError(f"should_stop is a function without arguments; got {described(should_stop)}.")


def _refuse_no_switches(**given: Any) -> None:
    """Refuse what is neither True nor False.

    Raises:
        ConfigError: one of them.
    """
    for name, value in given.items():
        if not isinstance(value, bool):
            raise ConfigError(f"{name} is True or False; got {described(value)}.")


def _bytes_of(memory: int | str) -> int:
    amount = amount_of_bytes(memory) if isinstance(memory, str) else memory
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        raise ConfigError(
            f"memory is a number of bytes, or a text such as 500MB or 2GiB; got {memory!r}. It is for decoded pictures "
            "alone; beyond it they are read from a file."
        )
    return amount


def with_report(result: TrainingResult, setup: TrainingSetup, listener: Listener) -> TrainingResult:
    """Write the report. Whatever goes wrong with it, the training is done and its result comes back."""
    try:
        report = report_of_run(result.folder, listener, setup.stores)
    except Exception as reason:
        is_ours = isinstance(reason, TellapartError)
        cause = reason if is_ours else f"a bug, {type(reason).__name__}: {reason}"
        listener.warned(f"The training finished and is saved, but its report could not be written: {cause}")
        return result
    return dataclasses.replace(result, report=report.path)
