"""Pictures: a photo and some digits as numbers, and predictions for a photo divided by 255 once or twice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.api.load import load
from tellapart.guide.lessons._photo import cat
from tellapart.keras_backend import import_keras

SIDE = 32


def facts() -> dict[str, Any]:
    """Compute what the lesson shows."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    first = [int(np.argmax(digits.target == label)) for label in range(10)]
    return {
        "side": SIDE,
        "picture": cat(SIDE).flatten().tolist(),
        "digits": [digits.images[row].astype(int).flatten().tolist() for row in first],
        "class_names": load("cifar10").class_names,
        "untrained": [round(float(each.max()), 4) for each in map(untrained, divided())],
        "trained": [round(float(each[3]), 4) for each in map(trained, divided())],
    }


def divided() -> tuple[NDArray[np.float32], ...]:
    """Return the cat unchanged, divided by 255, and divided twice."""
    image = cat(SIDE).astype(np.float32)
    level = np.float32(255)
    return image, image / level, image / level / level


def untrained(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Predict with the tutorial's network, untrained and without its `Rescaling`.

    Args:
        image: (H, W, 3), of any range.

    Returns:
        (10,) probabilities.
    """
    from tellapart.models.first_cnn import first_cnn

    keras = import_keras()
    keras.utils.set_random_seed(0)
    network = keras.Sequential(first_cnn(image.shape, 10).layers[1:])
    return _predicted(network, image)


def trained(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Predict with the built-in CIFAR-10 model, without test-time augmentation.

    Args:
        image: (H, W, 3); the model expects 0 to 255.

    Returns:
        (10,) probabilities.
    """
    return _predicted(load("cifar10").model, image)


def _predicted(model: Any, image: NDArray[np.float32]) -> NDArray[np.float32]:
    return import_keras().ops.convert_to_numpy(model(image[None], training=False))[0]
