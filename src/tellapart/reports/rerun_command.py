"""Rerun command: the `tellapart train` line that makes a run again."""

import shlex
from collections.abc import Mapping
from itertools import product
from typing import Any

from tellapart.data.augmentation.spec import write_spec
from tellapart.data.sources.label_choice import RECORDED
from tellapart.errors import ConfigError
from tellapart.recipes.adapt import (
    OF_FINE_TUNING,
    adapted_to,
    changed,
    for_target,
    held_out_for_transfer,
    with_several_labels,
    without_augmentation,
)
from tellapart.recipes.augmented import augmentation_of, with_augmentation
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.recipes import DEMO_CHANGES, DEMO_EPOCHS, find_recipe, quick

OPTIONS = {
    "backbone": "--backbone",
    "fine_tune": "--fine-tune",
    "epochs": "--epochs",
    "batch_size": "--batch-size",
    "learning_rate": "--learning-rate",
    "seed": "--seed",
    "precision": "--precision",
    "policy": "--policy",
    "validation_share": "--validation-share",
    "test_share": "--test-share",
    "predictions": "--predictions",
}
"""Setting of a training -> the option of the command line that sets it."""


def rerun_command(config: TrainConfig, data: Mapping[str, Any], images: int) -> str | None:
    """Return the command that makes a run again; None where only Python can.

    Args:
        config: the run's.
        data: the table `data` of run.toml.
        images: in the training split, before validation images were held out.
    """
    if "argument" not in data:
        return None
    if _is_demo(config, data, images):
        return "tellapart demo"
    try:
        recipe = find_recipe(config.recipe)
    except ConfigError:
        return None
    candidates: list[list[str]] = []
    for has_validation, mirrors in product((False, True), (True, False)):
        default = adapted_to(recipe(mirrors=mirrors), images, has_validation=has_validation)
        default = default if config.target is None else for_target(default, config.target, images)
        options = _options(default, config, images)
        candidates += [] if options is None else [options]
    if not candidates:
        return None
    shortest: list[str] = min(
        candidates, key=len
    )  # what the data decides, such as mirroring, needs no option
    words = ["tellapart", "train", data["argument"], "--recipe", config.recipe, *shortest]
    for name in (name for name in RECORDED if name in data):
        words += [_option(name)] if data[name] is True else [_option(name), str(data[name])]
    return shlex.join(words)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _is_demo(config: TrainConfig, data: Mapping[str, Any], images: int) -> bool:
    demo = adapted_to(quick(mirrors=False), images).changed(epochs=DEMO_EPOCHS, **DEMO_CHANGES)
    return data["argument"] == "digits" and config == demo


def _options(default: TrainConfig, config: TrainConfig, images: int) -> list[str] | None:
    """Return the options that turn `default` into `config`; None where no options do."""
    options = [] if config.target is None else ["--target", f"{100 * config.target:g}%"]
    of_fine_tuning = _of_fine_tuning(default, config)
    options += [word for name, value in of_fine_tuning.items() for word in (OPTIONS[name], str(value))]
    default = changed(default, of_fine_tuning)
    if config.fine_tune == "on" and config.head is not None:
        options += [] if of_fine_tuning else ["--fine-tune", "on"]
        default = default.changed(fine_tune="on")
    if config.head is not None:
        default = held_out_for_transfer(default, images, None)
        if config.validation == "held out" and default.validation != "held out":
            options += ["--validation-share", str(config.validation_share)]
            default = held_out_for_transfer(default, images, config.validation_share)
    if config.head is None and type(config.optimizer) is type(default.optimizer):
        rate = config.optimizer.learning_rate
        if (
            rate > 0
            and changed(default, {"learning_rate": rate}).optimizer == config.optimizer != default.optimizer
        ):
            options += [OPTIONS["learning_rate"], str(rate)]
            default = changed(default, {"learning_rate": rate})
    plain = without_augmentation(default)
    if plain != default and _is_plain(config):
        options.append("--no-augment")
        default = plain
    if spec := write_spec(augmentation_of(config), augmentation_of(default)):
        options += ["--augment", spec]
        default = with_augmentation(default, spec)
    default = with_several_labels(default) if config.multi_label else default
    before, after = default.to_dict(), config.to_dict()
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) == after.get(name):
            continue
        if name in OPTIONS and name in after:
            options += [OPTIONS[name], str(after[name])]
        elif name == "size" and name in after:
            options += ["--size", "x".join(map(str, after[name]))]
        else:
            return None
    return options


def _of_fine_tuning(default: TrainConfig, config: TrainConfig) -> dict[str, Any]:
    """Return what somebody gave for fine-tuning."""
    if default.fine_tuning is None or config.fine_tuning is None:
        return {}
    given, before = (
        {
            name: getattr(tuning.optimizer if name == "learning_rate" else tuning, name)
            for name in OF_FINE_TUNING
        }
        for tuning in (config.fine_tuning, default.fine_tuning)
    )
    return {name: value for name, value in given.items() if value != before[name]}


def _is_plain(config: TrainConfig) -> bool:
    """Return whether nothing is augmented."""
    tuning = config.fine_tuning
    return config.augmentation is None and (tuning is None or tuning.augmentation is None)
