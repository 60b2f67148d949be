"""Imbalance: a rare class among a common one, trained plainly, with class weights and with balanced sampling.

    python benchmarks/imbalance.py [--data cifar10] [--common cat] [--rare dog] [--counts 1000 20] [--test 1000]
                                   [--recipes quick transfer] [--draws 5] [--first-draw 0]
                                   [--earlier FILE.json]

COUNTS pictures of the two classes are drawn from the training split, others in each draw, and the recipe trains on them
by its own settings. TEST pictures of each class, the same for all, are scored once; nothing is chosen by them. The
recall of a class is pooled over the draws, with its 95% interval (Wilson) as if all its predictions were independent;
the smallest and the largest recall of a draw stand beside it.

Writes a dated page and every figure to benchmarks/results/.
"""

import argparse
import datetime
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"

WAYS = {
    "plain": {},
    "class_weight balanced": {"class_weight": "balanced"},
    "sampling balanced": {"sampling": "balanced"},
}
NOT_OF = {"transfer": ("sampling balanced",)}
"""Recipe -> the ways that it refuses: a transfer's last layer is fitted to all pictures at once."""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--common", default="cat")
    parser.add_argument("--rare", default="dog")
    parser.add_argument("--counts", type=int, nargs=2, default=[1000, 20])
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--recipes", nargs="+", default=["quick", "transfer"])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--first-draw", type=int, default=0)
    parser.add_argument(
        "--earlier", type=Path, nargs="*", default=[], help="results to which these are added"
    )
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now(datetime.UTC)
    runs = [run for path in options.earlier for run in json.loads(path.read_text())["runs"]]
    for draw in range(options.first_draw, options.first_draw + options.draws):
        splits = drawn(options, draw)
        for recipe in options.recipes:
            for way, settings in WAYS.items():
                if way in NOT_OF.get(recipe, ()):
                    continue
                runs.append(
                    {"recipe": recipe, "way": way, "draw": draw, **trained(splits, recipe, settings, draw)}
                )
                print(runs[-1], flush=True)
        save(runs, machine, options, now)  # after each draw: the next may be interrupted


def save(runs, machine, options, now):
    """Write the page and all figures so far."""
    command = (
        f"python benchmarks/imbalance.py --data {options.data} --common {options.common} --rare {options.rare} "
        f"--counts {' '.join(map(str, options.counts))} --test {options.test} "
        f"--recipes {' '.join(options.recipes)} --draws {1 + max(run['draw'] for run in runs)}"
    )
    record = {"runs": runs, "hardware": machine, "versions": versions(), "command": command}
    write_results(RESULTS, f"imbalance-{options.data}", now, page(record, options, now), record)


def drawn(options, draw):
    """Return arrays of a draw: few of one class and many of the other; and as many test pictures of each."""
    from tellapart import open_dataset

    dataset = open_dataset(options.data, download=True)
    classes = [dataset.class_names.index(name) for name in (options.common, options.rare)]
    random = np.random.default_rng(draw)

    def taken(split, counts, at_random):
        images, labels = [], []
        for new, (label, count) in enumerate(zip(classes, counts, strict=True)):
            rows = np.flatnonzero(split.labels == label)
            rows = random.permutation(rows)[:count] if at_random else rows[:count]
            images.append(split.take(np.sort(rows)).images.gathered())
            labels.append(np.full(len(rows), new))
        return np.concatenate(images), np.concatenate(labels)

    return {
        "train": taken(dataset.splits["train"], options.counts, True),
        "test": taken(dataset.splits["test"], [options.test] * 2, False),
        "class_names": (options.common, options.rare),
    }


def trained(splits, recipe, settings, seed):
    """Train on a draw, and return each class's hits on the test pictures."""
    import tellapart

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "pictures.npz"
        (x_train, y_train), (x_test, y_test) = splits["train"], splits["test"]
        np.savez(place, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
        began = time.monotonic()
        result = tellapart.train(
            place, class_names=splits["class_names"], recipe=recipe, seed=seed, out=Path(folder) / "run",
            verbose=False, predictions=0, **settings,
        )  # fmt: skip
        scores = result.scores
    return {
        "common_hits": scores.confusion[0][0],
        "rare_hits": scores.confusion[1][1],
        "tested_of_each": scores.classes[1].pictures,
        "balanced_accuracy": scores.balanced_accuracy,
        "macro_f1": scores.macro_f1,
        "seconds": time.monotonic() - began,
    }


def page(record, options, now):
    """Return the page's text."""
    rows = []
    for recipe in options.recipes:
        for way in WAYS:
            own = [run for run in record["runs"] if (run["recipe"], run["way"]) == (recipe, way)]
            if not own:
                continue
            rare, of_draws = recall_of(own, "rare_hits")
            common, _ = recall_of(own, "common_hits")
            rows.append(
                {
                    "recipe": recipe,
                    "way": way,
                    "draws": len(own),
                    f"recall of {options.rare} (rare)": rare,
                    "of a draw": of_draws,
                    f"recall of {options.common}": common,
                    "balanced accuracy": f"{np.mean([run['balanced_accuracy'] for run in own]):.1%}",
                    "macro F1": f"{np.mean([run['macro_f1'] for run in own]):.1%}",
                    "seconds": f"{np.mean([run['seconds'] for run in own]):.0f}",
                }
            )
    common, rare = options.counts
    return "\n".join(
        [
            f"# {common:,} {options.common}s and {rare} {options.rare}s of {options.data}, {now:%Y-%m-%d}",
            "",
            f"Tested on {options.test:,} pictures of each class that nothing was chosen by: guessing has a recall of "
            "50%, always answering with the common class one of 0%. Each draw has other training pictures. Intervals, "
            "95% (Wilson), pooled over the draws; beside them the smallest and the largest recall of a draw.",
            "",
            table(rows, list(rows[0])),
            "",
            *origin_lines(record),
        ]
    )


def recall_of(runs, hits):
    """Return a pooled recall with its interval, and the range over the draws."""
    from tellapart.metrics.scores import wilson_interval

    correct, tested = sum(run[hits] for run in runs), sum(run["tested_of_each"] for run in runs)
    low, high = wilson_interval(correct, tested)
    shares = [run[hits] / run["tested_of_each"] for run in runs]
    return f"{correct / tested:.1%} ({low:.1%} to {high:.1%})", f"{min(shares):.1%} to {max(shares):.1%}"


if __name__ == "__main__":
    main()
