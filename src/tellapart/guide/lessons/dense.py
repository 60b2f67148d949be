"""Dense: numbers to flatten, ten units that classify digits, and their parameters."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.guide.lessons._photo import cat

TRAIN_DIGITS = 1297
"""Training digits of scikit-learn's 1,797; the rest is the test set."""

EPOCHS = 20


def facts() -> dict[str, Any]:
    """Compute what the lesson shows."""
    weights, biases = trained()
    _, _, images, labels = digits()
    predictions = (images.reshape(-1, 64) @ weights + biases).argmax(1)
    firsts = [int(np.flatnonzero(labels == label)[0]) for label in range(10)]
    mistakes = [int(row) for row in np.flatnonzero(predictions != labels)[:2]]
    return {
        **quick_facts(),
        "weights": weights.T.tolist(),
        "biases": biases.tolist(),
        "correct": int((predictions == labels).sum()),
        "digits": [
            {"pixels": images[row].flatten().astype(int).tolist(), "label": int(labels[row])}
            for row in firsts + mistakes
        ],
    }


def quick_facts() -> dict[str, Any]:
    """Compute what needs no training."""
    from tellapart.models.first_cnn import first_cnn

    model = first_cnn((32, 32, 3), 10)
    return {
        "cat": cat(4).flatten().tolist(),
        "train": TRAIN_DIGITS,
        "test": len(digits()[2]),
        "own_parameters": network().count_params(),
        "layers": [
            {"name": name_of(layer), "parameters": layer.count_params()}
            for layer in model.layers
            if layer.weights
        ],
        "all_parameters": model.count_params(),
    }


def name_of(layer: Any) -> str:
    """Return a layer's class and its number of units or kernels, as in the tutorial's code."""
    config = layer.get_config()
    return f"{type(layer).__name__}({config['units'] if 'units' in config else config['filters']})"


def digits() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Return scikit-learn's digits, shuffled and split.

    Returns:
        Training images, (N, 8, 8, 1) from 0 to 16, and labels, (N,); then the same of the test set.
    """
    from sklearn.datasets import load_digits

    dataset = load_digits()
    order = np.random.default_rng(0).permutation(len(dataset.target))
    images = dataset.images[order, ..., None].astype(np.float32)
    labels = dataset.target[order].astype(np.int64)
    return images[:TRAIN_DIGITS], labels[:TRAIN_DIGITS], images[TRAIN_DIGITS:], labels[TRAIN_DIGITS:]


def network() -> Any:
    """Build Flatten, Dense(10) and softmax. All weights start at zero, which works for a single layer."""
    from tellapart.keras_backend import import_keras

    keras = import_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),  # (B, 64)
            layers.Dense(10, kernel_initializer="zeros"),
            layers.Activation("softmax"),  # (B, 10)
        ]
    )


@cache
def trained() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Train the network on the engine.

    Returns:
        Weights (64, 10) and biases (10,), to four decimals.
    """
    import tellapart
    from tellapart.keras_backend import import_keras

    keras = import_keras()
    keras.utils.set_random_seed(0)
    model = network()
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    images, labels, *_ = digits()
    tellapart.fit(model, images, labels, epochs=EPOCHS, batch_size=32, verbose=0)
    weights, biases = (np.round(weight.astype(np.float64), 4) for weight in model.get_weights())
    return weights, biases
