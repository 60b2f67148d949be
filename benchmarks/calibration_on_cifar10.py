"""Calibration on CIFAR-10: errors before and after temperature scaling, and confidence thresholds, computed twice.

    python benchmarks/calibration_on_cifar10.py RUN

RUN is a finished training of `fast`; the built-in model is measured too. The temperature of RUN is fitted on its
held-out images, that of the built-in model is in its card; errors are measured on the test split, to which nothing was
fitted. Every figure of the package is recomputed here by other means (scikit-learn's `calibration_curve`, NumPy
loops), and the script stops if the two differ by more than 1e-6. Then the report of RUN is written three times: by
the whole command, and within a process that has already imported everything.

Writes a dated page and all figures to benchmarks/results/.
"""

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from machine import hardware, origin_lines, table, versions, write_results

RESULTS = Path(__file__).parent / "results"
DRAWS, ROUNDS, CLOSE = 1000, 3, 1e-6
SHOWN = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95)
"""Thresholds shown on the page; all 101 are checked."""


def must_agree(what, ours, theirs):
    """Raise if the two computations differ."""
    apart = float(np.max(np.abs(np.asarray(ours, float) - np.asarray(theirs, float))))
    if not apart <= CLOSE:
        raise AssertionError(f"{what}: the two computations differ by {apart}.")
    return apart


def error_by_scikit_learn(probabilities, labels, bins=15):
    from sklearn.calibration import calibration_curve

    sure, right = probabilities.max(1).astype(np.float64), probabilities.argmax(1) == labels
    shares, confidences = calibration_curve(right, sure, n_bins=bins)
    counts = np.bincount(np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1), minlength=bins)
    return float((counts[counts > 0] * np.abs(shares - confidences)).sum() / len(labels))


def tempered_by_scipy(probabilities, temperature):
    from scipy.special import softmax

    return softmax(np.log(np.clip(probabilities.astype(np.float64), 1e-12, None)) / temperature, axis=1)


def thresholds_by_counting(probabilities, labels, steps=100):
    rows = []
    for step in range(steps + 1):
        answered = right = 0
        for row, label in zip(probabilities, labels, strict=True):
            if row.max() >= step / steps:
                answered += 1
                right += int(row.argmax() == label)
        rows.append((answered, answered / len(labels), right / answered if answered else -1))
    return rows


def error_interval(probabilities, labels):
    """Return the 95% bootstrap interval of the error. The error of few predictions is biased upwards, and so is that
    of a draw."""
    from tellapart.metrics.calibration import calibration_error

    random, count = np.random.default_rng(0), len(labels)
    drawn = (random.integers(0, count, count) for _ in range(DRAWS))
    errors = [calibration_error(probabilities[rows], labels[rows]) for rows in drawn]
    return tuple(float(value) for value in np.quantile(errors, (0.025, 0.975)))


def judged(name, probabilities, labels, temperature, fitted_on):
    """Return the figures of a model, all computed twice."""
    from tellapart.metrics.calibration import calibration_error, tempered, thresholds

    after = tempered(probabilities, temperature)
    apart = must_agree("temperature", after, tempered_by_scipy(probabilities, temperature))
    rows = []
    for when, given in (("before", probabilities), ("after", after)):
        error = calibration_error(given, labels)
        apart = max(apart, must_agree(f"{name} {when}", error, error_by_scikit_learn(given, labels)))
        low, high = error_interval(given, labels)
        rows.append(
            {
                "model": name,
                "temperature": "1" if when == "before" else f"{temperature:.3f}",
                "fitted on": "" if when == "before" else f"{fitted_on:,}",
                "pictures": f"{len(labels):,}",
                "ECE": f"{error:.4f}",
                "95% interval": f"{low:.4f} to {high:.4f}",
                "loss": f"{-np.log(given[np.arange(len(labels)), labels]).mean():.4f}",
                "mean confidence": f"{given.max(1).mean():.4f}",
                "accuracy": f"{(given.argmax(1) == labels).mean():.4f}",
            }
        )
    at_thresholds = thresholds(after, labels)
    ours = [
        (row.answers, row.answered, -1 if row.accuracy is None else row.accuracy) for row in at_thresholds
    ]
    apart = max(apart, must_agree(f"{name}, thresholds", ours, thresholds_by_counting(after, labels)))
    shown = [
        {
            "model": name,
            "sure from": f"{row.confidence:.2f}",
            "answered": f"{row.answered:.4f}",
            "answers": row.answers,
            "right of these": f"{row.accuracy:.4f}",
        }
        for row in at_thresholds
        if row.confidence in SHOWN and row.accuracy is not None
    ]
    return {"errors": rows, "thresholds": shown, "apart": apart}


def of_run(run):
    from tellapart.classifier.classifier import Classifier
    from tellapart.metrics.calibration import fit_temperature
    from tellapart.runs.predictions import load_predictions

    predictions, card = load_predictions(run / "predictions.safetensors"), Classifier.load(run).card
    held_out, test = predictions["validation"], predictions["test"]
    temperature = fit_temperature(held_out.probabilities, held_out.labels)
    name = f"a training of `{card.origin['recipe']}`, seed {card.origin['seed']}, its own predictions"
    return judged(name, test.probabilities, test.labels, temperature, len(held_out.labels))


def of_shipped():
    import tellapart
    from tellapart.data.split import divide
    from tellapart.data.store import load_split
    from tellapart.recipes.recipes import fast

    classifier = tellapart.load("cifar10")
    dataset = tellapart.open_dataset("cifar10")
    share, seed = fast().validation_share, classifier.card.origin["seed"]
    held_out = len(divide(dataset, validation=share, test=0, seed=seed).splits["validation"])
    test = load_split(dataset.splits["test"], classifier.card.preprocessing)
    probabilities = classifier.probabilities(test.images)
    return judged(
        "the built-in model, in float32", probabilities, test.labels, classifier.card.temperature, held_out
    )


def report_times(run):
    import tellapart

    page, whole, work, processor = run / "report.html", [], [], []
    for _ in range(ROUNDS):
        began, used = time.monotonic(), sum(os.times()[2:4])
        subprocess.run(
            [sys.executable, "-m", "tellapart", "report", str(run)], check=True, stdout=subprocess.DEVNULL
        )
        whole.append(time.monotonic() - began)
        processor.append(sum(os.times()[2:4]) - used)
    for _ in range(ROUNDS):
        began = time.monotonic()
        tellapart.report(run)
        work.append(time.monotonic() - began)
    return {
        "whole": whole,
        "processor": processor,
        "work": work,
        "bytes": page.stat().st_size,
    }


def page(record):
    both, report = record["models"], record["report"]
    errors = [row for model in both for row in model["errors"]]
    sure = [row for model in both for row in model["thresholds"]]
    return "\n".join(
        [
            f"# Calibration on CIFAR-10, {record['date']}",
            "",
            "Expected calibration error (15 bins of equal width) on the test split, with test-time augmentation, "
            f"before and after temperature scaling; 95% interval of {DRAWS} bootstrap draws, whose errors, like those "
            "of few predictions, are slightly too large. Every figure was computed twice, by the package and by "
            f"scikit-learn, SciPy and NumPy; largest difference: {max(model['apart'] for model in both):.1e}.",
            "",
            table(errors, list(errors[0])),
            "",
            "Predictions at or above a confidence threshold, calibrated, on the test split:",
            "",
            table(sure, list(sure[0])),
            "",
            f"`tellapart report RUN`, whole command: **{statistics.median(report['whole']):.1f} s** (median of "
            f"{', '.join(f'{seconds:.1f}' for seconds in report['whole'])}; processor time "
            f"{statistics.median(report['processor']):.1f} s); the work alone, within a process: "
            f"{statistics.median(report['work']):.1f} s ({', '.join(f'{seconds:.1f}' for seconds in report['work'])}). "
            f"The page has {report['bytes']:,} bytes.",
            "",
            *origin_lines(record),
        ]
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a finished training of `fast` on CIFAR-10")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    machine, now = hardware(), datetime.datetime.now().astimezone()
    record = {
        "date": now.isoformat(timespec="minutes"),
        "command": "python benchmarks/calibration_on_cifar10.py RUN",
        "hardware": machine,
        "versions": versions(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "models": [of_run(options.run), of_shipped()],
        "report": report_times(options.run),
    }
    print(json.dumps(record["report"]), file=sys.stderr)
    write_results(options.results, "calibration_on_cifar10", now, page(record), record)


if __name__ == "__main__":
    main()
