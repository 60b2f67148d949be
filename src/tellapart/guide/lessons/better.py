"""Better models: what each recipe was measured to reach, what it changes, and the network that it trains.

Every accuracy is read from a page or file of `benchmarks/results`, each time the newest of its kind. A recipe
without such a page has no accuracy here.
"""

import json
import re
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

from tellapart.keras_internals import rate_setting
from tellapart.metrics.scores import wilson_interval
from tellapart.recipes.recipes import RECIPES

RESULTS = Path(__file__).parents[4] / "benchmarks" / "results"
TEST_PICTURES = 10_000
"""Of CIFAR-10; both benchmarks of `fast` score all of them."""

POINTS = 80
"""Of a drawn learning rate."""

TRAINING_PICTURES = 50_000
"""Of CIFAR-10."""

SHOWN = ("first-cnn", "quick", "fast", "accurate", "best")
"""Recipes for small pictures, each a change of the one before."""


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    return {**quick_facts(), "large_networks": {name: network(name) for name in ("accurate", "best")}}


def quick_facts() -> dict[str, Any]:
    """All but the two large networks, which take a while to build."""
    return {
        "measured": [
            one_training("first-cnn"),
            one_training("quick"),
            several_trainings("fast to 63%", *trainings_to_63()),
            several_trainings("fast", *whole_trainings()),
        ],
        "changes": {name: changes(before, name) for before, name in pairwise(SHOWN)},
        "rates": {name: rates(name) for name in ("first-cnn", "quick", "fast")},
        "networks": {name: network(name) for name in ("first-cnn", "quick", "fast")},
    }


def newest(pattern: str) -> Path:
    """Of the results of one kind."""
    return max(RESULTS.glob(pattern))


def one_training(name: str) -> dict[str, Any]:
    """A recipe's page of one training, with the curve of its epochs."""
    path = newest(f"*-{name}-cifar10.md")
    text = path.read_text(encoding="utf-8")
    found = re.search(r"\*\*([\d.]+)\*\* \(95% interval ([\d.]+) to ([\d.]+), n = ([\d,]+)\)", text)
    machine = re.search(r"^(.+?), (.*cores?);", text, re.MULTILINE)
    split = re.search(r"training accuracy \| (\w+) loss", text)
    assert found is not None
    assert machine is not None
    assert split is not None
    rows = re.findall(r"^\| (\d+) \| .* \| ([\d.]+) \| ([\d.]+) \|$", text, re.MULTILINE)
    curve, seconds = [], 0.0
    for _, accuracy, taken in rows:
        seconds += float(taken)
        curve.append([round(seconds / 60, 3), float(accuracy)])
    low, high, accuracy = float(found[2]), float(found[3]), float(found[1])
    return {
        "name": name,
        "accuracy": accuracy,
        "interval": [low, high],
        "pictures": int(found[4].replace(",", "")),
        "trainings": 1,
        "epochs": len(rows),
        "of_epochs": RECIPES[name]().epochs,
        "curve": curve,
        "curve_of": split[1],
        "minutes": curve[-1][0],
        "hardware": machine[1],
        "cores": machine[2],
        "date": path.name[:10],
        "source": path.name,
    }


def trainings_to_63() -> tuple[Path, list[dict[str, Any]]]:
    """The commands `tellapart train cifar10 --target 63%`: where they stand, seconds and accuracy of each."""
    path = newest("cold_start-*.json")
    runs = json.loads(path.read_text(encoding="utf-8"))["trainings"]
    return path, [
        {"seconds": run["whole command s"], "accuracy": run["test accuracy"], "plain": run["without views"]}
        for run in runs
    ]


def whole_trainings() -> tuple[Path, list[dict[str, Any]]]:
    """The commands `tellapart train cifar10 --recipe fast`, likewise."""
    path = newest("cifar10_to_94-*.json")
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    return path, [
        {"seconds": run["seconds"], "accuracy": run["with views"], "plain": run["without"]}
        for run in runs
        if run["who"] == "tellapart fast"
    ]


def several_trainings(name: str, path: Path, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """A recipe trained with several seeds, each of them told."""
    told = json.loads(path.read_text(encoding="utf-8"))
    accuracy = mean(run["accuracy"] for run in runs)
    return {
        "name": name,
        "accuracy": accuracy,
        "without_tta": mean(run["plain"] for run in runs),
        "interval": list(wilson_interval(round(accuracy * TEST_PICTURES), TEST_PICTURES)),
        "lowest": min(run["accuracy"] for run in runs),
        "highest": max(run["accuracy"] for run in runs),
        "pictures": TEST_PICTURES,
        "trainings": len(runs),
        "runs": sorted([round(run["seconds"] / 60, 3), run["accuracy"]] for run in runs),
        "minutes": round(median(run["seconds"] for run in runs) / 60, 3),
        "hardware": told["hardware"]["processor"],
        "cores": f"{told['hardware']['physical_cores']} cores",
        "date": told["date"][:10],
        "source": path.name,
    }


def changes(before: str, name: str) -> list[list[str]]:
    """Settings of a recipe that differ from another's: what, there, here."""
    one, other = (_flat(RECIPES[recipe]().to_dict()) for recipe in (before, name))
    return [
        [key, one.get(key, "–"), other.get(key, "–")]
        for key in dict.fromkeys([*one, *other])
        if one.get(key) != other.get(key) and key != "recipe"
    ]


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, str]:
    found = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = " × ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return found


def rates(name: str) -> list[float]:
    """A recipe's learning rate from its first step to its last, as shares of its highest; POINTS of it."""
    from tellapart.keras_backend import import_keras
    from tellapart.recipes.build import build_optimizer

    keras = import_keras()
    run = RECIPES[name]()
    steps = run.epochs * -(-TRAINING_PICTURES // run.batch_size)
    schedule = rate_setting(build_optimizer(run.optimizer, steps))
    at = [round(index * steps / (POINTS - 1)) for index in range(POINTS)]
    values = [float(keras.ops.convert_to_numpy(schedule(step))) for step in at]
    return [round(value / run.optimizer.learning_rate, 4) for value in values]


def network(name: str) -> dict[str, Any]:
    """A recipe's layers for 32 x 32 pixels in three colors and ten classes, and what they cost."""
    from tellapart.profiling.summary import describe

    described = describe(name)
    summary, training = described.summary, described.training
    assert training is not None
    return {
        "layers": [
            [layer.kind, " × ".join(map(str, layer.output_shape)), layer.parameters, layer.flops]
            for layer in summary.layers
        ],
        "parameters": summary.parameters,
        "flops": summary.flops,
        "epochs": training.epochs,
        "training_flops": training.flops,
    }
