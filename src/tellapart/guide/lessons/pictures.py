"""Pictures: a photo and some digits as numbers, and what networks make of a photo that was divided by 255, or twice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.api.load import load
from tellapart.guide.lessons._photo import cat
from tellapart.keras_backend import import_keras

SIDE = 32


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    first = [int(np.argmax(digits.target == one)) for one in range(10)]
    return {
        "side": SIDE,
        "picture": cat(SIDE).flatten().tolist(),
        "digits": [digits.images[row].astype(int).flatten().tolist() for row in first],
        "class_names": load("cifar10").class_names,
        "untrained": [round(float(said.max()), 4) for said in map(untrained, divided())],
        "trained": [round(float(said[3]), 4) for said in map(trained, divided())],
    }


def divided() -> tuple[NDArray[np.float32], ...]:
    """The cat as it is, divided by 255, and divided twice."""
    picture = cat(SIDE).astype(np.float32)
    level = np.float32(255)
    return picture, picture / level, picture / level / level


def untrained(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the tutorial's network, which has no division inside, says before its training.

    Args:
        picture: (H, W, 3), of any range.

    Returns:
        (10,) probabilities.
    """
    from tellapart.models.first_cnn import first_cnn

    keras = import_keras()
    keras.utils.set_random_seed(0)
    network = keras.Sequential(first_cnn(picture.shape, 10).layers[1:])
    return _said(network, picture)


def trained(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the CIFAR-10 model that comes along says, asked once; it expects 0 to 255.

    The rest as in `untrained`.
    """
    return _said(load("cifar10").model, picture)


def _said(model: Any, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return import_keras().ops.convert_to_numpy(model(picture[None], training=False))[0]
