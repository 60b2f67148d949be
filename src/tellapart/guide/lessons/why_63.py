"""Why 63%: the tutorial's training of 200 epochs, as meant and otherwise, from `benchmarks/results`; and what was
reported of it.

The curves are those of `benchmarks/why_63.py`. What others reported is quoted with its source, never mixed with them.
"""

import json
import statistics
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tellapart.guide.lessons.better import newest, one_training
from tellapart.recipes.build import build_model
from tellapart.recipes.optimizer_settings import OptimizerSettings
from tellapart.recipes.recipes import first_cnn

TUTORIAL = 0.63
"""The test accuracy that the tutorial ended with."""

DENSE = 4
"""The first dense layer's place among the kernels."""

ISSUES = "https://github.com/keras-team/keras/issues/"
COMMITS = "https://github.com/keras-team/keras/commit/"


@dataclass(frozen=True, slots=True)
class Version:
    """Keras's example `cifar10_cnn.py` for a while: how it called RMSprop, and what was said of it."""

    since: str
    until: str
    rate: float
    decay: float
    beside: float
    """What RMSprop added beside the root mean square."""

    said: str
    source: str
    """Where it was said ..."""

    commit: str
    """... and the commit that brought these settings."""


HISTORY = (
    Version(
        since="December 2016",
        until="April 2017",
        rate=1e-3,
        decay=0.0,
        beside=1e-8,
        said="“The example as it is fails to converge.”",
        source=f"{ISSUES}4897",
        commit=f"{COMMITS}7c4f033c6a",
    ),
    Version(
        since="April 2017",
        until="December 2017",
        rate=1e-4,
        decay=1e-6,
        beside=1e-8,
        said="78.5% after 80 epochs, 59.0% after 200",
        source=f"{ISSUES}7384",
        commit=f"{COMMITS}98ec9fc972",
    ),
    Version(
        since="December 2017",
        until="2020",
        rate=1e-4,
        decay=1e-6,
        beside=1e-7,
        said="“75% validation accuracy in 25 epochs, and 79% after 50 epochs”",
        source=f"{COMMITS}ce4947cbaf",
        commit=f"{COMMITS}321d838ba8",
    ),
)


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    found = json.loads(newest("why_63-*.json").read_text(encoding="utf-8"))
    of_case: dict[str, dict[str, Any]] = {}
    for one in sorted(found["runs"], key=lambda one: (-len(one["curve"]), one["seed"])):
        of_case.setdefault(one["case"], one)
    meant, recipe = of_case["as-meant"], first_cnn()
    again = next(one for one in found["runs"] if one["case"] == "as-meant" and one is not meant)
    assert isinstance(recipe.optimizer, OptimizerSettings)
    steps = -(-meant["pictures"]["train"] // recipe.batch_size)
    return {
        "tutorial": TUTORIAL,
        "history": [in_words(version) for version in HISTORY],
        "runs": {case: curves(one) | scores(one) for case, one in of_case.items()},
        "again": scores(again),
        "dense_weights": dense_weights(meant),
        **{
            name: [{"loss": round(row["loss"], 4), "accuracy": row["val_accuracy"]} for row in meant[name]]
            for name in ("cooled", "continued")
        },
        "rate_left": 1 / (1 + recipe.optimizer.decay * steps * recipe.epochs),
        "quick": one_training("quick")["accuracy"],
        "steps_per_epoch": steps,
    }


def curves(one: dict[str, Any]) -> dict[str, Any]:
    """One training, epoch by epoch."""
    columns = {"accuracy": "val_accuracy", "held_out_loss": "val_loss", "loss": "loss"}
    told = {name: [round(row[column], 4) for row in one["curve"]] for name, column in columns.items()}
    return {
        **told,
        "pictures": one["pictures"],
        "lowest_loss_epoch": 1 + told["loss"].index(min(told["loss"])),
        "reached_63": next(at for at, share in enumerate(told["accuracy"], 1) if share >= TUTORIAL),
    }


def scores(one: dict[str, Any]) -> dict[str, Any]:
    """What the weights of a training's best and of its last epoch do with the test pictures, and how its end went."""
    columns = "accuracy", "interval", "n", "silent"
    found = {which: {name: test[name] for name in columns} for which, test in one["test"].items()}
    last_ten = statistics.mean(row["val_accuracy"] for row in one["curve"][-10:])
    return {"best_epoch": one["best epoch"], "last_ten": round(last_ten, 5), **found}


def dense_weights(one: dict[str, Any]) -> list[list[float]]:
    """The mean size of the first dense layer's weights: before the first step, on the way and at the end."""
    model = build_model(first_cnn(), (32, 32, 3), 10, steps_per_epoch=1)
    first = next(layer for layer in model.layers if layer.name.startswith("dense")).get_weights()[0]
    on_the_way = [[int(epoch), sizes[DENSE]] for epoch, sizes in one["weights by epoch"].items()]
    ends = [[0, float(np.abs(first).mean())], [len(one["curve"]), one["test"]["last"]["weight"][DENSE]]]
    return [[epoch, round(size, 4)] for epoch, size in [ends[0], *on_the_way, ends[1]]]


def in_words(version: Version) -> dict[str, str]:
    """A version with its numbers written out."""
    numbers = {
        name: f"{value:.8f}".rstrip("0") if value else "none"
        for name, value in (("rate", version.rate), ("decay", version.decay), ("beside", version.beside))
    }
    return asdict(version) | numbers
