"""The command `train`."""

from typing import Any

import typer

from tellapart.cli import options
from tellapart.cli.augment import Augment, parse_augment
from tellapart.cli.label_options import with_label_options
from tellapart.cli.own_model_options import with_own_model_options
from tellapart.cli.terminal.startup import importing

AS_GIVEN = (
    "recipe", "epochs", "batch_size", "learning_rate", "backbone", "seed", "resume", "validation_share", "test_share",
    "labels", "predictions", "memory", "out",
)  # fmt: skip
"""Options that `tellapart.train` takes as they are."""


@with_own_model_options
@with_label_options
def train(
    data: options.TrainData = None,
    recipe: options.Recipe = None,
    own: Any = None,
    target: options.Target = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    backbone: options.Backbone = None,
    fine_tune: options.FineTune = None,
    seed: options.Seed = None,
    augment: Augment = None,
    no_augment: options.NoAugment = False,
    precision: options.TrainPrecision = None,
    resume: options.Resume = None,
    size: options.Size = None,
    policy: options.PolicyOption = None,
    validation_share: options.ValidationShare = None,
    test_share: options.TestShare = None,
    labels: Any = None,
    predictions: options.Predictions = None,
    memory: options.Memory = None,
    out: options.Out = None,
    save_to: options.SaveTo = None,
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
    given = locals()
    with importing():
        from tellapart.cli.terminal.training import train_and_report

    options.refuse_empty(data)
    settings = {name: given[name] for name in AS_GIVEN} | {
        "target": None if target is None else options.parse_target(target),
        "fine_tune": fine_tune and fine_tune.value,
        "augment": parse_augment(augment, no_augment),
        "precision": precision and precision.value,
        "size": size and options.parse_size(size),
        "policy": policy and policy.value,
        **own,
    }
    raise typer.Exit(train_and_report(data, settings, save_to=save_to, as_json=as_json, quiet=quiet))
