"""Dense: numbers to be laid into a row, ten units that read digits, and what they cost in parameters."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.guide.lessons._photo import cat

LEARNED = 1297
"""Of scikit-learn's 1,797 digits; the rest is asked."""

EPOCHS = 20


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    weights, biases = trained()
    _, _, pictures, labels = digits()
    answers = (pictures.reshape(-1, 64) @ weights + biases).argmax(1)
    asked = [int(np.flatnonzero(labels == label)[0]) for label in range(10)]
    wrong = [int(at) for at in np.flatnonzero(answers != labels)[:2]]
    return {
        **quick_facts(),
        "weights": weights.T.tolist(),
        "biases": biases.tolist(),
        "right": int((answers == labels).sum()),
        "digits": [
            {"pixels": pictures[at].flatten().astype(int).tolist(), "label": int(labels[at])}
            for at in asked + wrong
        ],
    }


def quick_facts() -> dict[str, Any]:
    """What can be told without a training."""
    from tellapart.models.first_cnn import first_cnn

    model = first_cnn((32, 32, 3), 10)
    return {
        "cat": cat(4).flatten().tolist(),
        "learned": LEARNED,
        "asked": len(digits()[2]),
        "own_parameters": network().count_params(),
        "layers": [
            {"name": told(layer), "parameters": layer.count_params()}
            for layer in model.layers
            if layer.weights
        ],
        "all_parameters": model.count_params(),
    }


def told(layer: Any) -> str:
    """A layer's name and how many units or kernels it has, as the tutorial writes it."""
    config = layer.get_config()
    return f"{type(layer).__name__}({config['units'] if 'units' in config else config['filters']})"


def digits() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Scikit-learn's digits, shuffled: to learn from, and to be asked.

    Returns:
        (N, 8, 8, 1) of 0 to 16, (N,), and both again for those that are asked.
    """
    from sklearn.datasets import load_digits

    known = load_digits()
    order = np.random.default_rng(0).permutation(len(known.target))
    pictures = known.images[order, ..., None].astype(np.float32)
    labels = known.target[order].astype(np.int64)
    return pictures[:LEARNED], labels[:LEARNED], pictures[LEARNED:], labels[LEARNED:]


def network() -> Any:
    """Flatten and Dense(10), with softmax behind; all weights begin at zero, which one layer alone may."""
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
    """Train it on the engine.

    Returns:
        Weights (64, 10) and biases (10,), to four decimals.
    """
    import tellapart
    from tellapart.keras_backend import import_keras

    keras = import_keras()
    keras.utils.set_random_seed(0)
    model = network()
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    pictures, labels, *_ = digits()
    tellapart.fit(model, pictures, labels, epochs=EPOCHS, batch_size=32, verbose=0)
    weights, biases = (np.round(one.astype(np.float64), 4) for one in model.get_weights())
    return weights, biases
