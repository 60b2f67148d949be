"""Features of a frozen backbone, all divided by one number or each by its own deviation: which head is better.

    python benchmarks/one_scale.py PHOTOS [--counts 5 20 50] [--draws 20]

PHOTOS has train/<class>. EfficientNet-Lite0 computes the features of its training photos once. In each draw, as many
of each class at random are fitted to, by the penalty that 5-fold cross-validation chooses, and all others are scored.
No test photo is touched. The decision is that of `training/linear_head.py`.

Writes a dated page and every figure to benchmarks/results/.
"""

import argparse
import datetime
from pathlib import Path

import numpy as np
from few_photos import interval
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[5, 20, 50])
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    machine = hardware()
    features, labels = features_of(options.photos)
    runs = [
        {"count": count, "draw": draw, **accuracies(features, labels, count, draw)}
        for count in options.counts
        for draw in range(options.draws)
    ]
    rows = []
    for count in options.counts:
        of_count = [run for run in runs if run["count"] == count]
        cells = {name: interval([run[name] for run in of_count]) for name in ("one number", "each its own")}
        rows.append(
            {"photos a class": count}
            | {name: f"{100 * mean:.1f} ± {100 * half:.1f}%" for name, (mean, half) in cells.items()}
        )
    now = datetime.datetime.now(datetime.UTC)
    command = "python benchmarks/one_scale.py PHOTOS " + (
        f"--counts {' '.join(map(str, options.counts))} --draws {options.draws}"
    )
    record = {"runs": runs, "hardware": machine, "versions": versions(), "command": command}
    lines = [
        f"# One scale for all features, or one for each, {now:%Y-%m-%d}",
        "",
        f"Accuracy on the other training photos, mean over {options.draws} draws with its 95% interval (Student).",
        "",
        table(rows, list(rows[0])),
        "",
        *origin_lines(record),
    ]
    write_results(RESULTS, "one_scale", now, "\n".join(lines), record)


def features_of(photos):
    """Return the features of the training photos, and their labels."""
    import tellapart
    from tellapart.data.preprocess import Preprocessing
    from tellapart.data.store import load_split
    from tellapart.inference.feature_net import FeatureNet
    from tellapart.models.backbones import open_backbone

    split = tellapart.open_dataset(photos).splits["train"]
    store = load_split(split, Preprocessing(height=224, width=224))
    return FeatureNet(open_backbone("lite0"))(store.images), store.labels


def accuracies(features, labels, count, draw):
    """Return the accuracy of both heads on the photos that they were not fitted to."""
    random = np.random.default_rng(draw)
    chosen = np.concatenate(
        [random.permutation(np.flatnonzero(labels == label))[:count] for label in np.unique(labels)]
    )
    others = np.setdiff1d(np.arange(len(labels)), chosen)
    mean, deviation = features[chosen].mean(0), np.maximum(features[chosen].std(0), 1e-6)
    scaled = ((features - mean) / deviation).astype(np.float32)
    return {
        name: accuracy(values[chosen], labels[chosen], values[others], labels[others], draw)
        for name, values in (("one number", features), ("each its own", scaled))
    }


def accuracy(features, labels, others, other_labels, draw):
    from tellapart.recipes.transfer_settings import HeadSettings
    from tellapart.training.head_choice import Views, choose_by_folds, folds_of

    classes = int(labels.max()) + 1
    folds = folds_of(labels, HeadSettings().folds, draw)
    choice = choose_by_folds(Views([features], labels), classes, HeadSettings().penalties, folds)
    return float((choice.head.probabilities(others).argmax(1) == other_labels).mean())


if __name__ == "__main__":
    main()
