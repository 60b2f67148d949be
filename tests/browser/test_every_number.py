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


def enlarging():
    """Maps are made small and large again; layers called twice, operators, and what acts in training alone."""
    pictures = keras.Input((16, 16, 3))
    shared = layers.SeparableConv2D(6, 3, padding="same", depth_multiplier=2, activation="swish")
    x = layers.RandomRotation(0.2)(layers.RandomFlip()(pictures)) / 127.5 - 1
    x = layers.GaussianNoise(0.1)(x * np.array([0.5, 1.0, 2.0], np.float32))
    x = shared(
        layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_uniform")(layers.Conv2D(6, 3, 2)(x))
    )
    x = layers.SpatialDropout2D(0.2)(shared(x))
    x = layers.Conv2DTranspose(5, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.UnitNormalization()(layers.Conv2DTranspose(4, (2, 3), strides=(3, 2), output_padding=1)(x))
    x = layers.GaussianDropout(0.2)(2 - keras.ops.leaky_relu(x, 0.3))
    y = layers.Conv2D(4, 1, activation="softmax")(x)
    x = keras.ops.mean(layers.AlphaDropout(0.1)(layers.RMSNormalization()(x + y)), axis=(1, 2))
    x = layers.ActivityRegularization(l2=0.1)(keras.ops.tanh(x))
    return keras.Model(pictures, keras.ops.softmax(layers.Dense(3)(x)))


def nested():
    """A model within a model, and one within that, which is called twice."""
    inner = keras.Sequential([keras.Input((12, 12, 4)), layers.Conv2D(4, 3, padding="same"), layers.PReLU()])
    into = keras.Input((12, 12, 3))
    middle = keras.Model(
        into, layers.Add()([inner(inner(layers.Conv2D(4, 1)(into))), layers.Conv2D(4, 1)(into)])
    )
    pictures = keras.Input((12, 12, 3))
    x = layers.Flatten()(layers.MaxPooling2D()(middle(layers.Rescaling(1 / 255)(pictures))))
    return keras.Model(pictures, layers.Dense(3, activation="softmax")(x))


def sequences():
    """Rows as steps in time: convolutions of sequences and recurrent layers."""
    pictures = keras.Input((12, 8, 3))
    x = layers.Reshape((12, 24))(layers.Rescaling(1 / 255)(pictures))
    x = layers.Conv1D(8, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    x = layers.AveragePooling1D(2)(layers.Conv1DTranspose(6, 3, strides=2, padding="same")(x))
    x = layers.SeparableConv1D(8, 3, padding="same")(layers.DepthwiseConv1D(3)(x))
    x = layers.Bidirectional(layers.GRU(5, return_sequences=True))(layers.UnitNormalization(axis=1)(x))
    return keras.Model(pictures, layers.Dense(3, activation="softmax")(layers.LSTM(6)(x)))


def volumes():
    """Maps with three axes of places."""
    pictures = keras.Input((12, 12, 3))
    x = layers.Reshape((4, 3, 12, 3))(layers.Rescaling(1 / 255)(pictures))
    x = layers.BatchNormalization()(layers.Conv3D(4, (2, 3, 3), padding="same")(x))
    x = layers.Add()([layers.SpatialDropout3D(0.2)(layers.ReLU()(x)), layers.Dense(4)(x)])
    x = layers.Flatten()(layers.MaxPooling3D((2, 1, 2))(x))
    return keras.Model(pictures, layers.Dense(3, activation="softmax")(x))


def large():
    """Maps too large to be carried whole: of places and channels, those that are."""
    pictures = keras.Input((48, 48, 3))
    x = layers.Conv2DTranspose(16, 3, strides=2)(layers.Rescaling(1 / 255)(pictures))
    x = layers.UnitNormalization()(layers.PReLU(alpha_initializer="random_uniform")(x))
    x = layers.SeparableConv2D(12, 3, padding="same")(keras.ops.tanh(layers.SpatialDropout2D(0.2)(x)) * 3)
    x = layers.Conv2D(9, 3, padding="same", activation="softmax")(layers.RMSNormalization()(x))
    x = layers.Conv2D(4, 3, strides=4)(layers.UpSampling2D(interpolation="bilinear")(x))
    return keras.Model(pictures, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


NETS = [
    (tutorial, 40), (residual, 40), (vit, 40), (mobilenet, 40), (enlarging, 50), (nested, 35), (sequences, 40),
    (volumes, 30), (large, 25),
]  # fmt: skip


@pytest.mark.parametrize(("build", "cells"), NETS)
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
    result = check(page, model, image, cells)
    assert page.troubles == []
    assert result.wrong == []
    assert result.cells == cells
    assert not result.missed
