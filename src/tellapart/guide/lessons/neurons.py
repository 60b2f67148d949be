"""Neurons: digits on a plane for one neuron, and a network of three, kept at every few steps of its training."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.keras_backend import import_keras

DIGITS = 60

STEPS, BETWEEN = 300, 5
"""Of the training; and how many lie between two looks at it."""

SEEDS = {"good": 9, "stuck": 0}

Weights = list[NDArray[np.float32]]
"""As Keras has them: (2, 2) and (2,) of the two hidden neurons, (2, 1) and (1,) of the last."""


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    return quick_facts() | {"trainings": {name: training(seed) for name, seed in SEEDS.items()}}


def quick_facts() -> dict[str, Any]:
    """All but the trainings."""
    images, labels = digits()
    pictures, edges = pairs()
    return {
        "digits": images.reshape(len(images), -1).tolist(),
        "labels": labels.tolist(),
        "points": measured(images).round(4).tolist(),
        "pairs": pictures.tolist(),
        "edges": edges.tolist(),
        "seeds": SEEDS,
        "between": BETWEEN,
    }


def digits() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first zeros and ones of scikit-learn: (DIGITS, 8, 8) from 0 to 16, and (DIGITS,)."""
    from sklearn.datasets import load_digits

    known = load_digits()
    chosen = np.flatnonzero(known.target < 2)[:DIGITS]
    return known.images[chosen].astype(np.int64), known.target[chosen].astype(np.int64)


def measured(images: NDArray[np.int64]) -> NDArray[np.float64]:
    """How light the middle of each digit is, and what lies left and right of it.

    Args:
        images: (N, 8, 8), from 0 to 16.

    Returns:
        (N, 2), from 0 to 1.
    """
    rows = images[:, 3:5] / 16
    return np.stack([rows[:, :, 3:5].mean((1, 2)), rows[:, :, [1, 2, 5, 6]].mean((1, 2))], axis=1)


def pairs() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pictures of two pixels, (48, 2) from 0 to 1, and (48,) whether exactly one of the pixels is light."""
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    noise = np.random.default_rng(0).normal(0, 0.07, (4, 12, 2))
    pictures = np.clip(0.15 + 0.7 * corners[:, None] + noise, 0, 1).reshape(-1, 2)
    return pictures.round(3).astype(np.float32), np.repeat(corners.sum(1) == 1, 12).astype(np.int64)


def network() -> Any:
    """Two neurons with ReLU side by side, and one with a sigmoid behind them: a Keras model, (B, 2) -> (B, 1)."""
    keras = import_keras()
    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((2,)), dense(2, activation="relu"), dense(1, activation="sigmoid")])


def training(seed: int) -> list[dict[str, Any]]:
    """The network's numbers, its loss and its mistakes, before the first step and after every few."""
    keras = import_keras()
    keras.utils.set_random_seed(seed)
    model = network()
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    pictures, edges = pairs()
    looks = [_look(model)]
    for step in range(STEPS):
        model.train_on_batch(pictures, edges[:, None].astype(np.float32))
        if (step + 1) % BETWEEN == 0:
            looks.append(_look(model))
    return looks


def _look(model: Any) -> dict[str, Any]:
    numbers = [weight.round(4) for weight in model.get_weights()]
    said, (_, edges) = answers(numbers), pairs()
    of_truth = np.where(edges == 1, said, 1 - said)
    return {
        "weights": [float(f"{one:.4f}") for weight in numbers for one in weight.flatten()],
        "mistakes": int(((said > 0.5) != edges).sum()),
        "loss": round(float(-np.log(of_truth).mean()), 4),
    }


def answers(weights: Weights) -> NDArray[np.float64]:
    """What a network with these numbers says of the pairs: (48,), as Keras computes it."""
    model = network()
    model.set_weights(weights)
    said = import_keras().ops.convert_to_numpy(model(pairs()[0]))
    return said[:, 0].astype(np.float64)


def arranged(numbers: list[float]) -> Weights:
    """The nine numbers of a look as Keras has them."""
    flat = np.array(numbers, np.float32)
    return [flat[:4].reshape(2, 2), flat[4:6], flat[6:8].reshape(2, 1), flat[8:]]
