"""Why 63%? The tutorial's recipe for 200 epochs, as meant and with pixels divided by 255 twice.

    python benchmarks/why_63.py train --divided 1 --out RUN1     # hours; stopped anywhere, the same command goes on
    python benchmarks/why_63.py train --divided 2 --out RUN2
    python benchmarks/why_63.py report RUN1 RUN2

The settings are those of `first-cnn`, but each epoch is scored on 5,000 pictures held out of the training pictures
(stratified, seed 0) instead of on the test pictures, so that the best epoch can be chosen honestly; 45,000 are learned
from. Running a notebook cell `x_train /= 255` twice divides by 65,025: here the network's first layer does.

`report` scores the weights of the best epoch and of the last one once each on the test split, and writes a dated page
and the curves to benchmarks/results/.
"""

import argparse
import csv
import datetime
import tomllib
from pathlib import Path

from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
EPOCHS, HELD_OUT = 200, 0.1
SHOWN = (1, 5, 10, 25, 50, 80, 100, 125, 150, 175, 200)
"""Epochs of the page's table; all stand in the JSON."""

COLUMNS = {"training loss": "loss", "held-out loss": "val_loss", "accuracy": "val_accuracy"}


def divide_so_often(times):
    """Let `first-cnn` divide its pixels by 255 so often."""
    from tellapart import build

    real = build.first_cnn

    def divided(picture_shape, classes):
        model = real(picture_shape, classes)
        model.layers[0].scale = 1 / 255**times
        return model

    build.first_cnn = divided


def train(out, divided):
    import tellapart
    from tellapart.recipes import first_cnn
    from tellapart.training import Watcher

    class Printer(Watcher):
        def event(self, event):
            if hasattr(event, "val_accuracy"):
                print(event.epoch + 1, f"{event.loss:.4f}", f"{event.val_accuracy:.4f}", flush=True)

    divide_so_often(divided)
    if out.exists():
        return tellapart.train_classifier(resume=out, watcher=Printer())
    run = first_cnn().changed(validation="held out", validation_share=HELD_OUT, keep="best", epochs=EPOCHS)
    return tellapart.train_classifier("cifar10", recipe=run, out=out, watcher=Printer())


def curve_of(run):
    with (run / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def scored(run):
    """Test accuracy of the best epoch's weights and of the last one's, each with its interval."""
    from safetensors.numpy import load_file

    import tellapart
    from tellapart.data.source import open_source
    from tellapart.data.store import load_split
    from tellapart.scores import score

    classifier = tellapart.load(run)
    test = load_split(open_source("cifar10").splits["test"], classifier.card.pixel_path)
    tensors = load_file(run / "last.safetensors")
    found = {}
    for which, prefix in (("best", "best/"), ("last", "weights/")):
        weights = [tensors[name] for name in sorted(tensors) if name.startswith(prefix)]
        classifier.model.set_weights(weights)
        again = tellapart.Classifier.of_model(classifier.model, classifier.card)
        told = score(again.probabilities(test.images), test.labels, classifier.class_names, "test")
        found[which] = {"accuracy": told.accuracy, "interval": list(told.interval), "n": told.pictures}
    return found


def told(run):
    settings = tomllib.loads((run / "run.toml").read_text(encoding="utf-8"))
    curve = curve_of(run)
    best = max(curve, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    return {
        "curve": curve,
        "best epoch": int(best["epoch"]),
        "test": scored(run),
        "precision": settings["data"]["precision"],
        "pictures": settings["data"]["pictures"],
    }


def page_of(record):
    names = {"once": "as meant", "twice": "divided by 255 twice"}
    scores = [
        {
            "pixels": names[key],
            "best epoch": one["best epoch"],
            **{f"test accuracy, {which}": told_in_words(one["test"][which]) for which in ("best", "last")},
        }
        for key, one in record["runs"].items()
    ]
    rows = [
        {
            "epoch": epoch,
            **{
                f"{names[key]}: {what}": f"{one['curve'][epoch - 1][column]:.4f}"
                for key, one in record["runs"].items()
                for what, column in (
                    ("training loss", "loss"),
                    ("held-out loss", "val_loss"),
                    ("accuracy", "val_accuracy"),
                )
            },
        }
        for epoch in SHOWN
        if all(len(one["curve"]) >= epoch for one in record["runs"].values())
    ]
    return "\n".join(
        [
            f"# first-cnn for {EPOCHS} epochs, as meant and divided by 255 twice, {record['date']}",
            "",
            table(scores, list(scores[0])),
            "",
            "On held-out pictures, by epoch:",
            "",
            table(rows, list(rows[0])),
            "",
            *origin_lines(record),
        ]
    )


def told_in_words(test):
    low, high = test["interval"]
    return f"{test['accuracy']:.4f} ({low:.4f} to {high:.4f}, n = {test['n']:,})"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("--divided", type=int, choices=(1, 2), required=True)
    training.add_argument("--out", type=Path, required=True)
    reporting = commands.add_parser("report")
    reporting.add_argument("once", type=Path)
    reporting.add_argument("twice", type=Path)
    reporting.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.command == "train":
        print(train(options.out, options.divided).scores)
        return
    machine, now = hardware(), datetime.datetime.now().astimezone()
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/why_63.py report RUN1 RUN2",
        "hardware": machine,
        "versions": versions(),
        "runs": {"once": told(options.once), "twice": told(options.twice)},
    }
    write_results(options.results, "why_63", now, page_of(record), record)


if __name__ == "__main__":
    main()
