"""The network of the classic Keras CIFAR-10 CNN tutorial, layer by layer."""

from typing import Any

from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras

SMALLEST_SIDE = 14
"""Pixels. Below this, the second pooling would leave nothing."""


def first_cnn(image_shape: tuple[int, int, int], classes: int) -> Any:
    """Build the tutorial's network: two blocks of two convolutions, then two dense layers.

    The one addition is the `Rescaling` layer in front: the tutorial divided its
    arrays by 255; here the network does, so it takes raw pixels and they cannot
    be divided twice.

    Args:
        image_shape: (height, width, channels), at least 14 x 14 pixels.
        classes: the number of classes, at least 2.

    Returns:
        A built, uncompiled `keras.Sequential`: (B, H, W, C) pixels 0-255 -> (B, classes)
        probabilities. 1,250,858 parameters for (32, 32, 3) and 10 classes.

    Raises:
        ConfigError: the images are too small, or there are fewer than two classes.

    Source: the Keras team's examples/cifar10_cnn.py (2015-2019).
    """
    check_shape_and_classes(image_shape, classes)
    keras = import_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, (3, 3), padding="same"),  # (B, H, W, 32)
            layers.Activation("relu"),
            layers.Conv2D(32, (3, 3)),  # (B, H-2, W-2, 32)
            layers.Activation("relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Dropout(0.25),
            layers.Conv2D(64, (3, 3), padding="same"),
            layers.Activation("relu"),
            layers.Conv2D(64, (3, 3)),
            layers.Activation("relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(512),
            layers.Activation("relu"),
            layers.Dropout(0.5),
            layers.Dense(classes),
            layers.Activation("softmax"),  # (B, classes)
        ],
        name="first_cnn",
    )


def check_shape_and_classes(image_shape: tuple[int, int, int], classes: int) -> None:
    """Check that there are enough pixels and classes.

    Raises:
        ConfigError: a side below 14 pixels, or fewer than two classes.
    """
    check_image_size(image_shape)
    if classes < 2:
        raise ConfigError(f"A classifier needs at least two classes; got {classes}.")


def check_image_size(image_shape: tuple[int, int, int]) -> None:
    """Check that images are large enough for the network; called before any is read.

    Raises:
        ConfigError: a side below 14 pixels.
    """
    height, width, _ = image_shape
    if min(height, width) < SMALLEST_SIDE:
        raise ConfigError(
            f"The network needs pictures of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels; "
            f"got {height} x {width}. Enlarge them with --size 32."
        )
