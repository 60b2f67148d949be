"""How much fine-tuning helps a transfer: enlarged CIFAR-10 pictures, against the head on the frozen network.

    python benchmarks/fine_tuning.py                                    # the recipe's settings
    python benchmarks/fine_tuning.py --settings recipe third-of-rate    # other settings, too

The training pictures, and 1,000 that are held out to choose by, are of CIFAR-10's training split; the test pictures are
the first of its test split. Small pictures enlarged are far from what the network was trained on: a gain shows that
the method works, not what it gains on photos. Seconds are those of a shared machine.

Prints a page and writes it, with every figure, to benchmarks/results/.
"""

import argparse
import dataclasses
import datetime
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from machine import hardware, origin_lines, versions, write_results

import tellapart
from tellapart.data.preprocess import Preprocessing
from tellapart.data.store import load_split
from tellapart.recipes.recipes import transfer

RESULTS = Path(__file__).parent / "results"
VALIDATION = 1000
SETTINGS = {
    "recipe": {},
    "3-stages": {"stages": 3},
    "same-rate-in-all-stages": {"stage_factor": 1.0},
    "half-the-rate-each-stage": {"stage_factor": 0.5},
    "third-of-rate": {"rate": 1 / 3},
    "triple-rate": {"rate": 3.0},
    "no-augmentation": {"augmentation": None},
}
"""Name -> what differs from the recipe's fine-tuning; `rate` is a factor."""


def divided(train, test):
    """Return (images, labels) three times: `train` and VALIDATION of the training split, `test` of the test split."""
    splits = tellapart.open_dataset("cifar10", download=True).splits
    known, new = (load_split(splits[name], Preprocessing(height=32, width=32)) for name in ("train", "test"))
    rows = np.random.default_rng(0).permutation(len(known))
    learned, chosen = rows[:train], rows[train : train + VALIDATION]
    return (
        (known.images[learned], known.labels[learned]),
        (known.images[chosen], known.labels[chosen]),
        (new.images[:test], new.labels[:test]),
    )


def fine_tuning(rate=1.0, **changes):
    """Return the recipe's fine-tuning with some changes."""
    settings = transfer().fine_tuning
    optimizer = settings.optimizer
    optimizer = dataclasses.replace(optimizer, learning_rate=rate * optimizer.learning_rate)
    return dataclasses.replace(settings, optimizer=optimizer, **changes)


def run(folder, data, side, mode, settings):
    """Run one transfer; return its result and its log."""
    config = transfer().changed(
        fine_tune=mode, fine_tuning=settings, validation="held out", size=(side, side), predictions=0
    )
    result = tellapart.train(data, recipe=config, out=folder, verbose=False)
    return result, list(map(json.loads, (folder / "log.jsonl").read_text().splitlines()))


def compared(folder, data, side, names):
    """Return a row for each setting: its scores and those of the head alone, on held-out and test pictures."""
    alone, _ = run(folder / "alone", data, side, "off", fine_tuning())
    rows = []
    for name in names:
        tuned, log = run(folder / name, data, side, "on", fine_tuning(**SETTINGS[name]))
        (event,) = [line for line in log if line["event"] == "FineTuned"]
        figures = {name: value for name, value in event.items() if name not in ("at", "event")}
        epochs = [line["val_accuracy"] for line in log if line["event"] == "EpochDone"]
        scores = {"head_test_accuracy": alone.scores.accuracy, "test_accuracy": tuned.scores.accuracy}
        rows.append({"settings": name, "side": side, **figures, "epochs": epochs, **scores})
        print(rows[-1], flush=True)
    return rows


def in_words(settings):
    optimizer = settings.optimizer
    return (
        f"{settings.stages} stages, each at {settings.stage_factor} of the rate above it, {settings.epochs} epochs, "
        f"batches of {settings.batch_size}, {optimizer.name} at {optimizer.learning_rate} ({optimizer.schedule})"
    )


def report(record):
    lines = [
        f"# Fine-tuning, {record['date'][:10]}",
        "",
        f"{record['train']:,} training pictures of CIFAR-10, {VALIDATION:,} held out, {record['test']:,} of its test "
        f"split, enlarged; EfficientNet-Lite0, {record['threads']} thread(s). One run each; 95% intervals of the "
        "accuracies are about 2.5 points to either side. Losses are after calibration.",
        "",
        "| pixels | settings | held-out accuracy, head alone | fine-tuned | loss, head alone | fine-tuned | mended / "
        "spoiled | test accuracy, head alone | fine-tuned | kept | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in record["rows"]:
        lines.append(
            f"| {row['side']} | {row['settings']} | {row['head_val_accuracy']:.1%} | {row['val_accuracy']:.1%} | "
            f"{row['head_val_loss']:.3f} | {row['val_loss']:.3f} | {row['only_tuned_correct']} / "
            f"{row['only_head_correct']} | {row['head_test_accuracy']:.1%} | {row['test_accuracy']:.1%} | "
            f"{'yes' if row['kept'] else 'no'} | {row['seconds']:.0f} |"
        )
    return "\n".join([*lines, "", f"- Settings `recipe`: {record['recipe']}", *origin_lines(record)])


def main(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--settings",
        nargs="+",
        choices=SETTINGS,
        default=["recipe"],
        metavar="NAME",
        help=", ".join(SETTINGS),
    )
    parser.add_argument("--train", type=int, default=2000, metavar="N", help="training pictures (2000)")
    parser.add_argument("--test", type=int, default=1000, metavar="N", help="test pictures (1000)")
    parser.add_argument("--sides", type=int, nargs="+", default=[64, 96], metavar="PIXELS", help="(64 96)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="(2)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER", help="where to write")
    options = parser.parse_args(arguments[1:])
    torch.set_num_threads(options.threads)
    machine, now = hardware(), datetime.datetime.now().astimezone()
    data = divided(options.train, options.test)
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            row
            for side in options.sides
            for row in compared(Path(folder) / str(side), data, side, options.settings)
        ]
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": " ".join(["python benchmarks/fine_tuning.py", *arguments[1:]]),
        "hardware": machine,
        "versions": versions(),
        "threads": options.threads,
        "train": options.train,
        "test": options.test,
        "recipe": in_words(transfer().fine_tuning),
        "rows": rows,
    }
    write_results(options.results, "fine_tuning", now, report(record), record)


if __name__ == "__main__":
    main(sys.argv)
