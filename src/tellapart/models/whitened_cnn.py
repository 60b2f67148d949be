"""A network that trains fast: whitened patches, then three groups of two or three convolutions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import check_shape_and_classes

PATCH = 2
"""Side of the patches that are whitened, in pixels; there is one at every pixel."""

IMAGES_AT_ONCE, PIXELS_AT_ONCE = 64, 64 * 64 * 64
"""Images whose patches are laid out at a time, and the pixels that they have at most."""

EPSILON = 5e-4
"""Added to the variance along a direction before dividing by its root."""


def whitened_cnn(
    image_shape: tuple[int, int, int], classes: int, widths: tuple[int, int, int], depth: int = 2
) -> Any:
    """Build the network. `initialize` sets its first layer from images; training leaves its kernel as it is.

    The design of record-setting networks (ResNet-9 class: Page 2018; whitening, dirac initialization, frozen scales and
    the scaled head: Jordan 2024, arXiv:2404.00498), with hard SiLU (Howard et al. 2019) instead of GELU:
    as accurate here, and a quarter of the time on a processor (`benchmarks/NOTES.md`).

    Args:
        image_shape: (height, width, channels), at least 14 x 14 pixels.
        classes: the number of classes, at least 2.
        widths: channels of the three groups.
        depth: convolutions in a group: 2; or 3, the second and third then bridged by a shortcut.

    Returns:
        A built, uncompiled Keras model: (B, H, W, C) pixels 0-255 -> (B, classes) probabilities.
        Sequential where depth is 2.

    Raises:
        ConfigError: the images are too small, or there are fewer than two classes.
    """
    check_shape_and_classes(image_shape, classes)
    keras = import_keras()
    layers = keras.layers
    images = keras.Input(image_shape)
    x = layers.Rescaling(1 / 64, offset=-2)(images)  # about mean 0, deviation 1
    x = layers.Conv2D(2 * PATCH * PATCH * image_shape[2], PATCH, name="whitening")(x)
    x = layers.Activation("hard_silu")(x)
    for width in widths:
        x = group(layers, x, width, depth)
    x = layers.GlobalMaxPooling2D()(x)
    x = layers.Dense(classes, use_bias=False, name="head")(x)
    x = layers.Rescaling(1 / widths[2])(x)
    x = layers.Activation("softmax")(x)
    model = keras.Model(images, x, name="whitened_cnn")
    if depth == 2:
        model = keras.Sequential(model.layers, name="whitened_cnn")
    model.get_layer("whitening").kernel.trainable = False
    return model


def group(layers: Any, x: Any, width: int, depth: int) -> Any:
    """Add `depth` convolutions, the first of which halves height and width; three are bridged by a shortcut."""

    def convolved(x: Any) -> Any:
        return layers.Conv2D(width, 3, padding="same", use_bias=False)(x)

    def normalized(x: Any) -> Any:
        return layers.BatchNormalization(momentum=0.6, scale=False, epsilon=1e-5)(x)

    x = layers.MaxPooling2D(2)(convolved(x))
    x = shortcut = layers.Activation("hard_silu")(normalized(x))
    x = normalized(convolved(x))
    if depth == 3:
        x = layers.Activation("hard_silu")(x)
        x = layers.Add()([normalized(convolved(x)), shortcut])
    return layers.Activation("hard_silu")(x)


def initialize(model: Any, images: NDArray[np.uint8], seed: int) -> None:
    """Set the initial weights.

    The whitening filters come from `images`; the other convolutions pass their input through (dirac) and
    are random where they have more outputs than inputs; the head has deviation 1.

    Args:
        model: from `whitened_cnn`.
        images: (N, H, W, C) uint8, training images; a thousand or two are enough.
        seed: of the random part.
    """
    random = np.random.Generator(np.random.Philox(seed))
    for layer in model.layers:
        if layer.name == "whitening":
            layer.kernel.assign(whitening_filters(images))
        elif layer.name == "head":
            kernel = random.uniform(-1, 1, layer.kernel.shape)
            layer.kernel.assign((kernel / kernel.std()).astype(np.float32))
        elif type(layer).__name__ == "Conv2D":
            layer.kernel.assign(dirac(layer.kernel.shape, random))


def freeze_whitening(model: Any) -> None:
    """Freeze the whole first layer, its bias too, after the training.

    Keras stores `trainable` per layer, not per variable: with a frozen kernel and a trainable bias, an `.h5`
    cannot be read again, and a `.keras` forgets that the kernel was frozen. The optimizer's state of the bias
    is dropped.

    Args:
        model: from `whitened_cnn`, compiled, trained.
    """
    optimizer = model.optimizer
    state = {variable.path: variable.numpy() for variable in optimizer.variables}
    model.get_layer("whitening").trainable = False
    model.compile_from_config(model.get_compile_config())
    for variable in model.optimizer.variables:
        variable.assign(state[variable.path])


def dirac(shape: tuple[int, int, int, int], random: np.random.Generator) -> NDArray[np.float32]:
    """Return a kernel (kh, kw, in, out) that copies its inputs; outputs beyond their number are random.

    Source: Zagoruyko & Komodakis 2017 (dirac), Jordan 2024 (only the first outputs).
    """
    high, wide, channels_in, channels_out = shape
    bound = 1 / np.sqrt(high * wide * channels_in)
    kernel = random.uniform(-bound, bound, shape).astype(np.float32)
    copied = min(channels_in, channels_out)
    kernel[..., :copied] = 0
    kernel[high // 2, wide // 2, np.arange(copied), np.arange(copied)] = 1
    return kernel


def whitening_filters(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return filters (2, 2, C, 8 C) whose outputs on the images' patches are uncorrelated; half are negatives.

    Args:
        images: (N, H, W, C) uint8.

    Source: Page 2018-2019, "How to train your ResNet"; Jordan 2024.
    """
    channels = images.shape[3]
    moments, count = np.zeros((channels * PATCH * PATCH,) * 2), 0
    at_once = max(1, min(IMAGES_AT_ONCE, PIXELS_AT_ONCE // (images.shape[1] * images.shape[2])))
    for start in range(0, len(images), at_once):
        scaled = images[start : start + at_once].astype(np.float32) / 64 - 2
        windows = np.lib.stride_tricks.sliding_window_view(scaled, (PATCH, PATCH), axis=(1, 2))
        patches = windows.reshape(-1, channels * PATCH * PATCH)  # (.., C * 2 * 2)
        moments += patches.T @ patches
        count += len(patches)
    variances, directions = np.linalg.eigh((moments / count).astype(np.float32))
    filters = directions / np.sqrt(variances + EPSILON)
    both = np.concatenate([filters, -filters], axis=1).reshape(channels, PATCH, PATCH, -1)
    return np.ascontiguousarray(both.transpose(1, 2, 0, 3), np.float32)
