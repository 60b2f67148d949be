"""The command `tune`."""

from typing import Any

import typer

from tellapart.cli import options, training_options, tune_options
from tellapart.cli.augment import Augment, parse_augment
from tellapart.cli.label_options import with_label_options
from tellapart.cli.terminal.startup import importing

AS_GIVEN = (
    "minutes", "trials", "recipe", "jobs", "out", "resume", "storage", "epochs", "patience", "batch_size", "backbone",
    "freeze", "seed", "config", "validation_share", "test_share", "labels",
)  # fmt: skip
"""Options that `tellapart.tune` takes as they are."""


@with_label_options
@training_options.with_optimizer_options
def tune(
    data: options.TrainData = None,
    minutes: tune_options.Minutes = None,
    trials: tune_options.Trials = None,
    space: tune_options.Space = None,
    recipe: options.Recipe = None,
    jobs: tune_options.Jobs = 1,
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
    config: training_options.ConfigFile = None,
    set_fields: training_options.Set = None,
    size: options.Size = None,
    policy: options.PolicyOption = None,
    validation_share: training_options.ValidationShare = None,
    test_share: training_options.TestShare = None,
    labels: Any = None,
    out: tune_options.TuningOut = None,
    resume: tune_options.ResumeTuning = None,
    storage: tune_options.Storage = None,
    opens: options.OpenPage = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Search for better settings of a recipe (extra: tune).

    Each trial is a training scored on held-out pictures; the first is the recipe as it is. The best one and the untuned
    recipe are scored on the test pictures at the end, once. Settings that are given are not searched. Stopped or
    killed, the same command goes on; several may work on one folder.

    \b
    Examples:
      tellapart tune photos/ --minutes 30
      tellapart tune cifar10 --recipe fast --trials 30 --jobs 4 --out tunings/fast
      tellapart tune photos/ --trials 20 --space learning_rate=1e-4..1e-1:log

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 3 unusable data,
    4 missing optional package, 129 closed terminal, 130 Ctrl-C, 143 SIGTERM
    """
    given = {**locals(), "set": set_fields}
    with importing():
        from tellapart.cli.terminal.tuning import tune_and_report

    options.refuse_empty(data)
    settings = _settings(given)
    raise typer.Exit(tune_and_report(data, settings, as_json=as_json, quiet=quiet, opens=opens))


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of `tellapart.tune` from the options; None is left out."""
    augment = parse_augment(given["augment"], given["no_augment"])
    settings = {
        **{name: given[name] for name in (*AS_GIVEN, "set")},
        **{name: given[name] and given[name].value for name in ("fine_tune", "precision", "policy")},
        **given["of_optimizer"],
        "space": tune_options.parse_space(given["space"]),
        "size": given["size"] and options.parse_size(given["size"]),
        "augment": augment,
    }
    return {name: value for name, value in settings.items() if value is not None}
