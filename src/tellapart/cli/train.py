"""The command `train`."""

import os
import sys
import time
from typing import Any

import typer

from tellapart.cli import options, run_options, training_options
from tellapart.cli.augment import Augment, parse_augment
from tellapart.cli.label_options import with_label_options
from tellapart.cli.own_model_options import with_own_model_options
from tellapart.cli.terminal.launch import ending_for_good, launch
from tellapart.cli.terminal.startup import importing

AS_GIVEN = (
    "recipe", "minutes", "epochs", "patience", "batch_size", "backbone", "freeze", "seed", "resume", "config",
    "validation_share", "test_share", "labels", "predictions", "memory", "out", "log", "set",
)  # fmt: skip
"""Options that `tellapart.train` takes as they are."""


@with_own_model_options
@with_label_options
@training_options.with_optimizer_options
def train(
    data: options.TrainData = None,
    recipe: options.Recipe = None,
    own: Any = None,
    target: training_options.Target = None,
    minutes: training_options.Minutes = None,
    epochs: training_options.Epochs = None,
    patience: training_options.Patience = None,
    batch_size: options.BatchSize = None,
    of_optimizer: Any = None,
    backbone: training_options.Backbone = None,
    fine_tune: training_options.FineTune = None,
    freeze: training_options.Freeze = None,
    seed: options.Seed = None,
    augment: Augment = None,
    no_augment: training_options.NoAugment = False,
    precision: training_options.TrainPrecision = None,
    processes: training_options.Processes = None,
    resume: training_options.Resume = None,
    config: training_options.ConfigFile = None,
    set_fields: training_options.Set = None,
    size: options.Size = None,
    policy: options.PolicyOption = None,
    validation_share: training_options.ValidationShare = None,
    test_share: training_options.TestShare = None,
    labels: Any = None,
    predictions: training_options.Predictions = None,
    memory: training_options.Memory = None,
    out: options.Out = None,
    log: run_options.Log = None,
    save_to: training_options.SaveTo = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a classifier on labeled pictures.

    For photos, trains a new last layer on a pretrained network; for large sets of small pictures, trains from
    scratch. Validates on held-out pictures, scores the model on test pictures at the end, and saves everything in a run
    folder. Ctrl-C saves and stops; --resume continues.

    \b
    Example:
      tellapart train photos/ --out runs/photos

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 3 unusable data,
    4 missing optional package, 129 closed terminal, 130 Ctrl-C, 143 SIGTERM
    """
    began = time.monotonic()
    given = {**locals(), **own, "set": set_fields}
    options.refuse_empty(data)
    if (processes or 1) > 1 and "RANK" not in os.environ:
        raise typer.Exit(launch(processes or 1, sys.argv[1:]))
    with importing():
        from tellapart.cli.terminal.training import train_and_report

    def run() -> int:
        settings = _settings(given)
        return train_and_report(data, settings, save_to=save_to, as_json=as_json, quiet=quiet, began=began)

    raise typer.Exit(ending_for_good(run, as_json=as_json))


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of `tellapart.train` from the options."""
    target, size = given["target"], given["size"]
    return {name: given[name] for name in AS_GIVEN} | {
        "target": None if target is None else options.parse_target(target),
        **{name: given[name] and given[name].value for name in ("fine_tune", "precision", "policy")},
        "augment": parse_augment(given["augment"], given["no_augment"]),
        "size": size and options.parse_size(size),
        **given["of_optimizer"],
        **given["own"],
    }
