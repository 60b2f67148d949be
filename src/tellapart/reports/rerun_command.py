"""Repeat: the command that makes a run again."""

import shlex
from collections.abc import Mapping
from typing import Any

from tellapart.errors import ConfigError
from tellapart.recipes.adapt import adapted_to, for_target
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.recipes import find_recipe

FLAGS = {
    "epochs": "--epochs",
    "batch_size": "--batch-size",
    "seed": "--seed",
    "precision": "--precision",
    "policy": "--policy",
    "validation_share": "--validation-share",
    "test_share": "--test-share",
    "predictions": "--predictions",
}
"""Fields of a Run that the command line changes, and by which option."""


def repeating(run: TrainConfig, data: Mapping[str, Any], pictures: int) -> str | None:
    """The `tellapart train` command of a run; None where no command makes it, only Python.

    Args:
        run: as it was.
        data: what run.toml says of the data.
        pictures: in the training split before validation was held out.
    """
    if "argument" not in data:
        return None
    try:
        recipe = find_recipe(run.recipe)
    except ConfigError:
        return None
    for mirrors in (True, False):
        begun = adapted_to(recipe(mirrors=mirrors), pictures)
        begun = begun if run.target is None else for_target(begun, run.target, pictures)
        command = _differing(begun, run)
        if command is not None:
            words = ["tellapart", "train", data["argument"], "--recipe", run.recipe, *command]
            words += ["--labels", data["labels"]] if "labels" in data else []
            return shlex.join(words)
    return None


def _differing(begun: TrainConfig, run: TrainConfig) -> list[str] | None:
    """Options that make `run` of `begun`; None where there are none that do."""
    options = [] if run.target is None else ["--target", f"{100 * run.target:g}%"]
    before, after = begun.to_dict(), run.to_dict()
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) == after.get(name):
            continue
        if name in FLAGS and name in after:
            options += [FLAGS[name], str(after[name])]
        elif name == "size" and name in after:
            options += ["--size", "x".join(map(str, after[name]))]
        elif name == "augmentation" and name not in after:
            options.append("--no-augment")
        else:
            return None
    return options
