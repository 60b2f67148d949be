"""Rerun command: the `tellapart train` line that makes a run again."""

import shlex
from collections.abc import Mapping
from itertools import product
from typing import Any

from tellapart.errors import ConfigError
from tellapart.recipes.adapt import adapted_to, for_fine_tuning, for_target
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.recipes import find_recipe

OPTIONS = {
    "backbone": "--backbone",
    "fine_tune": "--fine-tune",
    "epochs": "--epochs",
    "batch_size": "--batch-size",
    "seed": "--seed",
    "precision": "--precision",
    "policy": "--policy",
    "validation_share": "--validation-share",
    "test_share": "--test-share",
    "predictions": "--predictions",
}
"""Field of a TrainConfig -> the option of the command line that sets it."""


def rerun_command(config: TrainConfig, data: Mapping[str, Any], images: int) -> str | None:
    """Return the command that makes a run again; None where only Python can.

    Args:
        config: the run's.
        data: the table `data` of run.toml.
        images: in the training split, before validation images were held out.
    """
    if "argument" not in data:
        return None
    try:
        recipe = find_recipe(config.recipe)
    except ConfigError:
        return None
    for has_validation, mirrors in product((False, True), (True, False)):
        default = adapted_to(recipe(mirrors=mirrors), images, has_validation=has_validation)
        default = default if config.target is None else for_target(default, config.target, images)
        default = for_fine_tuning(default, images) if config.fine_tune == "on" else default
        options = _options(default, config)
        if options is not None:
            words = ["tellapart", "train", data["argument"], "--recipe", config.recipe, *options]
            words += ["--labels", data["labels"]] if "labels" in data else []
            return shlex.join(words)
    return None


def _options(default: TrainConfig, config: TrainConfig) -> list[str] | None:
    """Return the options that turn `default` into `config`; None where no options do."""
    options = [] if config.target is None else ["--target", f"{100 * config.target:g}%"]
    before, after = default.to_dict(), config.to_dict()
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) == after.get(name):
            continue
        if name in OPTIONS and name in after:
            options += [OPTIONS[name], str(after[name])]
        elif name == "size" and name in after:
            options += ["--size", "x".join(map(str, after[name]))]
        elif name == "augmentation" and name not in after:
            options.append("--no-augment")
        else:
            return None
    return options
