"""Neurons: digits on a plane for one neuron, and snapshots of a network of three during its training."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.keras_backend import import_keras

DIGITS = 60

STEPS, BETWEEN = 300, 5
"""Training steps, and those between two snapshots."""

SEEDS = {"good": 9, "stuck": 0}

Weights = list[NDArray[np.float32]]
"""In Keras's order: (2, 2) and (2,) of the two hidden neurons, (2, 1) and (1,) of the last."""


def facts() -> dict[str, Any]:
    """Compute what the lesson shows."""
    return quick_facts() | {"trainings": {name: training(seed) for name, seed in SEEDS.items()}}


def quick_facts() -> dict[str, Any]:
    """Compute everything but the trainings."""
    images, labels = digits()
    images_of_two, edges = pairs()
    return {
        "digits": images.reshape(len(images), -1).tolist(),
        "labels": labels.tolist(),
        "points": measured(images).round(4).tolist(),
        "pairs": images_of_two.tolist(),
        "edges": edges.tolist(),
        "seeds": SEEDS,
        "between": BETWEEN,
    }


def digits() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return scikit-learn's first zeros and ones: (DIGITS, 8, 8) from 0 to 16, and (DIGITS,) labels."""
    from sklearn.datasets import load_digits

    dataset = load_digits()
    chosen = np.flatnonzero(dataset.target < 2)[:DIGITS]
    return dataset.images[chosen].astype(np.int64), dataset.target[chosen].astype(np.int64)


def measured(images: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how bright each digit is in its center and on both sides of it.

    Args:
        images: (N, 8, 8), from 0 to 16.

    Returns:
        (N, 2), from 0 to 1.
    """
    rows = images[:, 3:5] / 16
    return np.stack([rows[:, :, 3:5].mean((1, 2)), rows[:, :, [1, 2, 5, 6]].mean((1, 2))], axis=1)


def pairs() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return images of two pixels, (48, 2) from 0 to 1, and whether exactly one pixel is bright, (48,)."""
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    noise = np.random.default_rng(0).normal(0, 0.07, (4, 12, 2))
    images = np.clip(0.15 + 0.7 * corners[:, None] + noise, 0, 1).reshape(-1, 2)
    return images.round(3).astype(np.float32), np.repeat(corners.sum(1) == 1, 12).astype(np.int64)


def network() -> Any:
    """Build two ReLU neurons side by side, followed by a sigmoid neuron: a Keras model, (B, 2) -> (B, 1)."""
    keras = import_keras()
    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((2,)), dense(2, activation="relu"), dense(1, activation="sigmoid")])


def training(seed: int) -> list[dict[str, Any]]:
    """Train the network; return snapshots (weights, loss, mistakes) from before the first step and every few steps."""
    keras = import_keras()
    keras.utils.set_random_seed(seed)
    model = network()
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
    images, edges = pairs()
    snapshots = [_snapshot(model)]
    for step in range(STEPS):
        model.train_on_batch(images, edges[:, None].astype(np.float32))
        if (step + 1) % BETWEEN == 0:
            snapshots.append(_snapshot(model))
    return snapshots


def _snapshot(model: Any) -> dict[str, Any]:
    weights = [weight.round(4) for weight in model.get_weights()]
    outputs, (_, edges) = predicted(weights), pairs()
    target_probabilities = np.where(edges == 1, outputs, 1 - outputs)
    return {
        "weights": [float(f"{value:.4f}") for weight in weights for value in weight.flatten()],
        "mistakes": int(((outputs > 0.5) != edges).sum()),
        "loss": round(float(-np.log(target_probabilities).mean()), 4),
    }


def predicted(weights: Weights) -> NDArray[np.float64]:
    """Return a network's outputs for the pairs, as Keras computes them: (48,)."""
    model = network()
    model.set_weights(weights)
    outputs = import_keras().ops.convert_to_numpy(model(pairs()[0]))
    return outputs[:, 0].astype(np.float64)


def arranged(numbers: list[float]) -> Weights:
    """Return the nine numbers of a snapshot in Keras's shapes."""
    flat = np.array(numbers, np.float32)
    return [flat[:4].reshape(2, 2), flat[4:6], flat[6:8].reshape(2, 1), flat[8:]]
