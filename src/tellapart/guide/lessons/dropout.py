"""Dropout: activations to drop, and trainings on few digits with and without it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.guide.lessons import _digits_training as few_digits
from tellapart.guide.lessons._digits_training import Training, trained
from tellapart.keras_backend import import_keras

SEEDS = 10
RATES = (0.0, 0.25, 0.5)
"""No Dropout, and the tutorial's two rates."""

EVERY = 4
"""Epochs between two points of a curve."""

SHOWN_EPOCHS = 10
"""Epochs before the activations that the page drops are taken."""

MEANS: dict[str, dict[str, Any]] = {
    "plain": {},
    "quarter": {"dropped": 0.25},
    "half": {"dropped": 0.5},
    "shifted": {"shifted": True},
    "more": {
        "train_images": few_digits.MORE_IMAGES,
        "epochs": few_digits.EPOCHS * few_digits.TRAIN_IMAGES // few_digits.MORE_IMAGES,
    },
}
"""Remedies for overfitting; all take the same number of steps."""


def facts() -> dict[str, Any]:
    """Compute what the lesson shows: sixty trainings, which take some minutes."""
    scores: dict[str, Any] = {name: [] for name in (*MEANS, "stopped")}
    curves: dict[str, list[Any]] = {}
    for name, options in MEANS.items():
        for seed in range(SEEDS):
            training = trained(seed, **options)
            scores[name].append(score(training, -1))
            if name == "plain":
                scores["stopped"].append(score(training, best_epoch(training)))
            if name in ("plain", "quarter", "half"):
                curves.setdefault(str(options.get("dropped", 0.0)), []).append(curves_of(training))
    rare = rare_digit()
    means = summary(scores, curves["0.0"], rare)
    return {**quick_facts(), "curves": curves, "scores": scores, "rare": rare, "summary": means}


def quick_facts() -> dict[str, Any]:
    """Compute what needs no sixty trainings."""
    short = trained(0, epochs=3)
    return {
        "images": split_counts(),
        "epochs": few_digits.EPOCHS,
        "width": few_digits.WIDTH,
        "seeds": SEEDS,
        "every": EVERY,
        "tutorial": tutorial_rates(),
        "activations": activations().tolist(),
        "first_losses": {split: short.loss(split).tolist() for split in few_digits.SPLITS},
    }


def split_counts() -> dict[str, int]:
    """Count the images of each split, of the larger training split, and of the rare digit."""
    splits = {name: len(split.labels) for name, split in few_digits.split_digits(0).items()}
    return {**splits, "more": few_digits.MORE_IMAGES, "rare": few_digits.RARE_IMAGES}


def tutorial_rates() -> list[float]:
    """Return the rates of the tutorial's Dropout layers, in order."""
    from tellapart.models.first_cnn import first_cnn

    keras = import_keras()
    model = first_cnn((32, 32, 3), 10)
    return [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]


def activations() -> NDArray[np.float32]:
    """Return the first hidden layer's activations for the first test image, after a short training. (64,)."""
    keras = import_keras()
    training = trained(0, 0.25, epochs=SHOWN_EPOCHS)
    hidden = next(layer for layer in training.model.layers if isinstance(layer, keras.layers.Dense))
    image = training.splits["test"].images[:1]
    return keras.ops.convert_to_numpy(keras.Model(training.model.inputs[0], hidden.output)(image))[0]


def best_epoch(training: Training) -> int:
    """Return the epoch with the lowest validation loss, counted from 0."""
    return int(training.loss("validation").argmin())


def score(training: Training, epoch: int) -> dict[str, float]:
    """Return test accuracy and loss, and training accuracy, after an epoch."""
    values = {
        "accuracy": training.accuracy("test")[epoch],
        "loss": training.loss("test")[epoch],
        "train_accuracy": training.accuracy("train")[epoch],
    }
    return {**rounded(values), "epoch": epoch % training.epochs + 1}


def curves_of(training: Training) -> dict[str, list[float]]:
    """Return training and test accuracy and loss after every fourth epoch."""
    return {
        f"{split}_{name}": np.round(of(split)[EVERY - 1 :: EVERY], 4).tolist()
        for split in ("train", "test")
        for name, of in (("accuracy", training.accuracy), ("loss", training.loss))
    }


def rare_digit() -> dict[str, list[dict[str, float]]]:
    """Train with one digit rare; return the recall of that digit and of the others."""
    return {str(rate): [recall_of_rare(seed, rate) for seed in range(SEEDS)] for rate in (0.0, 0.5)}


def recall_of_rare(seed: int, rate: float) -> dict[str, float]:
    """Train once with a rare digit; return its recall and that of the others."""
    training = trained(seed, rate, rare=True)
    labels = training.splits["test"].labels
    is_correct = training.probabilities[-1]["test"].argmax(1) == labels
    is_rare = labels == few_digits.RARE
    return rounded({"rare": is_correct[is_rare].mean(), "others": is_correct[~is_rare].mean()})


def summary(
    scores: dict[str, list[dict[str, float]]],
    plain_curves: list[dict[str, list[float]]],
    rare: dict[str, list[dict[str, float]]],
) -> dict[str, Any]:
    """Summarize the trainings: means and extremes over the seeds, how often each remedy helped, and the best epoch.

    Args:
        scores: `score` of each seed, by remedy.
        plain_curves: `curves_of` of each seed, without Dropout.
        rare: from `rare_digit`.
    """
    plain = scores["plain"]
    by_remedy: dict[str, Any] = {
        name: {
            "accuracy": _spread([row["accuracy"] for row in rows]),
            "loss": _spread([row["loss"] for row in rows]),
            "more_accurate": sum(a["accuracy"] > b["accuracy"] for a, b in zip(rows, plain, strict=True)),
            "less_loss": sum(a["loss"] < b["loss"] for a, b in zip(rows, plain, strict=True)),
        }
        for name, rows in scores.items()
    }
    losses = np.mean([curve["test_loss"] for curve in plain_curves], axis=0)
    lowest = int(losses.argmin())
    best = {"epoch": EVERY * (lowest + 1), "loss": round(float(losses[lowest]), 5)}
    rates = {
        rate: {name: _spread([row[name] for row in rows]) for name in ("rare", "others")}
        for rate, rows in rare.items()
    }
    return {**by_remedy, "best": best, "rare": rates}


def _spread(values: list[float]) -> dict[str, float]:
    return rounded({"mean": np.mean(values), "least": min(values), "most": max(values)})


def rounded(values: dict[str, Any]) -> dict[str, float]:
    """Round to five decimals."""
    return {name: round(float(value), 5) for name, value in values.items()}
