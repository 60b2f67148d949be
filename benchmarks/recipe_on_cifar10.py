"""One training of a recipe on CIFAR-10: its curve, and the test accuracy of the weights that it keeps.

    python benchmarks/recipe_on_cifar10.py [--recipe quick]   # trains (minutes to an hour), then reports
    python benchmarks/recipe_on_cifar10.py --run RUN          # reports a finished run

Writes a dated table to benchmarks/results/. If the recipe scores each epoch on the test images, as the tutorial
did, nothing is chosen by that score, and the figure to quote is that of the last epoch.
"""

import argparse
import csv
import datetime
import json
import tomllib
from pathlib import Path

EPOCHS = {"first-cnn": 25}
"""Epochs that differ from the recipe's own: the tutorial reports its accuracy after 25."""

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", default="first-cnn")
    parser.add_argument("--run", type=Path, help="a finished run folder instead of a new training")
    options = parser.parse_args()
    run = options.run or trained(options.recipe)
    settings = tomllib.loads((run / "run.toml").read_text(encoding="utf-8"))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.date.today()}-{settings['run']['recipe']}-cifar10.md"
    path.write_text(report(run, settings), encoding="utf-8")
    print(path)


def trained(recipe: str) -> Path:
    import tellapart

    changes = {"epochs": EPOCHS[recipe]} if recipe in EPOCHS else {}
    return tellapart.train("cifar10", recipe=recipe, **changes).folder


def report(run: Path, settings: dict) -> str:
    events = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    scores = [event for event in events if event["event"] == "Scored"][-1]
    low, high = scores["interval"]
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    recipe, on_test = settings["run"], settings["run"]["validation"] == "test"
    split = "test" if on_test else "validation"
    kept = {"last": "the last epoch", "best": "the epoch with the best validation accuracy"}[recipe["keep"]]
    accuracies = [float(row["val_accuracy"]) for row in rows]
    lines = [
        f"# {recipe['recipe']} on CIFAR-10, {recipe['epochs']} epochs, one run, seed {recipe['seed']}",
        "",
        f"Test accuracy of {kept}: **{scores['accuracy']:.4f}** "
        f"(95% interval {low:.4f} to {high:.4f}, n = {scores['pictures']:,}). "
        f"On {split} pictures, mean of the last five epochs: {sum(accuracies[-5:]) / 5:.4f}; the highest epoch: "
        f"{max(accuracies):.4f}{' (not used to choose weights; only describes the curve)' if on_test else ''}.",
        "",
        f"{settings['hardware']['processor']}, {settings['hardware']['threads']} of "
        f"{settings['hardware']['cores']} cores; training computed in {settings['data']['precision']}; "
        + ", ".join(f"{k} {v}" for k, v in settings["versions"].items())
        + ".",
        "",
        f"| epoch | training loss | training accuracy | {split} loss | {split} accuracy | seconds |",
        "|---|---|---|---|---|---|",
    ]
    columns = ("loss", "accuracy", "val_loss", "val_accuracy")
    for row in rows:
        figures = " | ".join(f"{float(row[name]):.4f}" for name in columns)
        lines.append(f"| {row['epoch']} | {figures} | {float(row['seconds']):.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
