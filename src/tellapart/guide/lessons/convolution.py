"""Convolution: an image, some kernels, and their feature maps, computed by the engine."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.guide.lessons._photo import cat

SIDE = 24

KERNELS = {
    "vertical edges": [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
    "horizontal edges": [[-1, -1, -1], [0, 0, 0], [1, 1, 1]],
    "blur": [[1 / 9] * 3] * 3,
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
}


def facts() -> dict[str, Any]:
    """Compute what the lesson shows."""
    image = cat(SIDE, 1)[..., 0]
    return {
        "side": SIDE,
        "picture": image.flatten().tolist(),
        "kernels": KERNELS,
        "places": {
            f"{size}/{stride}/{padding}": places(size, stride, padding)
            for size in (1, 3, 5, 7)
            for stride in (1, 2, 3)
            for padding in ("valid", "same")
        },
        "parameters": first_layer_parameters(),
    }


def first_layer_parameters() -> int:
    """Count the parameters of the tutorial network's first layer."""
    from tellapart.models.first_cnn import first_cnn

    model = first_cnn((32, 32, 3), 10)
    return next(layer for layer in model.layers if layer.weights).count_params()


def convolved(
    image: NDArray[np.uint8], kernel: NDArray[np.float32], stride: int = 1, padding: str = "valid"
) -> NDArray[np.float32]:
    """Convolve a gray image with the engine.

    Args:
        image: (H, W).
        kernel: (k, k).
        stride: in pixels.
        padding: "valid" or "same".

    Returns:
        (H', W').
    """
    import torch

    from tellapart.keras_backend import import_keras
    from tellapart.lowering import lower

    keras = import_keras()
    layer = keras.layers.Conv2D(1, kernel.shape, strides=stride, padding=padding, use_bias=False)
    model = keras.Sequential([keras.Input((*image.shape, 1)), layer])
    layer.set_weights([kernel[..., None, None]])
    with torch.no_grad():
        output = lower(model, "float32")(torch.from_numpy(image[None, ..., None].astype(np.float32)))
    return output.numpy()[0, ..., 0]


def places(size: int, stride: int, padding: str) -> list[int]:
    """Return the rows at which the engine's windows begin in this lesson's image, negative in the padding.

    Convolves an image of row numbers with a kernel that is 1 in its middle, which never lies in the padding.
    """
    rows = np.repeat(np.arange(SIDE, dtype=np.uint8)[:, None], SIDE, 1)
    middle = np.zeros((size, size), np.float32)
    middle[size // 2, size // 2] = 1
    return [round(float(row)) - size // 2 for row in convolved(rows, middle, stride, padding)[:, 0]]


def output_side(size: int, stride: int, padding: str) -> int:
    """Return the number of rows of the feature map."""
    return len(places(size, stride, padding))
