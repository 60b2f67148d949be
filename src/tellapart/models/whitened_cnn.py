"""A small network that learns fast: whitened patches, then three groups of two convolutions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.backend import import_keras
from tellapart.errors import ConfigError
from tellapart.models.first_cnn import refuse_small_pictures

PATCH, STRIDE = 4, 2
"""Side of the patches that are whitened, and how far apart they are, in pixels."""

MOST_DIRECTIONS = 24
"""Of a patch's principal directions; each gives two filters, itself and its negative."""

EPSILON = 5e-4
"""Added to the variance along a direction before dividing by its root."""


def whitened_cnn(picture_shape: tuple[int, int, int], classes: int, widths: tuple[int, int, int]) -> Any:
    """Build the network. Its first layer is set by `whiten` from pictures and not learned afterwards.

    A record network's plan (ResNet-9 class: Page 2018; whitening, dirac initialisation, frozen scales and
    the scaled head: Jordan 2024, arXiv:2404.00498), changed for processors: patches of 4 x 4 at every
    second pixel instead of 2 x 2 at every pixel, so that no feature map is larger than a quarter of the picture.

    Args:
        picture_shape: (height, width, channels), at least 14 x 14 pixels.
        classes: how many, at least 2.
        widths: channels of the three groups.

    Returns:
        A built, uncompiled `keras.Sequential`: (B, H, W, C) pixels 0-255 -> (B, classes) probabilities.

    Raises:
        ConfigError: the pictures are too small, or there are fewer than two classes.
    """
    refuse_small_pictures(picture_shape)
    if classes < 2:
        raise ConfigError(f"A classifier needs at least two classes to tell apart; got {classes}.")
    keras = import_keras()
    layers = keras.layers
    directions = min(MOST_DIRECTIONS, PATCH * PATCH * picture_shape[2])
    model = keras.Sequential(
        [
            keras.Input(picture_shape),
            layers.Rescaling(1 / 64, offset=-2),  # about mean 0, deviation 1
            layers.Conv2D(2 * directions, PATCH, strides=STRIDE, name="whitening"),
            layers.Activation("gelu"),
            *_group(layers, widths[0], pool=False),
            *_group(layers, widths[1], pool=True),
            *_group(layers, widths[2], pool=True),
            layers.GlobalMaxPooling2D(),
            layers.Dense(classes, use_bias=False, name="head"),
            layers.Rescaling(1 / widths[2]),
            layers.Activation("softmax"),
        ],
        name="whitened_cnn",
    )
    model.get_layer("whitening").kernel.trainable = False
    return model


def _group(layers: Any, width: int, *, pool: bool) -> list[Any]:
    def normalised() -> list[Any]:
        return [layers.BatchNormalization(momentum=0.6, scale=False, epsilon=1e-5), layers.Activation("gelu")]

    return [
        layers.Conv2D(width, 3, padding="same", use_bias=False),
        *([layers.MaxPooling2D(2)] if pool else []),
        *normalised(),
        layers.Conv2D(width, 3, padding="same", use_bias=False),
        *normalised(),
    ]


def initialise(model: Any, pictures: NDArray[np.uint8], seed: int) -> None:
    """Set the weights that the network starts from.

    The whitening filters come from `pictures`; the other convolutions pass their input through (dirac) and
    are random where they have more outputs than inputs; the head has deviation 1.

    Args:
        model: from `whitened_cnn`.
        pictures: (N, H, W, C) uint8, some hundreds of the training pictures.
        seed: of the random part.
    """
    random = np.random.Generator(np.random.Philox(seed))
    for layer in model.layers:
        if layer.name == "whitening":
            layer.kernel.assign(whitening_filters(pictures))
        elif layer.name == "head":
            kernel = random.uniform(-1, 1, layer.kernel.shape)
            layer.kernel.assign((kernel / kernel.std()).astype(np.float32))
        elif type(layer).__name__ == "Conv2D":
            layer.kernel.assign(dirac(layer.kernel.shape, random))


def dirac(shape: tuple[int, int, int, int], random: np.random.Generator) -> NDArray[np.float32]:
    """A kernel (kh, kw, in, out) that copies its inputs, and is random in the outputs that are left over.

    Source: Zagoruyko & Komodakis 2017 (dirac), Jordan 2024 (only the first outputs).
    """
    high, wide, channels_in, channels_out = shape
    bound = 1 / np.sqrt(high * wide * channels_in)
    kernel = random.uniform(-bound, bound, shape).astype(np.float32)
    copied = min(channels_in, channels_out)
    kernel[..., :copied] = 0
    kernel[high // 2, wide // 2, np.arange(copied), np.arange(copied)] = 1
    return kernel


def whitening_filters(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Filters (4, 4, C, 2 * directions) whose answers to the pictures' patches are uncorrelated.

    Args:
        pictures: (N, H, W, C) uint8.

    Source: Page 2018-2019, "How to train your ResNet"; Jordan 2024.
    """
    scaled = pictures.astype(np.float32) / 64 - 2
    windows = np.lib.stride_tricks.sliding_window_view(scaled, (PATCH, PATCH), axis=(1, 2))
    patches = windows[:, ::STRIDE, ::STRIDE].reshape(-1, scaled.shape[3] * PATCH * PATCH)  # (.., C * 4 * 4)
    variances, directions = np.linalg.eigh(patches.T @ patches / len(patches))
    wanted = min(MOST_DIRECTIONS, len(variances))
    filters = (directions / np.sqrt(variances + EPSILON))[:, ::-1][:, :wanted]  # the widest first
    both = np.concatenate([filters, -filters], axis=1).reshape(scaled.shape[3], PATCH, PATCH, 2 * wanted)
    return np.ascontiguousarray(both.transpose(1, 2, 0, 3), np.float32)
