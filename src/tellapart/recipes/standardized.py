"""Standardized networks: ImageDataGenerator's standardization as fixed layers of the network.

What a network was trained on, it must see in every prediction: in evaluation, in explanations, and in plain Keras. So
rescaling, centering, normalizing and whitening stand inside the saved model, right behind its own scaling of pixels
(or in its place, where `rescale` is given), with what was learned from the training images as constants. The tutorial
divides by 255 before it standardizes; its network here begins with that division.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.augmentation.standardization import LEAST_DEVIATION, Statistics, fit_statistics
from tellapart.keras_backend import import_keras


def standardized(model: Any, settings: Augmentation, images: NDArray[np.uint8] | None) -> Any:
    """Return a network with fixed layers behind its scaling of pixels.

    Args:
        model: built, uncompiled; its first layer is a Rescaling.
        settings: what is standardized.
        images: (N, H, W, C) uint8, the training images; None where the network is only looked at.

    Returns:
        A functional Keras model with new weights.

    Raises:
        ConfigError: the images are too large to be whitened.
    """
    keras = import_keras()
    settings = settings.as_combined()
    scaling = next(layer for layer in model.layers if type(layer).__name__ == "Rescaling")
    scale, offset = (settings.rescale, 0.0) if settings.rescale else (scaling.scale, scaling.offset)
    shape = model.input_shape[1:]
    statistics = fit_statistics(images, shape, settings, scale, offset)

    def called(layer: Any, *arguments: Any, **settings_of_call: Any) -> Any:
        if layer.name != scaling.name:
            return layer(*arguments, **settings_of_call)
        scaled = keras.layers.Rescaling(scale, offset, name=scaling.name)(*arguments)
        return _standardized(keras, scaled, settings, statistics)

    functional = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    changed = keras.models.clone_model(functional, call_function=called)
    if statistics.whitening is not None:
        changed.get_layer("zca_whitening").kernel.assign(statistics.whitening)
    return changed


def _standardized(keras: Any, x: Any, settings: Augmentation, statistics: Statistics) -> Any:
    """Return scaled images (B, H, W, C) standardized, in ImageDataGenerator's order."""
    operations = keras.ops
    if settings.samplewise_center:
        x = x - operations.mean(x, axis=(1, 2, 3), keepdims=True)
    if settings.samplewise_std_normalization:
        variance = operations.mean(x * x, axis=(1, 2, 3), keepdims=True)  # of what is centered
        x = x / (operations.sqrt(variance) + LEAST_DEVIATION)
    if settings.featurewise_center:
        variance = statistics.deviation**2
        x = keras.layers.Normalization(
            mean=statistics.mean.tolist(), variance=variance.tolist(), name="featurewise"
        )(x)
    if settings.zca_whitening:
        shape = x.shape[1:]
        values = int(np.prod(shape))
        x = keras.layers.Flatten()(x)
        x = keras.layers.Dense(values, use_bias=False, trainable=False, name="zca_whitening")(x)
        x = keras.layers.Reshape(shape)(x)
    return x
