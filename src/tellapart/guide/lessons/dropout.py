"""Dropout: activations to drop, and trainings on few digits with and without it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.guide.lessons import _digits_training as few_digits
from tellapart.guide.lessons._digits_training import Training, trained
from tellapart.keras_backend import import_keras

SEEDS = 10
RATES = (0.0, 0.25, 0.5)
"""None, and the tutorial's two."""

EVERY = 4
"""Of so many epochs one is drawn."""

SHOWN_EPOCHS = 10
"""Passes after which the activations are those that are dropped on the page."""

MEANS: dict[str, dict[str, Any]] = {
    "plain": {},
    "quarter": {"dropped": 0.25},
    "half": {"dropped": 0.5},
    "shifted": {"shifted": True},
    "more": {"learned": few_digits.MORE, "epochs": few_digits.EPOCHS * few_digits.LEARNED // few_digits.MORE},
}
"""What was tried against overfitting: all take as many steps."""


def facts() -> dict[str, Any]:
    """What the lesson shows: sixty trainings, some minutes and more."""
    found: dict[str, Any] = {name: [] for name in (*MEANS, "stopped")}
    curves: dict[str, list[Any]] = {}
    for name, options in MEANS.items():
        for seed in range(SEEDS):
            training = trained(seed, **options)
            found[name].append(judged(training, -1))
            if name == "plain":
                found["stopped"].append(judged(training, best_epoch(training)))
            if name in ("plain", "quarter", "half"):
                curves.setdefault(str(options.get("dropped", 0.0)), []).append(curves_of(training))
    rare = rare_digit()
    told = summary(found, curves["0.0"], rare)
    return {**quick_facts(), "curves": curves, "judged": found, "rare": rare, "summary": told}


def quick_facts() -> dict[str, Any]:
    """What can be told without sixty trainings."""
    before, after = split_counts(), trained(0, epochs=3)
    return {
        "pictures": before,
        "epochs": few_digits.EPOCHS,
        "width": few_digits.WIDTH,
        "seeds": SEEDS,
        "every": EVERY,
        "tutorial": tutorial_rates(),
        "activations": activations().tolist(),
        "first_losses": {split: after.loss(split).tolist() for split in few_digits.SPLITS},
    }


def split_counts() -> dict[str, int]:
    """Pictures of each split, and of the larger one to learn from."""
    splits = {name: len(one.labels) for name, one in few_digits.split_digits(0).items()}
    return {**splits, "more": few_digits.MORE, "rare": few_digits.RARE_PICTURES}


def tutorial_rates() -> list[float]:
    """Of the Dropout layers of the tutorial's network, in their order."""
    from tellapart.models.first_cnn import first_cnn

    keras = import_keras()
    model = first_cnn((32, 32, 3), 10)
    return [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]


def activations() -> NDArray[np.float32]:
    """What the first hidden layer says of the first judging picture, after a short training. (64,)."""
    keras = import_keras()
    training = trained(0, 0.25, epochs=SHOWN_EPOCHS)
    hidden = next(layer for layer in training.model.layers if isinstance(layer, keras.layers.Dense))
    picture = training.splits["judging"].images[:1]
    return keras.ops.convert_to_numpy(keras.Model(training.model.inputs[0], hidden.output)(picture))[0]


def best_epoch(training: Training) -> int:
    """Counted from 0; chosen by the pictures that were held out for it, not by the judging ones."""
    return int(training.loss("held_out").argmin())


def judged(training: Training, epoch: int) -> dict[str, float]:
    """Accuracy and loss on the judging pictures after an epoch."""
    told = {"accuracy": training.accuracy("judging")[epoch], "loss": training.loss("judging")[epoch]}
    return {
        **rounded({**told, "learned": training.accuracy("learned")[epoch]}),
        "epoch": epoch % training.epochs + 1,
    }


def curves_of(training: Training) -> dict[str, list[float]]:
    """By every fourth epoch: accuracy and loss on the pictures learned from, and on the judging ones."""
    return {
        f"{split}_{name}": np.round(of(split)[EVERY - 1 :: EVERY], 4).tolist()
        for split in ("learned", "judging")
        for name, of in (("accuracy", training.accuracy), ("loss", training.loss))
    }


def rare_digit() -> dict[str, list[dict[str, float]]]:
    """Where one digit is rare among the pictures to learn from: what share of it is found, and of the others."""
    return {str(rate): [found_of_rare(seed, rate) for seed in range(SEEDS)] for rate in (0.0, 0.5)}


def found_of_rare(seed: int, rate: float) -> dict[str, float]:
    """One training with a rare digit: the shares of it and of the others that are found."""
    training = trained(seed, rate, rare=True)
    labels = training.splits["judging"].labels
    right = training.probabilities[-1]["judging"].argmax(1) == labels
    is_rare = labels == few_digits.RARE
    return rounded({"rare": right[is_rare].mean(), "others": right[~is_rare].mean()})


def summary(
    found: dict[str, list[dict[str, float]]],
    plain_curves: list[dict[str, list[float]]],
    rare: dict[str, list[dict[str, float]]],
) -> dict[str, Any]:
    """Means and extremes over the seeds; in how many of them each means did better than none; and the turn.

    Args:
        found: `judged` of each seed, by what was tried.
        plain_curves: `curves_of` of each seed, without Dropout.
        rare: as `rare_digit` gives it.
    """
    plain = found["plain"]
    told: dict[str, Any] = {
        name: {
            "accuracy": _spread([one["accuracy"] for one in rows]),
            "loss": _spread([one["loss"] for one in rows]),
            "more_right": sum(a["accuracy"] > b["accuracy"] for a, b in zip(rows, plain, strict=True)),
            "less_loss": sum(a["loss"] < b["loss"] for a, b in zip(rows, plain, strict=True)),
        }
        for name, rows in found.items()
    }
    losses = np.mean([one["judging_loss"] for one in plain_curves], axis=0)
    lowest = int(losses.argmin())
    turn = {"epoch": EVERY * (lowest + 1), "loss": round(float(losses[lowest]), 5)}
    rates = {
        rate: {name: _spread([one[name] for one in rows]) for name in ("rare", "others")}
        for rate, rows in rare.items()
    }
    return {**told, "turn": turn, "rare": rates}


def _spread(values: list[float]) -> dict[str, float]:
    return rounded({"mean": np.mean(values), "least": min(values), "most": max(values)})


def rounded(told: dict[str, Any]) -> dict[str, float]:
    """To five decimals."""
    return {name: round(float(value), 5) for name, value in told.items()}
