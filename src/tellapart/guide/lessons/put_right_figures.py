"""The figures in the cards of `put_right`, computed or read from `benchmarks/results`, as they are written there."""

import json

import numpy as np

from tellapart.guide.lessons.better import (
    newest,
    one_training,
    rates,
    several_trainings,
    trainings_to_63,
    whole_trainings,
)
from tellapart.metrics.scores import wilson_interval
from tellapart.text import percent

SAID_PROBABILITIES = (0.98, 0.70, 0.56)
"""Of three classes of one picture, as the tutorial prints them."""

GUESSERS, GUESSED_PICTURES, CLASSES = 200, 1_000, 10
TRAINING_PICTURES, BATCH_SIZE, EPOCHS = 50_000, 32, 200
"""The tutorial's."""


def figures() -> dict[str, str]:
    """Name -> number."""
    return {**_computed(), **_measured()}


def steps_per_epoch() -> int:
    """Of the tutorial's training."""
    return -(-TRAINING_PICTURES // BATCH_SIZE)


def _computed() -> dict[str, str]:
    from tellapart.data.sources.catalog import find_known
    from tellapart.models.first_cnn import first_cnn

    known = find_known("cifar10")
    assert known is not None
    flatten = next(
        layer for layer in first_cnn((32, 32, 3), CLASSES).layers if layer.name.startswith("flatten")
    )
    low, high = wilson_interval(6_300, 10_000)
    chosen, anew = guessed()
    return {
        "class_names": ", ".join(known.class_names),
        "flat_shape": " × ".join(map(str, flatten.input.shape[1:])),
        "flat": f"{flatten.output.shape[1]:,}",
        "said_sum": f"{sum(SAID_PROBABILITIES):.2f}",
        "left_over": f"{1 - SAID_PROBABILITIES[0]:.2f}",
        "steps": f"{steps_per_epoch():,}",
        "last_batch": str(TRAINING_PICTURES - (steps_per_epoch() - 1) * BATCH_SIZE),
        "guessers": str(GUESSERS),
        "luck": percent(chosen),
        "new": percent(anew),
        "twice": f"{255 / 255 / 255:.4f}",
        "low": percent(low),
        "high": percent(high),
        "rate_left": percent(rates("first-cnn")[-1], 0),
    }


def guessed() -> tuple[float, float]:
    """The accuracy of the best of GUESSERS on GUESSED_PICTURES, and the same one's on as many others."""
    random = np.random.default_rng(0)
    truth, others = random.integers(0, CLASSES, (2, GUESSED_PICTURES))
    guesses = random.integers(0, CLASSES, (GUESSERS, 2, GUESSED_PICTURES))
    accuracies = (guesses[:, 0] == truth).mean(1)
    best = accuracies.argmax()
    return float(accuracies[best]), float((guesses[best, 1] == others).mean())


def _measured() -> dict[str, str]:
    first = one_training("first-cnn")
    to_63 = several_trainings("fast to 63%", *trainings_to_63())
    fast = several_trainings("fast", *whole_trainings())
    path = newest("calibration_on_cifar10-*.json")
    told = json.loads(path.read_text(encoding="utf-8"))["models"][0]["errors"][0]
    return {
        "epochs_made": str(first["epochs"]),
        "last": percent(first["accuracy"]),
        "highest": percent(max(accuracy for _, accuracy in first["curve"])),
        "seconds_to_63": f"{60 * to_63['minutes']:.0f}",
        "trainings_to_63": str(to_63["trainings"]),
        "minutes_of_fast": f"{fast['minutes']:.0f}",
        "trainings": str(fast["trainings"]),
        "accuracy_of_fast": percent(fast["accuracy"]),
        "lowest": percent(fast["lowest"]),
        "highest_fast": percent(fast["highest"]),
        "confidence": percent(float(told["mean confidence"])),
        "right": percent(float(told["accuracy"])),
    }
