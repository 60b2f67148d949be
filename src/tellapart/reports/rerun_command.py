"""Rerun command: the `tellapart train` line that makes a run again."""

import dataclasses
import shlex
from collections.abc import Mapping
from itertools import product
from typing import Any

from tellapart.data.augmentation.spec import write_spec
from tellapart.data.sources.label_choice import RECORDED
from tellapart.errors import ConfigError
from tellapart.models.networks import OWN
from tellapart.recipes.adapt import (
    OF_FINE_TUNING,
    OF_OPTIMIZER,
    adapted_to,
    changed,
    for_target,
    held_out_for_transfer,
    with_several_labels,
    without_augmentation,
)
from tellapart.recipes.augmented import augmentation_of, with_augmentation
from tellapart.recipes.compiled import CompiledSettings
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.own_model import own_config
from tellapart.recipes.recipes import DEMO_CHANGES, DEMO_EPOCHS, find_recipe, quick
from tellapart.recipes.set_fields import with_fields

OPTIONS = {
    "backbone": "--backbone",
    "fine_tune": "--fine-tune",
    "epochs": "--epochs",
    "batch_size": "--batch-size",
    "learning_rate": "--learning-rate",
    "weight_decay": "--weight-decay",
    "label_smoothing": "--label-smoothing",
    "patience": "--patience",
    "sampling": "--sampling",
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
    if config.network == OWN:
        return _of_own_model(config, data, images)
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
        default = with_several_labels(default) if config.multi_label else default
        options = _options(default, config, images)
        candidates += [] if options is None else [options]
    if not candidates:
        return None
    shortest: list[str] = min(
        candidates, key=len
    )  # what the data decides, such as mirroring, needs no option
    return _command(data, ["--recipe", config.recipe, *shortest])


def _of_own_model(config: TrainConfig, data: Mapping[str, Any], images: int) -> str | None:
    """Return the command for a model from a file; None for one from memory, or with callbacks."""
    own = data.get("own", {})
    if not own.get("file") or own.get("callbacks"):
        return None
    compiled = config.optimizer if isinstance(config.optimizer, CompiledSettings) else None
    fixed: dict[str, Any] = {"size": config.size, "target": config.target}
    if compiled is not None:
        fixed["label_smoothing"] = config.label_smoothing
    candidates = []
    for mirrors in (True, False):
        default = dataclasses.replace(own_config(mirrors, True, None, {}, compiled, ()), **fixed)
        options = _options(default, config, images)
        candidates += [] if options is None else [options]
    if not candidates:
        return None
    options = ["--model", own["file"], *min(candidates, key=len)]
    if own.get("pixels_source") == "given":
        options += ["--pixels", own["pixels"]]
    if own.get("size_source") == "given" and config.size is not None:
        options += ["--size", "x".join(map(str, config.size))]
    if compiled is not None and compiled.schedule == "constant":
        options += ["--learning-rate", str(compiled.learning_rate)]  # it may have been given
    return _command(data, options)


def _command(data: Mapping[str, Any], options: list[str]) -> str:
    words = ["tellapart", "train", data["argument"], *options]
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
    try:
        return _options_that_fit(default, config, images)
    except ConfigError:  # of settings that cannot be changed in `default`
        return None


def _options_that_fit(default: TrainConfig, config: TrainConfig, images: int) -> list[str] | None:
    weights = config.class_weight
    if weights is not None and weights.origin == "given" and weights.file is None:
        return None  # they were given in Python
    options = [] if config.target is None else ["--target", f"{100 * config.target:g}%"]
    if weights is not None:
        options += ["--class-weight", weights.file or weights.origin]
        default = default.changed(class_weight=weights)
    if (optimizer := _other_optimizer(default, config)) is not None:
        options += ["--optimizer", optimizer]
        default = changed(default, {"optimizer": optimizer})
    of_part = _of_transfer if config.head is not None else _of_scratch
    more, default = of_part(default, config, images)
    options += more
    plain = without_augmentation(default)
    if plain != default and _is_plain(config):
        options.append("--no-augment")
        default = plain
    if spec := write_spec(augmentation_of(config), augmentation_of(default)):
        options += ["--augment", spec]
        default = with_augmentation(default, spec)
    rest = _differences(default.to_dict(), config.to_dict())
    if with_fields(default, rest) != config:
        return None
    for name, value in sorted(rest.items()):
        if name in OPTIONS and value is not None:
            options += [OPTIONS[name], str(value)]
        elif name == "size" and value is not None:
            options += ["--size", "x".join(map(str, value))]
        else:
            options += ["--set", f"{name}={_text(value)}"]
    return options


def _of_transfer(default: TrainConfig, config: TrainConfig, images: int) -> tuple[list[str], TrainConfig]:
    """Return a transfer's own options, and the configuration that they make of `default`."""
    of_fine_tuning = _of_fine_tuning(default, config)
    options = [word for name, value in of_fine_tuning.items() for word in (OPTIONS[name], str(value))]
    default = changed(default, of_fine_tuning)
    if config.fine_tune == "on":
        options += [] if of_fine_tuning else ["--fine-tune", "on"]
        default = default.changed(fine_tune="on")
    default = held_out_for_transfer(default, images, None)
    if config.validation == "held out" and default.validation != "held out":
        options += ["--validation-share", str(config.validation_share)]
        default = held_out_for_transfer(default, images, config.validation_share)
    return options, default


def _of_scratch(default: TrainConfig, config: TrainConfig, _images: int) -> tuple[list[str], TrainConfig]:
    """Return the options of a training from scratch, and the configuration that they make of `default`."""
    options = []
    rate = config.optimizer.learning_rate
    if (
        rate > 0
        and changed(default, {"learning_rate": rate}).optimizer == config.optimizer != default.optimizer
    ):
        options += [OPTIONS["learning_rate"], str(rate)]
        default = changed(default, {"learning_rate": rate})
    if config.patience is not None:
        options += [OPTIONS["patience"], str(config.patience)]
        default = changed(default, {"patience": config.patience})
    return options, default


def _other_optimizer(default: TrainConfig, config: TrainConfig) -> str | None:
    """Return the name of a run's optimizer where it is not the recipe's own; None where it is."""
    own, ours = (
        each.optimizer if each.fine_tuning is None else each.fine_tuning.optimizer
        for each in (default, config)
    )
    return None if own.name == ours.name else ours.name.lower()


def _differences(before: Mapping[str, Any], after: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return the fields of plain settings that differ, by their dotted names; None where one was left out."""
    found: dict[str, Any] = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if isinstance(new, Mapping):
            found |= _differences(old or {}, new, f"{above}{name}.")
        elif old != new:
            found[f"{above}{name}"] = new
    return found


def _text(value: Any) -> str:
    """Return a setting as --set reads it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return ":".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _of_fine_tuning(default: TrainConfig, config: TrainConfig) -> dict[str, Any]:
    """Return what somebody gave for fine-tuning."""
    if default.fine_tuning is None or config.fine_tuning is None:
        return {}
    given, before = (
        {
            name: getattr(tuning.optimizer if name in OF_OPTIMIZER else tuning, name)
            for name in OF_FINE_TUNING
            if name != "optimizer"
        }
        for tuning in (config.fine_tuning, default.fine_tuning)
    )
    return {name: value for name, value in given.items() if value is not None and value != before[name]}


def _is_plain(config: TrainConfig) -> bool:
    """Return whether nothing is augmented."""
    tuning = config.fine_tuning
    return config.augmentation is None and (tuning is None or tuning.augmentation is None)
