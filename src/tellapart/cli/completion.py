"""What a shell offers when a value is completed: recipes, data sets, models, backbones, run folders, trackers.

A shell asks at every Tab, so nothing heavy is imported here: names that live beside heavy code are repeated, and
`tests/cli/test_completion.py` holds them against it. Where nothing is offered, the shell completes file names.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tellapart.cli import options, run_options, training_options, tune_options

RECIPES = ("transfer", "fast", "quick", "accurate", "best", "photos-from-scratch", "first-cnn")
BACKBONES = (
    "lite0", "lite2", "MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "EfficientNetB0",
    "EfficientNetB1", "EfficientNetB2", "EfficientNetB3", "EfficientNetB4", "EfficientNetB5", "EfficientNetB6",
    "EfficientNetB7", "EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2", "EfficientNetV2B3",
    "EfficientNetV2S", "EfficientNetV2M", "EfficientNetV2L", "ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase",
    "ConvNeXtLarge", "ConvNeXtXLarge", "ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19", "DenseNet121",
    "DenseNet169", "DenseNet201", "ResNet50V2", "ResNet101V2", "ResNet152V2", "InceptionV3", "InceptionResNetV2",
    "Xception", "NASNetLarge",
)  # fmt: skip
"""Of keras.applications and installed packages; hub: presets are too many."""

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "muon")

RUNS = "runs"
"""Where `train` makes run folders."""

TUNINGS = "tunings"
"""Where `tune` makes its folders."""

MOST_FOLDERS = 1_000
"""Entries of a folder that are looked at."""

Completer = Callable[[str], list[str]]
"""What is typed so far -> what it may become; typer hands it over by the name `incomplete`."""


def recipes(incomplete: str) -> list[str]:
    """Offer recipes."""
    return _beginning(incomplete, ("auto", *RECIPES))


def optimizers(incomplete: str) -> list[str]:
    """Offer optimizers."""
    return _beginning(incomplete, OPTIMIZERS)


def class_weights(incomplete: str) -> list[str]:
    """Offer the one word that stands for class weights; files are the shell's."""
    return _beginning(incomplete, ("balanced",))


def models_or_recipes(incomplete: str) -> list[str]:
    """Offer recipes, built-in models and run folders."""
    return _beginning(incomplete, (*RECIPES, *_built_in())) + run_folders(incomplete)


def data(incomplete: str) -> list[str]:
    """Offer known data sets; beside them, folders and files of the current folder that begin alike."""
    known = known_sets(incomplete)
    return known and known + _entries(incomplete)


def known_sets(incomplete: str) -> list[str]:
    """Offer known data sets."""
    from tellapart.data.sources.catalog import KNOWN_SETS

    return _beginning(incomplete, KNOWN_SETS)


def models(incomplete: str) -> list[str]:
    """Offer built-in models and run folders; beside a built-in model, what begins alike in the current folder."""
    names = _beginning(incomplete, _built_in())
    return names + run_folders(incomplete) + (_entries(incomplete) if names else [])


def backbones(incomplete: str) -> list[str]:
    """Offer pretrained networks, built-in models and run folders."""
    return _beginning(incomplete, (*BACKBONES, *_built_in()[1:])) + run_folders(incomplete)


def run_folders(incomplete: str) -> list[str]:
    """Offer the run folders in `runs`, or in the folder that is typed."""
    folder = os.path.dirname(incomplete) or RUNS
    return [path for path in _run_folders_in(folder) if path.startswith(incomplete)]


def runs_to_resume(incomplete: str) -> list[str]:
    """Offer the run folders that --resume continues; finished ones, which need more --epochs, come last."""
    return sorted(run_folders(incomplete), key=_is_finished)


def tunings(incomplete: str) -> list[str]:
    """Offer the folders of tunings in `tunings`, or in the folder that is typed."""
    folder = os.path.dirname(incomplete) or TUNINGS
    paths = [os.path.join(folder, name) for name in _listed(folder)]
    begun = [path for path in paths if os.path.isfile(os.path.join(path, "tuning.toml"))]
    return [path for path in begun if path.startswith(incomplete)]


def trackers(incomplete: str) -> list[str]:
    """Offer trackers; after a comma, one more."""
    from tellapart.trackers.registry import NONE, TRACKERS

    given, comma, begun = incomplete.rpartition(",")
    left = [name for name in (*TRACKERS, *([] if comma else [NONE])) if name not in given.split(",")]
    return [f"{given}{comma}{name}" for name in _beginning(begun, left)]


def _built_in() -> tuple[str, ...]:
    from tellapart.models.pretrained import NAMES

    return NAMES


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.lower().startswith(incomplete.lower())]


def _entries(incomplete: str) -> list[str]:
    """Return what lies in the current folder and begins alike; hidden files only where a dot is typed."""
    if not incomplete or os.sep in incomplete:
        return []
    return [name for name in _listed(".") if name.startswith(incomplete)]


def _run_folders_in(folder: str) -> list[str]:
    paths = [os.path.join(folder, name) for name in _listed(folder)]
    return [path for path in paths if os.path.isfile(os.path.join(path, "run.toml"))]


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))[:MOST_FOLDERS]
    except OSError:
        return []


def _is_finished(run: str) -> bool:
    try:
        return b'"event": "Scored"' in Path(run, "log.jsonl").read_bytes()
    except OSError:
        return False


COMPLETED: tuple[tuple[Any, Completer], ...] = (
    (options.Model, models),
    (options.ModelOrRecipe, models_or_recipes),
    (options.ModelAndPictures, models),
    (options.TrainData, data),
    (options.EvaluateData, data),
    (options.CheckData, data),
    (options.SetName, known_sets),
    (options.SetOrFolder, data),
    (options.Recipe, recipes),
    (options.BenchRecipe, recipes),
    (training_options.Backbone, backbones),
    (training_options.Resume, runs_to_resume),
    (training_options.Optimizer, optimizers),
    (training_options.ClassWeight, class_weights),
    (training_options.ConfigFile, run_folders),
    (tune_options.ResumeTuning, tunings),
    (run_options.Log, trackers),
    (run_options.Runs, run_folders),
    (run_options.RunFolders, run_folders),
)
"""Arguments and options, and who completes them."""


def attach() -> None:
    """Let typer complete the values of `COMPLETED`; before a command is built from them."""
    for declared, completer in COMPLETED:
        (info,) = declared.__metadata__
        info.autocompletion = completer
