"""A wide residual network, the kind with which high accuracies on small images were published."""

from typing import Any

from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import check_shape_and_classes

ENTRY_WIDTH = 16
"""Channels of the first convolution."""


def wide_resnet(
    image_shape: tuple[int, int, int], classes: int, widths: tuple[int, int, int], blocks: int
) -> Any:
    """Build the network: three groups of pre-activated residual blocks.

    WRN-28-10 of the paper is widths (160, 320, 640) and 4 blocks a group.

    Args:
        image_shape: (height, width, channels), at least 14 x 14 pixels.
        classes: the number of classes, at least 2.
        widths: channels of the three groups; the second and third halve height and width.
        blocks: in each group, each of two convolutions.

    Returns:
        A built, uncompiled functional Keras model: (B, H, W, C) pixels 0-255 -> (B, classes) probabilities.

    Raises:
        ConfigError: the images are too small, or there are fewer than two classes.

    Source: Zagoruyko & Komodakis 2016, arXiv:1605.07146; He et al. 2016 (activation first, initialization).
    """
    check_shape_and_classes(image_shape, classes)
    keras = import_keras()
    layers = keras.layers
    images = keras.Input(image_shape)
    x = layers.Rescaling(1 / 64, offset=-2)(images)  # about mean 0, deviation 1
    x = _convolution(layers, x, ENTRY_WIDTH, 3, 1)
    for group, width in enumerate(widths):
        for block in range(blocks):
            x = _block(layers, x, width, stride=2 if group and not block else 1)
    x = layers.GlobalAveragePooling2D()(_activated(layers, x))
    x = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(images, x, name="wide_resnet")


def _block(layers: Any, x: Any, width: int, stride: int) -> Any:
    activated = _activated(layers, x)
    fits = x.shape[-1] == width and stride == 1
    shortcut = x if fits else _convolution(layers, activated, width, 1, stride)
    y = _activated(layers, _convolution(layers, activated, width, 3, stride))
    return layers.Add()([_convolution(layers, y, width, 3, 1), shortcut])


def _activated(layers: Any, x: Any) -> Any:
    return layers.Activation("relu")(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))


def _convolution(layers: Any, x: Any, width: int, size: int, stride: int) -> Any:
    return layers.Conv2D(
        width, size, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
