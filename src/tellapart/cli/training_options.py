"""The options of `train` that no other command has. Defaults live in the recipes."""

from pathlib import Path
from typing import Annotated

import typer

from tellapart.cli.option_groups import grouped
from tellapart.cli.options import Precision, Switch

# How long

Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        help="Passes over the training pictures; with transfer, fine-tuning epochs. With --resume, epochs in all: "
        "the run goes on past its planned end. Default: set by the recipe.",
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        metavar="M",
        help="Time for the whole command with its report, such as 5 or 0.5: measures this machine, chooses recipe, "
        "size and epochs, forecasts the accuracy, and ends on time. With --target, ends at whichever comes first.",
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="63%|0.63",
        help="Stop once the validation accuracy reaches this value. Without --minutes, the default recipe is then "
        "fast.",
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        "--patience",
        metavar="N",
        help="Stop after N epochs without a better validation accuracy, and keep the best epoch; with transfer, in "
        "fine-tuning. Default: train all epochs.",
    ),
]

Processes = Annotated[
    int | None,
    typer.Option(
        "--processes",
        metavar="N",
        min=1,
        help="Train with N processes that share each batch, on cores or GPUs of this machine. For several machines, "
        "start the command with torchrun (docs/scaling.md). Default: one process, which uses all cores.",
    ),
]

# The optimizer and its loss

LearningRate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        help="Highest learning rate of the schedule; with transfer, in fine-tuning. Default: set by the recipe.",
    ),
]
Lr = Annotated[float | None, typer.Option("--lr", help="Same as --learning-rate.")]
Optimizer = Annotated[
    str | None,
    typer.Option(
        "--optimizer",
        metavar="sgd|adam|adamw|rmsprop|muon",
        help="Optimizer; with transfer, of fine-tuning. muon: fast, accurate and photos-from-scratch only. Another "
        "than the recipe's own gets a customary learning rate (see docs/settings.md). Default: set by the recipe.",
    ),
]
WeightDecay = Annotated[
    float | None,
    typer.Option(
        "--weight-decay",
        help="Share of each weight subtracted per step, times the learning rate; with transfer, in fine-tuning. "
        "Default: set by the recipe.",
    ),
]
LabelSmoothing = Annotated[
    float | None,
    typer.Option(
        "--label-smoothing",
        help="Share of each target that is spread over all classes, 0 to 1; with transfer, in fine-tuning. Default: "
        "set by the recipe.",
    ),
]
ClassWeight = Annotated[
    str | None,
    typer.Option(
        "--class-weight",
        metavar="balanced|FILE",
        help="How much each class counts in the loss. balanced: rare classes as much as common ones. FILE: CSV rows of "
        "class and weight, or a JSON object; a class that it does not name counts 1.",
    ),
]
Sampling = Annotated[
    str | None,
    typer.Option(
        "--sampling",
        metavar="shuffled|balanced",
        help="Pictures of an epoch, from scratch. balanced: as many of each class, so that pictures of rare classes "
        "come several times. Default: shuffled (each picture once).",
    ),
]

OF_OPTIMIZER = {
    "learning_rate": LearningRate,
    "lr": Lr,
    "optimizer": Optimizer,
    "weight_decay": WeightDecay,
    "label_smoothing": LabelSmoothing,
    "class_weight": ClassWeight,
    "sampling": Sampling,
}
"""Parameter -> option; names and values are those of `tellapart.train`."""

with_optimizer_options = grouped("of_optimizer", OF_OPTIMIZER, dict)
"""Gives a command these options; its parameter `of_optimizer` gets them by name, each None where it is not given."""

# Pretrained networks

Backbone = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        metavar="NAME|NAME=FILE|MODEL",
        help="Recipe transfer: the pretrained network. lite0 is installed with tellapart, lite2 is an extra. "
        "MobileNetV2, ResNet50 and others of keras.applications are downloaded by Keras, or read from NAME=FILE.h5. "
        "hub:PRESET is one of KerasHub (an extra). Or a model of your own: a run folder, a .keras or .h5 file, cifar10 "
        "or digits. Default: lite0.",
    ),
]
FineTune = Annotated[
    Switch | None,
    typer.Option(
        "--fine-tune",
        help="Recipe transfer: train the pretrained network further, and keep the result if it is better on validation "
        "pictures. Default: auto (where there are enough of them, and it does not take too long).",
    ),
]
Freeze = Annotated[
    str | None,
    typer.Option(
        "--freeze",
        metavar="all|none|all-but-N",
        help="Recipe transfer: the part of the pretrained network that stays as it is. all: only a last layer is "
        "trained. none: all of it is fine-tuned. all-but-N: its N topmost stages are. Default: all-but-4, where "
        "fine-tuning helps (--fine-tune auto).",
    ),
]

# The data

NoAugment = Annotated[bool, typer.Option("--no-augment", help="Train without augmentation.")]
ValidationShare = Annotated[
    float | None,
    typer.Option(
        "--validation-share",
        help="Fraction of the training pictures held out for validation, 0 to 1. Default: set by the recipe.",
    ),
]
TestShare = Annotated[
    float | None,
    typer.Option(
        "--test-share",
        help="Fraction of the pictures held out as the test set if the data has none. Default: 0.2.",
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="BYTES",
        help="Memory for decoded pictures, such as 1GiB; the rest go into a file in the cache folder. Default: 2GiB.",
    ),
]

# The run

TrainPrecision = Annotated[
    Precision | None,
    typer.Option(
        "--precision",
        help="Numeric precision for training. Default: auto (bfloat16 if it is faster on this processor).",
    ),
]
Predictions = Annotated[
    int | None,
    typer.Option("--predictions", help="How many test predictions to show at the end. Default: 20."),
]
SaveTo = Annotated[
    Path | None,
    typer.Option(
        "--save-to",
        metavar="PATH",
        help="Save the model here too: a .keras or .h5 file; or a folder, in which it becomes "
        "DATA-RECIPE.h5 (keras_first_cnn_test.h5 for first-cnn).",
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume",
        metavar="RUN",
        help="Resume a stopped run, with its original data and settings; with --epochs N, past its planned end.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="RUN|run.toml",
        help="Repeat a run: all its settings, and its data if no DATA is given. Options beside it change it.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change any setting, dotted where it is below another: --set optimizer.momentum=0.8. docs/settings.md "
        "lists all. Can be repeated.",
    ),
]
