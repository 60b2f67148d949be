"""Every number of an explanation's page, recomputed by Keras and NumPy; random cells of nets of every sort."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import numpy as np
import pytest
from recomputed import check

layers = keras.layers


def tutorial():
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, strides=2, padding="same"),
            layers.LeakyReLU(),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(64, activation="gelu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def residual():
    pictures = keras.Input((24, 24, 3))
    x = layers.ZeroPadding2D(2)(layers.Rescaling(1 / 127.5, offset=-1)(pictures))
    x = y = layers.BatchNormalization()(layers.Conv2D(12, 5, dilation_rate=2)(x))
    y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(layers.ReLU(6)(y))
    y = layers.Conv2D(12, 3, padding="same", groups=4)(y)
    y = layers.Multiply()([y, layers.GlobalAveragePooling2D(keepdims=True)(y)])
    x = layers.Concatenate()([layers.Add()([x, y]), x])
    x = layers.AveragePooling2D(2)(layers.GroupNormalization(4)(layers.UpSampling2D()(x)))
    x = layers.LayerNormalization()(layers.GlobalMaxPooling2D()(x))
    return keras.Model(pictures, layers.Activation("softmax")(layers.Dense(5, use_bias=False)(x)))


def vit():
    pictures = keras.Input((32, 32, 3))
    x = layers.Reshape((64, 24))(layers.Conv2D(24, 4, strides=4)(layers.Rescaling(1 / 255)(pictures)))
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(3, 8)(y, y)])
        x = layers.Add()(
            [x, layers.Dense(24)(layers.Dense(48, activation="gelu")(layers.LayerNormalization()(x)))]
        )
    return keras.Model(pictures, layers.Dense(4, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def mobilenet():
    return keras.applications.MobileNetV2((96, 96, 3), alpha=0.35, weights=None, classes=3)


@pytest.mark.parametrize(("build", "cells"), [(tutorial, 120), (residual, 120), (vit, 100), (mobilenet, 150)])
def test_every_number_of_random_cells_is_keras_own(opened_model, build, cells):
    keras.utils.set_random_seed(0)
    model = build()
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    image = random.integers(0, 256, model.input_shape[1:], np.uint8)
    image = np.kron(image[::4, ::4], np.ones((4, 4, 1), np.uint8))
    page = opened_model(model, image)
    found = check(page, model, image, cells)
    assert page.troubles == []
    assert found.wrong == []
    assert found.cells == cells
    assert len(found.kinds) == len({type(one).__name__ for one in model.layers} - {"InputLayer"})
