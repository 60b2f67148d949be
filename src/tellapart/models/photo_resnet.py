"""A small residual network for photos of 64 to 224 pixels, to be trained from scratch on few of them."""

from typing import Any

from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import check_shape_and_classes
from tellapart.models.whitened_cnn import PATCH, group

SMALLEST_SIDE = 16
"""Pixels. Below this, the third pooling would leave nothing."""


def photo_resnet(
    image_shape: tuple[int, int, int], classes: int, widths: tuple[int, int, int], depth: int
) -> Any:
    """Build the network: whitened patches, one convolution that halves the image, then groups of residual convolutions.

    It is `whitened_cnn` with a step down in front, so that a photo of 128 pixels costs what one of 64 costs there;
    `whitened_cnn.initialize` sets its weights.

    Args:
        image_shape: (height, width, channels), at least 16 x 16 pixels.
        classes: the number of classes, at least 2.
        widths: channels of the three groups, each of which halves height and width.
        depth: convolutions in a group: 2, or 3, of which the second and third are bridged by a shortcut.

    Returns:
        A built, uncompiled functional Keras model: (B, H, W, C) pixels 0-255 -> (B, classes) probabilities.

    Raises:
        ConfigError: the images are too small, or there are fewer than two classes.

    Sources: He et al. 2015, arXiv:1512.03385 (shortcuts); Jordan 2024, arXiv:2404.00498 (the rest).
    """
    check_shape_and_classes(image_shape, classes)
    if min(image_shape[:2]) < SMALLEST_SIDE:
        raise ConfigError(
            f"The network photo-resnet needs pictures of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels; got "
            f"{image_shape[0]} x {image_shape[1]}. Enlarge them with --size 64."
        )
    keras = import_keras()
    layers = keras.layers
    images = keras.Input(image_shape)
    x = layers.Rescaling(1 / 64, offset=-2)(images)  # about mean 0, deviation 1
    x = layers.Conv2D(2 * PATCH * PATCH * image_shape[2], PATCH, name="whitening")(x)
    x = layers.Activation("hard_silu")(x)
    x = layers.Conv2D(widths[0], 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.6, scale=False, epsilon=1e-5)(x)
    x = layers.Activation("hard_silu")(x)
    for width in widths:
        x = group(layers, x, width, depth)
    x = layers.GlobalMaxPooling2D()(x)
    x = layers.Dense(classes, use_bias=False, name="head")(x)
    x = layers.Rescaling(1 / widths[2])(x)
    x = layers.Activation("softmax")(x)
    model = keras.Model(images, x, name="photo_resnet")
    model.get_layer("whitening").kernel.trainable = False
    return model
