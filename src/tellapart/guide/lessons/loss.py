"""Loss: one weight of a small network, four of its answers, and a training in which loss and accuracy part."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.guide.lessons import _digits_training as few_digits
from tellapart.guide.lessons._digits_training import Training, losses_of, trained
from tellapart.guide.lessons.dropout import best_epoch, rounded
from tellapart.keras_backend import import_keras

EPOCHS = 10
"""Passes of the network whose weight is moved: it has learned something, and not yet all."""

WEIGHTS = np.round(np.linspace(-2, 2, 161), 3)
"""The values that the weight is given."""


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    return {**quick_facts(), "apart": apart()}


def quick_facts() -> dict[str, Any]:
    """All but what needs a whole training."""
    from tellapart.metrics.validation import EPSILON

    return {
        "epsilon": EPSILON,
        "epochs": EPOCHS,
        "pictures": few_digits.TRAIN_IMAGES,
        "moved": moved_weight(),
        "batch": batch(),
    }


def moved_weight() -> dict[str, Any]:
    """One weight of the last layer, and what the pictures learned from say to each of its values."""
    training = trained(0, epochs=EPOCHS)
    place = strongest(training)
    own = float(last_layer(training).get_weights()[0][place])
    rows = [judged_with(training, place, float(value)) for value in WEIGHTS]
    mistakes = [count for _, count in rows]
    return {
        "own": own,
        "weights": WEIGHTS.tolist(),
        "loss": [loss for loss, _ in rows],
        "mistakes": mistakes,
        "level": level(mistakes, int(np.abs(WEIGHTS - own).argmin())),
        "changes": int((np.diff(mistakes) != 0).sum()),
    }


def level(mistakes: list[int], start: int) -> list[int]:
    """The first and the last place of the stretch around `start` in which the count does not change."""
    other = np.flatnonzero(np.array(mistakes) != mistakes[start])
    before, after = other[other < start], other[other > start]
    return [int(before[-1]) + 1 if len(before) else 0, int(after[0]) - 1 if len(after) else len(mistakes) - 1]


def last_layer(training: Training) -> Any:
    """The dense layer before the softmax, and with it."""
    return training.model.layers[-1]


def strongest(training: Training) -> tuple[int, int]:
    """The place of the last layer's largest weight, by absolute value."""
    kernel = last_layer(training).get_weights()[0]
    row, column = np.unravel_index(np.abs(kernel).argmax(), kernel.shape)
    return int(row), int(column)


def judged_with(training: Training, place: tuple[int, int], value: float) -> tuple[float, int]:
    """Mean loss and number of mistakes on the pictures learned from, were one weight another. It is put back."""
    keras = import_keras()
    layer, pictures = last_layer(training), training.splits["train"]
    kernel, bias = layer.get_weights()
    other = kernel.copy()
    other[place] = value
    layer.set_weights([other, bias])
    found = keras.ops.convert_to_numpy(training.model(pictures.images, training=False))
    layer.set_weights([kernel, bias])
    return float(losses_of(found, pictures.labels).mean()), int((found.argmax(1) != pictures.labels).sum())


def batch() -> list[dict[str, Any]]:
    """Three judging pictures that the network is right about, and one that it is wrong about."""
    training = trained(0, epochs=EPOCHS)
    pictures, found = training.splits["test"], training.probabilities[-1]["test"]
    right = found.argmax(1) == pictures.labels
    rows = [*np.flatnonzero(right)[:3], np.flatnonzero(~right)[0]]
    return [
        {
            "picture": np.round(pictures.images[row]).astype(int).flatten().tolist(),
            "label": int(pictures.labels[row]),
            "probabilities": found[row].tolist(),
        }
        for row in rows
    ]


def apart() -> dict[str, Any]:
    """A training from the epoch of its lowest held-out loss to its last: mistakes, and what each kind costs."""
    training = trained(0)
    return {
        "pictures": len(training.splits["test"].labels),
        "early": _costs(training, best_epoch(training)),
        "late": _costs(training, training.epochs - 1),
    }


def _costs(training: Training, epoch: int) -> dict[str, float]:
    losses: NDArray[np.float64] = training.losses("test", epoch)
    wrong = training.probabilities[epoch]["test"].argmax(1) != training.splits["test"].labels
    told = {"loss": losses.mean(), "of_right": losses[~wrong].mean(), "of_wrong": losses[wrong].mean()}
    return {"epoch": epoch + 1, "mistakes": int(wrong.sum()), **rounded(told)}
