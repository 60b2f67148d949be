"""Small pictures: which recipe is best with how many of them; the table behind `auto` (recipes/auto.py).

    python benchmarks/small_pictures.py [--data cifar10] [--counts 100 1000 5000] [--test 2000]
                                        [--recipes transfer fast quick] [--draws 1]

COUNT pictures of the training split are drawn at random, as many of each class, and the recipe trains on them by its
own settings. TEST pictures of the test split, the same for all, are scored once; nothing is chosen by them.

Writes a dated page and every figure to benchmarks/results/.
"""

import argparse
import datetime
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--test", type=int, default=2000)
    parser.add_argument("--recipes", nargs="+", default=["transfer", "fast", "quick"])
    parser.add_argument("--draws", type=int, default=1)
    options = parser.parse_args()
    machine, runs = hardware(), []
    for count in options.counts:
        for draw in range(options.draws):
            splits = drawn(options.data, count, options.test, draw)
            for recipe in options.recipes:
                runs.append({"recipe": recipe, "count": count, "draw": draw, **trained(splits, recipe, draw)})
                print(runs[-1], flush=True)
    now = datetime.datetime.now(datetime.UTC)
    command = (
        f"python benchmarks/small_pictures.py --data {options.data} --counts {' '.join(map(str, options.counts))} "
        f"--test {options.test} --recipes {' '.join(options.recipes)} --draws {options.draws}"
    )
    record = {"runs": runs, "hardware": machine, "versions": versions(), "command": command}
    write_results(RESULTS, f"small_pictures-{options.data}", now, page(record, options, now), record)


def drawn(name, count, tested, draw):
    """Return arrays of a draw: as many training pictures of each class, and the first test pictures."""
    from tellapart import open_dataset
    from tellapart.data.split import draw as choose

    dataset = open_dataset(name, download=True)
    train, test = dataset.splits["train"], dataset.splits["test"]
    rows = choose(train.ids, train.labels, count, draw)
    return {
        "train": arrays(train.take(rows)),
        "test": arrays(test.take(np.arange(min(tested, len(test))))),
        "mirrors": dataset.mirrors,
        "class_names": dataset.class_names,
    }


def arrays(split):
    return split.images.gathered(), np.asarray(split.labels)


def trained(splits, recipe, seed):
    """Train by a recipe; return the accuracy with its interval, and the seconds."""
    import tellapart
    from tellapart.api.configure import configured

    (x_train, y_train), test = splits["train"], splits["test"]
    config = configured(recipe, splits["mirrors"], True, None, {"seed": seed}, len(x_train))
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        result = tellapart.train(
            ((x_train, y_train), test),
            recipe=config,
            class_names=splits["class_names"],
            out=Path(folder) / "run",
            verbose=False,
        )
        seconds = time.perf_counter() - began
    scores = result.scores
    return {
        "accuracy": scores.accuracy,
        "interval": scores.interval,
        "test": scores.pictures,
        "seconds": seconds,
        "tta_views": result.classifier.card.tta_views,
    }


def page(record, options, now):
    lines = []
    for run in record["runs"]:
        low, high = run["interval"]
        lines.append(
            {
                "training pictures": f"{run['count']:,}",
                "recipe": run["recipe"],
                "test accuracy": f"{100 * run['accuracy']:.1f}% ({100 * low:.1f} to {100 * high:.1f})",
                "views": run["tta_views"],
                "seconds": f"{run['seconds']:.0f}",
            }
        )
    return "\n".join(
        [
            f"# Small pictures of {options.data}, {now:%Y-%m-%d}",
            "",
            f"Accuracy on the same {record['runs'][0]['test']:,} test pictures with its 95% interval (Wilson). "
            "Views: whose mean is the prediction, chosen on held-out pictures. Seconds: whole training with report.",
            "",
            table(lines, list(lines[0])),
            "",
            *origin_lines(record),
        ]
    )


if __name__ == "__main__":
    main()
