"""What `train` does between its options and its exit code: train, handle interruptions, save, print."""

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from tellapart.api.completed import default_recipe
from tellapart.api.listener import Listener
from tellapart.api.minutes.deadline import Deadline
from tellapart.api.repeat import repeated
from tellapart.api.train import train
from tellapart.classifier.model_file import MODEL_SUFFIXES
from tellapart.cli.terminal.console import command, error_as_dict, note, report_error, say_json
from tellapart.cli.terminal.interruption import Interruption
from tellapart.cli.terminal.progress import ProgressListener
from tellapart.cli.terminal.training_report import introduce, report_finished, trained_as_dict
from tellapart.data.sources.catalog import find_known
from tellapart.errors import ConfigError, SaveError
from tellapart.paths import real_path
from tellapart.recipes.auto import AUTO, AUTO_CHOOSES
from tellapart.recipes.own_model import OWN_MODEL
from tellapart.recipes.recipes import find_recipe
from tellapart.runs.folder import existing_run_folder
from tellapart.runs.setup import TrainingSetup
from tellapart.runtime.team import place_from_environment

TUTORIAL_MODEL_NAME = "keras_first_cnn_test.h5"
"""What --save-to calls the file of first-cnn in a folder: the tutorial's model_name."""


def train_and_report(
    data: Any,
    settings: dict[str, Any],
    *,
    save_to: Path | None = None,
    as_json: bool = False,
    quiet: bool = False,
    is_demo: bool = False,
    began: float | None = None,
) -> int:
    """Train, and print how it goes.

    Args:
        data: as given.
        settings: keyword arguments of `tellapart.train`; None where not given.
        save_to: where to save the model besides its run folder.
        as_json: one JSON object instead of a report.
        quiet: no progress.
        is_demo: whether to say what the table's words mean, and what to try next.
        began: when the command did, in seconds of `time.monotonic`; a number of minutes counts from there.

    Returns:
        The exit code.
    """
    settings = {name: value for name, value in settings.items() if value is not None}
    settings = settings if began is None else with_deadline(settings, began)
    if (own := place_from_environment()) is not None and own.rank:
        train(data, **settings, listener=Listener())
        return 0
    refuse_settings_of_a_resumed_run(settings, data)
    targets = {} if save_to is None else model_targets(save_to, *recipe_and_data(data, settings))
    target: Path | None = None
    for place in targets.values():
        refuse_unwritable(place)
    failure: SaveError | None = None
    listener = ProgressListener(None if as_json else partial(introduce, is_demo=is_demo), quiet)
    try:
        with Interruption() as interruption, listener:
            listener.interruption = interruption
            result = train(data, **settings, listener=listener, should_stop=interruption.should_stop)
            if result.finished and targets:
                assert listener.setup is not None
                target = targets[listener.setup.config.recipe]
                try:
                    result.classifier.save(target)
                except SaveError as reason:  # reported after everything that succeeded
                    failure, target = reason, None
    except KeyboardInterrupt:
        return _report_stop(listener.setup, interruption, as_json, at_once=True)
    if not result.finished:
        return _report_stop(listener.setup, interruption, as_json, at_once=False)
    if as_json:
        error = {} if failure is None else error_as_dict("SaveError", str(failure), failure.exit_code)
        assert listener.setup is not None
        say_json({**trained_as_dict(listener.setup, result, target), **error})
    else:
        assert listener.setup is not None
        report_finished(listener.setup, result, target, is_demo)
    return 0 if failure is None else report_error(failure, as_json=False)


def _report_stop(
    setup: TrainingSetup | None, interruption: Interruption, as_json: bool, *, at_once: bool
) -> int:
    note(how_to_go_on(setup, at_once))
    if as_json:
        left = setup is not None and setup.folder.path.exists()
        say_json({"run": str(setup.folder.path) if setup and left else None, "finished": False})
    return interruption.exit_code


def how_to_go_on(setup: TrainingSetup | None, at_once: bool) -> str:
    """Return what is left of a stopped training, and the command that continues it."""
    if setup is None:
        return "Stopped before the training began."
    folder = setup.folder
    if not folder.path.exists():
        return "Stopped before anything was saved; the run folder was removed. Run the command again."
    if folder.has_checkpoint:
        saved = "Stopped; the last checkpoint is kept." if at_once else "Stopped; everything is saved."
    elif folder.model.exists():
        saved = "Stopped; the model is saved, its scores or its report are missing."
    else:
        saved = "Stopped before the first checkpoint; the run begins again from its start."
    return f"{saved} Continue with\n  {command('train', '--resume', folder.path)}"


def with_deadline(settings: dict[str, Any], began: float) -> dict[str, Any]:
    """Return the settings with the minutes as a deadline that began with the command, before anything was imported.

    Raises:
        ConfigError: no number of minutes.
    """
    if "minutes" not in settings:
        return settings
    return {**settings, "minutes": Deadline.of(settings["minutes"], began)}


def recipe_and_data(data: Any, settings: dict[str, Any]) -> tuple[str, str]:
    """Return the names of a training's recipe and data, before either is opened.

    Raises:
        ConfigError: no such recipe, or a run folder without settings.
        DataError: no such run folder.
    """
    if "resume" in settings:
        config, saved = existing_run_folder(settings["resume"]).read_settings()
        return config.recipe, saved["name"]
    if "config" in settings:
        repeat = repeated(settings["config"], data, settings.get("labels"))
        recipe, data = repeat.config.recipe, repeat.data
    else:
        recipe = settings.get("recipe", AUTO if "model" not in settings else OWN_MODEL)
    if recipe == AUTO:
        recipe = default_recipe(None if "minutes" in settings else settings.get("target"), settings)
    if recipe not in (AUTO, OWN_MODEL):
        find_recipe(recipe)
    if (known := find_known(str(data))) is not None:
        return recipe, known.name
    path = real_path(str(data))
    return recipe, (path.name if os.path.isdir(path) else path.stem) or "pictures"


def model_targets(save_to: Path, recipe: str, data: str) -> dict[str, Path]:
    """Return the file that --save-to means, for each recipe that may be trained: all that `auto` may choose.

    Raises:
        ConfigError: it exists, or its suffix is not that of a model file.
    """
    return {
        name: model_target(save_to, name, data) for name in (AUTO_CHOOSES if recipe == AUTO else [recipe])
    }


def model_target(save_to: Path, recipe: str, data: str) -> Path:
    """Return the file that --save-to means; in a folder, one named after data and recipe.

    Raises:
        ConfigError: it exists, or its suffix is not that of a model file.
    """
    is_folder = os.path.isdir(save_to)  # False where we may not look; `refuse_unwritable` says so
    is_file_name = save_to.suffix in MODEL_SUFFIXES and not is_folder
    if save_to.suffix and not is_file_name and not is_folder:
        raise ConfigError(f"--save-to is a folder, or a file ending in .keras or .h5; got {save_to}.")
    name = TUTORIAL_MODEL_NAME if recipe == "first-cnn" else f"{data}-{recipe}.h5"
    target = save_to if is_file_name else save_to / name
    if os.path.exists(target):
        raise ConfigError(f"{target} already exists and is not overwritten. Choose another --save-to.")
    return target


def refuse_unwritable(target: Path) -> None:
    """Check before hours of training that `target` can be written; make its folder.

    Raises:
        ConfigError: it cannot.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as reason:
        raise ConfigError(
            f"{target} cannot be written ({reason.strerror or reason}). Choose another --save-to."
        ) from reason


def refuse_settings_of_a_resumed_run(settings: dict[str, Any], data: Any = None) -> None:
    """Refuse --recipe and --out beside --resume, and --labels without DATA; the API refuses the others.

    Raises:
        ConfigError: one of them is given.
    """
    for name in ("recipe", "out"):
        if "resume" in settings and name in settings:
            raise ConfigError(f"A resumed run keeps its folder and settings. Leave out --{name}.")
    if "resume" in settings and "labels" in settings and data is None:
        raise ConfigError(
            "A resumed run keeps its pictures and labels. Leave out --labels, or give DATA too if the pictures "
            "have moved."
        )
