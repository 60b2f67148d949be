"""The table of settings: each option of `train`, its Python form and the field of the configuration that it sets.

    python scripts/settings_table.py          # rewrites docs/settings.md

`tests/cli/test_settings.py` runs every row: the option and the keyword set the field to the same value.
"""

import ast
import dataclasses
import inspect
import itertools
import typing
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin

import typer.main

from tellapart.cli.main import app
from tellapart.data.augmentation.settings import Augmentation
from tellapart.files import write_text
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.forms import OPTIMIZERS, WARMUP
from tellapart.recipes.optimizer_settings import MuonSettings, OptimizerSettings
from tellapart.recipes.set_fields import BY_OPTIONS
from tellapart.recipes.transfer_settings import FineTuning, HeadSettings

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"


class Row(NamedTuple):
    """One option: how it is written, in both ways, and what it changes."""

    option: str
    """As in `--help`, its longest name."""

    written: str
    """An example of its value on the command line; empty for a switch."""

    keyword: str
    """Of `tellapart.train`."""

    value: Any
    """The same example in Python."""

    fields: dict[str, Any]
    """Field of the configuration, dotted -> what it becomes."""

    recipe: str | None = "quick"
    """Recipe that the example is for; None: the option chooses it."""


ROWS = (
    Row("--recipe", "fast", "recipe", "fast", {"recipe": "fast"}, None),
    Row("--epochs", "25", "epochs", 25, {"epochs": 25}),
    Row("--epochs", "25", "epochs", 25, {"fine_tuning.epochs": 25, "fine_tune": "on"}, "transfer"),
    Row("--target", "63%", "target", 0.63, {"target": 0.63}),
    Row("--patience", "5", "patience", 5, {"patience": 5, "keep": "best"}, "fast"),
    Row("--patience", "5", "patience", 5, {"fine_tuning.patience": 5}, "transfer"),
    Row("--batch-size", "64", "batch_size", 64, {"batch_size": 64}),
    Row("--batch-size", "64", "batch_size", 64, {"fine_tuning.batch_size": 64}, "transfer"),
    Row("--learning-rate", "0.003", "learning_rate", 0.003, {"optimizer.learning_rate": 0.003}),
    Row("--lr", "0.003", "lr", 0.003, {"optimizer.learning_rate": 0.003}),
    Row("--lr", "0.003", "lr", 0.003, {"fine_tuning.optimizer.learning_rate": 0.003}, "transfer"),
    Row("--optimizer", "sgd", "optimizer", "sgd", {"optimizer.name": "SGD", "optimizer.momentum": 0.9}),
    Row("--optimizer", "adamw", "optimizer", "adamw", {"optimizer.name": "Adam", "optimizer.weight_decay": 0.004}),
    Row("--optimizer", "rmsprop", "optimizer", "rmsprop", {"fine_tuning.optimizer.name": "RMSprop"}, "transfer"),
    Row("--weight-decay", "0.01", "weight_decay", 0.01, {"optimizer.weight_decay": 0.01}),
    Row("--weight-decay", "0.01", "weight_decay", 0.01, {"fine_tuning.optimizer.weight_decay": 0.01}, "transfer"),
    Row("--label-smoothing", "0.1", "label_smoothing", 0.1, {"label_smoothing": 0.1}),
    Row("--label-smoothing", "0.1", "label_smoothing", 0.1, {"fine_tuning.label_smoothing": 0.1}, "transfer"),
    Row("--class-weight", "balanced", "class_weight", "balanced", {"class_weight.origin": "balanced"}),
    Row("--sampling", "balanced", "sampling", "balanced", {"sampling": "balanced"}),
    Row("--backbone", "lite2", "backbone", "lite2", {"backbone": "lite2"}, "transfer"),
    Row("--fine-tune", "off", "fine_tune", "off", {"fine_tune": "off"}, "transfer"),
    Row("--freeze", "all", "freeze", "all", {"fine_tune": "off"}, "transfer"),
    Row("--freeze", "none", "freeze", "none", {"fine_tune": "on", "fine_tuning.stages": None}, "transfer"),
    Row("--freeze", "all-but-2", "freeze", "all-but-2", {"fine_tune": "on", "fine_tuning.stages": 2}, "transfer"),
    Row("--seed", "7", "seed", 7, {"seed": 7}),
    Row("--augment", "rotation_range=15", "augment", "rotation_range=15", {"augmentation.rotation_range": 15}),
    Row("--augment", "trivial-augment-wide", "augment", "trivial-augment-wide", {}),
    Row("--augment", "cutmix", "augment", "cutmix", {"mixing": "cutmix"}),
    Row("--augment", "none", "augment", "none", {"augmentation": None}),
    Row("--no-augment", "", "augment", False, {"augmentation": None}),
    Row("--size", "48", "size", 48, {"size": (48, 48)}),
    Row("--size", "48x64", "size", (48, 64), {"size": (48, 64)}),
    Row("--policy", "pad", "policy", "pad", {"policy": "pad"}),
    Row("--validation-share", "0.3", "validation_share", 0.3, {"validation_share": 0.3}),
    Row("--test-share", "0.3", "test_share", 0.3, {"test_share": 0.3}),
    Row("--precision", "float32", "precision", "float32", {"precision": "float32"}),
    Row("--predictions", "5", "predictions", 5, {"predictions": 5}),
    Row("--set", "optimizer.epsilon=1e-5", "set", {"optimizer.epsilon": 1e-5}, {"optimizer.epsilon": 1e-5}),
    Row("--set", "augmentation.rotation_range=15", "set", {"augmentation.rotation_range": 15.0},
        {"augmentation.rotation_range": 15}),
    Row("--set", "fine_tuning.stage_factor=0.5", "set", {"fine_tuning.stage_factor": 0.5},
        {"fine_tuning.stage_factor": 0.5, "fine_tune": "on"}, "transfer"),
    Row("--set", "head.folds=10", "set", {"head.folds": 10}, {"head.folds": 10}, "transfer"),
    Row("--set", "statistics_over=none", "set", {"statistics_over": None}, {"statistics_over": None}, "fast"),
)  # fmt: skip

NO_FIELD = {
    "--minutes": "minutes",
    "--labels": "labels",
    "--path-column": "Labels(path_column=...)",
    "--label-column": "Labels(label_column=...)",
    "--split-column": "Labels(split_column=...)",
    "--names": "Labels(names=...)",
    "--label-pattern": "Labels(pattern=...)",
    "--class-depth": "Labels(class_depth=...)",
    "--multi-label": "multi_label",
    "--label-separator": "Labels(label_separator=...)",
    "--memory": "memory",
    "--processes": "a script that torchrun starts",
    "--out": "out",
    "--log": "log",
    "--model": "model",
    "--pixels": "pixels",
    "--save-to": "result.classifier.save(...)",
    "--resume": "resume",
    "--config": "config",
    "--json": "",
    "--quiet": "verbose=False",
}
"""Options that set no field of the configuration -> their Python form."""

HEAD = """# Every setting of a training

An option of `tellapart train`, the keyword of `tellapart.train`, and the field of the configuration (`TrainConfig`,
saved as `run.toml`) that both set. A setting that the recipe cannot honor is an error; none is ignored or changed. A
row with (transfer) or (fast) is what the setting does in that recipe.

Made by `python scripts/settings_table.py`; every row is run by `tests/cli/test_settings.py`.

"""

FORMS = """
## Forms

- `optimizer`: a name; a dict, `{{"name": "adam", "learning_rate": 0.001}}`; or `OptimizerSettings`. A dict without a
  name changes the recipe's own. An optimizer that is not the recipe's own begins with these settings:

{optimizers}

  They are customary values; nothing was measured with them. The schedule stays that of the recipe; instead of Muon's it
  is a cosine whose first {warmup:.0%} of steps warm up.
- `size`: `64`, `"64"`, `"48x64"` or `(48, 64)`, height first.
- `class_weight`: `"balanced"`; a dict, `{{"cat": 3.0}}`, its keys names or, as in Keras, numbers of classes; or a file,
  CSV (rows of class and weight) or a JSON object. A class that is not named counts 1. The weights multiply the loss of
  each picture; in a transfer also that of its linear head.
- `freeze`: the part of a pretrained network that stays as it is: `"all"`, `"none"`, or `"all-but-2"`: its 2 topmost
  stages are trained. Batch normalization always stays as it is. Recipes from scratch refuse it.
- `patience`: the best epoch is kept. Refused where the test pictures score the epochs (`first-cnn`). With class weights
  or balanced sampling, an epoch is better where its balanced accuracy is.
- `augmentation`, `head`, `fine_tuning`: a dict changes single settings of the recipe's own.
- `set` (`--set NAME=VALUE`): any field of the tables below by its dotted name; a text is read as the field's type asks.
- `resume=RUN, epochs=N`: N epochs in all. From there on the learning rate is the one that a run of N epochs has there:
  a cosine that had fallen to zero rises again.
- `config=RUN`: all settings of that run, and its data if none are given; other settings given beside it change it.

## All fields

"""


def page() -> str:
    """Return the page's text."""
    rows = "".join(f"| {' | '.join(cells)} |\n" for cells in table_rows())
    table = f"| option | Python | field |\n|---|---|---|\n{rows}"
    names = [
        f"  | `{name}` | {kind.rate:g} | {kind.tuning_rate:g} | "
        f"{', '.join(f'{field} {value:g}' for field, value in kind.fields.items())} |"
        for name, kind in OPTIMIZERS.items()
        if kind.name != "Muon"
    ]
    optimizers = "\n".join(["  | name | rate | rate in fine-tuning | other |", "  |---|---|---|---|", *names])
    return HEAD + table + FORMS.format(optimizers=optimizers, warmup=WARMUP) + "\n".join(field_tables())


def table_rows() -> list[tuple[str, str, str]]:
    """Return the cells of every option."""
    cells = []
    for row in ROWS:
        where = "" if row.recipe in (None, "quick") else f" ({row.recipe})"
        python = f"`{row.keyword}={row.value!r}`"
        fields = (
            ", ".join(f"`{name} = {value!r}`" for name, value in row.fields.items())
            or "`augmentation.policies`"
        )
        cells.append((f"`{row.option}{' ' * bool(row.written)}{row.written}`{where}", python, fields))
    cells += [(f"`{option}`", f"`{form}`" if form else "", "") for option, form in NO_FIELD.items()]
    return cells


def options_of_train() -> list[str]:
    """Return the names of the options of `train`, each by all its names."""
    command = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    return [name for each in command.params for name in each.opts if name.startswith("--")]


def field_tables() -> list[str]:
    """Return a table for each class of settings."""
    parts = {
        "": TrainConfig,
        "optimizer.": OptimizerSettings,
        "optimizer. (Muon)": MuonSettings,
        "augmentation.": Augmentation,
        "head.": HeadSettings,
        "fine_tuning.": FineTuning,
    }
    tables = []
    for title, kind in parts.items():
        rows = [
            f"| `{field.name}` | {in_words(typing.get_type_hints(kind)[field.name])} | {default(field)} | "
            f"{documentation(kind).get(field.name, '')}{instead(title, field.name)} |"
            for field in dataclasses.fields(kind)
        ]
        heading = f"### `{kind.__name__}`" + (f": `{title}`" if title else "")
        tables.append(
            "\n".join([heading, "", "| field | type | default | |", "|---|---|---|---|", *rows, ""])
        )
    return tables


def instead(above: str, name: str) -> str:
    """Return how a field is set that `set` does not take."""
    way = BY_OPTIONS.get(f"{above}{name}")
    return "" if way is None else f" Set by {way}."


def in_words(hint: Any) -> str:
    """Return a type as a reader's word."""
    if get_origin(hint) is Literal:
        return ", ".join(f"`{each}`" for each in get_args(hint))
    if hint is NoneType:
        return "none"
    if get_origin(hint) is tuple:
        return "tuple of numbers" if get_args(hint)[0] in (int, float) else "tuple"
    if isinstance(hint, type):
        return hint.__name__
    if get_args(hint) and get_origin(hint) is not None and "Callable" not in str(hint):
        return " or ".join(dict.fromkeys(in_words(each) for each in get_args(hint)))
    return "function" if "Callable" in str(hint) else str(hint)


def default(field: dataclasses.Field) -> str:  # type: ignore[type-arg]
    """Return a field's default; a recipe sets those without one."""
    if field.default is dataclasses.MISSING:
        return "by recipe"
    value = field.default
    if isinstance(value, tuple) and len(value) > 3:
        return f"`{value[0]:g}` to `{value[-1]:g}`"
    return f"`{value!r}`"


def documentation(kind: type) -> dict[str, str]:
    """Return the text below each field of a class, from its source."""
    body = ast.parse(inspect.getsource(kind)).body[0].body  # type: ignore[attr-defined]
    texts = {}
    for before, after in itertools.pairwise(body):
        is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        if isinstance(before, ast.AnnAssign) and is_text and isinstance(before.target, ast.Name):
            texts[before.target.id] = " ".join(str(after.value.value).split()).replace("|", "\\|")  # type: ignore[attr-defined]
    return texts


if __name__ == "__main__":
    write_text(PAGE, page())
