"""Softmax: calibration, measured on few digits and read from the benchmark of CIFAR-10."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.guide.lessons._digits_training import trained
from tellapart.guide.lessons.dropout import SEEDS, rounded
from tellapart.metrics.calibration import calibration_error, fit_temperature, reliability, tempered

BINS = 10
"""Of equal width, from no confidence to full."""

NEAR_98 = (0.975, 0.985)
"""Confidences within this range count as 98%."""

PUBLISHED = Path("benchmarks/results/calibration_on_cifar10-2026-11-23-1327.json")
"""In the repository, of which this module is a part."""

SHIPPED = "the one that comes along, in float32"
"""The model's name there."""


def facts() -> dict[str, Any]:
    """Compute what the lesson shows, with ten trainings."""
    networks = [answers_of(seed) for seed in range(SEEDS)]
    return {
        **quick_facts(),
        "digits": {when: pooled(networks, when) for when in ("before", "after")},
        "temperatures": [round(one["temperature"], 4) for one in networks],
        "networks": [judged(one["before"], one["labels"]) for one in networks],
    }


def quick_facts() -> dict[str, Any]:
    """Compute what needs no training."""
    return {"seeds": SEEDS, "published": published()}


def answers_of(seed: int) -> dict[str, Any]:
    """A network's answers to digits that it neither learned from nor got its temperature by.

    Returns:
        "before" and "after" the temperature: (N, 10); "labels": (N,); "temperature".
    """
    training = trained(seed)
    given, splits = training.probabilities[-1], training.splits
    temperature = fit_temperature(given["validation"], splits["validation"].labels)
    before = given["test"].astype(np.float64)
    return {
        "before": before,
        "after": tempered(before, temperature),
        "labels": splits["test"].labels,
        "temperature": temperature,
    }


def pooled(networks: list[dict[str, Any]], when: str) -> dict[str, Any]:
    """Return the pooled predictions of all networks: their bins, and those made with 98% confidence."""
    probabilities = np.concatenate([one[when] for one in networks])
    labels = np.concatenate([one["labels"] for one in networks])
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    near = (sure >= NEAR_98[0]) & (sure < NEAR_98[1])
    bins = reliability(probabilities, labels, BINS)
    return {
        **judged(probabilities, labels),
        "near_98": {"answers": int(near.sum()), "right": int(right[near].sum())},
        "bins": [
            {"answers": one.answers, **rounded({"confidence": one.confidence, "accuracy": one.accuracy})}
            for one in bins
        ],
    }


def judged(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, Any]:
    """How many answers, how sure on average, what share is right, and how far the two are apart bin by bin."""
    told = {
        "confidence": probabilities.max(1).mean(),
        "accuracy": (probabilities.argmax(1) == labels).mean(),
        "error": calibration_error(probabilities, labels, BINS),
    }
    return {"answers": len(labels), **rounded(told)}


def published() -> dict[str, Any]:
    """Return the benchmark's figures for the built-in CIFAR-10 model."""
    record = json.loads((Path(__file__).parents[4] / PUBLISHED).read_text(encoding="utf-8"))
    model = next(one for one in record["models"] if one["errors"][0]["model"] == SHIPPED)
    before, after = (_numbers(row) for row in model["errors"])
    sure = next(row for row in model["thresholds"] if row["sure from"] == "0.95")
    return {
        "file": PUBLISHED.name,
        "pictures": int(model["errors"][0]["pictures"].replace(",", "")),
        "fitted_on": int(model["errors"][1]["fitted on"].replace(",", "")),
        "temperature": float(model["errors"][1]["temperature"]),
        "before": before,
        "after": after,
        "sure": {"answers": sure["answers"], "accuracy": float(sure["right of these"])},
    }


def _numbers(row: dict[str, str]) -> dict[str, float]:
    return {
        "confidence": float(row["mean confidence"]),
        "accuracy": float(row["accuracy"]),
        "error": float(row["ECE"]),
    }
