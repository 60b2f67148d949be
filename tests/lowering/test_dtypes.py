"""Dtype policies: each layer computes in its own, as in Keras, unless the net is lowered in a given precision."""

import numpy as np
import pytest
import torch
from against_keras import assert_same_as_keras, pictures

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower

keras = import_keras()
layers = keras.layers


def behind_a_convolution(layer, policy):
    """A layer with a policy of its own behind a convolution with this one; the convolution learns nothing.

    Its kernel and `grid_pictures` are so coarse that float32 adds their products exactly, in whatever order: what
    it gives in half precision is then the same everywhere.
    """
    inputs, convolution = keras.Input((8, 8, 3)), layers.Conv2D(4, 3, dtype=policy, trainable=False)
    model = keras.Model(inputs, layer(convolution(inputs)))
    kernel = np.random.default_rng(0).integers(-16, 17, (3, 3, 3, 4)) / 64
    convolution.set_weights([kernel.astype(np.float32), np.zeros(4, np.float32)])
    return model


def grid_pictures():
    """Pictures of multiples of 1/64 around 5."""
    return torch.round((pictures(4, 8, 8, 3) * 3 + 5) * 64) / 64


IN_FLOAT32 = {
    "batch normalization": lambda: layers.BatchNormalization(dtype="float32"),
    "layer normalization": lambda: layers.LayerNormalization(dtype="float32"),
    "group normalization": lambda: layers.GroupNormalization(2, dtype="float32"),
    "root mean square normalization": lambda: layers.RMSNormalization(dtype="float32"),
    "average pooling": lambda: layers.AveragePooling2D(2, dtype="float32"),
    "global average": lambda: layers.GlobalAveragePooling2D(dtype="float32"),
    "up-sampling": lambda: layers.UpSampling2D(2, interpolation="bilinear", dtype="float32"),
    "resizing": lambda: layers.Resizing(5, 4, dtype="float32"),
    "rescaling": lambda: layers.Rescaling(1 / 3, 1.0, dtype="float32"),
    "gelu": lambda: layers.Activation("gelu", dtype="float32"),
    "elu": lambda: layers.ELU(0.7, dtype="float32"),
    "dense": lambda: layers.Dense(5, activation="tanh", dtype="float32"),
}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", IN_FLOAT32)
def test_a_float32_layer_behind_one_in_half_precision_computes_in_float32(name, policy):
    """A thousandth of what rounding its input or its result once more would change."""
    model = behind_a_convolution(IN_FLOAT32[name](), policy)
    images = grid_pictures()
    with torch.no_grad():
        torch.testing.assert_close(lower(model)(images), model(images), rtol=2e-6, atol=2e-6)


def test_a_merge_in_float32_adds_what_comes_in_half_precision_in_float32():
    inputs = keras.Input((8, 8, 3))
    wide, narrow = layers.Dense(4, dtype="mixed_bfloat16"), layers.Dense(4, dtype="mixed_float16")
    model = keras.Model(inputs, layers.Add(dtype="float32")([wide(inputs), narrow(inputs)]))
    images = pictures(4, 8, 8, 3)
    with torch.no_grad():
        torch.testing.assert_close(lower(model)(images), model(images), rtol=1e-6, atol=1e-6)


def test_a_layer_in_half_precision_behind_one_in_float32_computes_in_half_precision():
    model = behind_a_convolution(layers.BatchNormalization(dtype="mixed_bfloat16"), "float32")
    images = grid_pictures()
    with torch.no_grad():
        found, expected = lower(model)(images), model(images)
    assert found.dtype == expected.dtype == torch.bfloat16
    assert float((found == expected).float().mean()) > 0.99  # else the last bit


def test_a_float32_activation_behind_a_normalization_in_half_precision_computes_in_float32():
    """Fused with the normalization, it would round its result to eight bits."""

    def normalized_and_activated(x):
        x = layers.BatchNormalization(dtype="mixed_bfloat16")(x)
        return layers.Activation("silu", dtype="float32")(x)

    model = behind_a_convolution(normalized_and_activated, "mixed_bfloat16")
    images = grid_pictures()
    for training in (False, True):
        with torch.no_grad():
            found, expected = lower(model)(images, training=training), model(images, training=training)
        assert found.dtype == torch.float32
        assert float((found == found.bfloat16().float()).float().mean()) < 0.5
        torch.testing.assert_close(found, expected, rtol=2**-7, atol=2**-9)


@pytest.mark.parametrize("options", [{}, {"scale": False}, {"scale": False, "center": False}], ids=str)
def test_batch_statistics_are_float32_whatever_the_arithmetic(options):
    layer = layers.BatchNormalization(dtype="mixed_bfloat16", momentum=0.0, **options)
    model = behind_a_convolution(layer, "mixed_bfloat16")
    images = pictures(64, 8, 8, 3) * 3 + 5
    expected = model(images, training=True)
    statistics = [layer.moving_mean.numpy().copy(), layer.moving_variance.numpy().copy()]
    found = lower(model)(images, training=True)
    assert float((found == expected).float().mean()) > 0.99  # else the last bit
    np.testing.assert_allclose(layer.moving_mean, statistics[0], rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, statistics[1], rtol=1e-4)


@pytest.mark.parametrize("policy", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    "layer",
    [layers.BatchNormalization, layers.LayerNormalization, lambda dtype: layers.Conv2D(4, 3, dtype=dtype)],
    ids=["batch normalization", "layer normalization", "convolution"],
)
def test_a_layer_with_weights_in_half_precision_runs_as_itself(layer, policy):
    layer = layer(dtype=policy)
    model = keras.Sequential([keras.Input((8, 8, 3)), layer, layers.Flatten(dtype="float32")])
    assert_same_as_keras(model, pictures(4, 8, 8, 3), runs_as_itself=[type(layer).__name__])


def softmax_in_half_precision():
    inputs = keras.Input((4, 4, 3))
    return keras.Model(inputs, layers.Dense(10, "softmax", dtype="mixed_bfloat16")(layers.Flatten()(inputs)))


def test_probabilities_are_rounded_where_keras_rounds_them():
    model, images = softmax_in_half_precision(), pictures(8, 4, 4, 3)
    with torch.no_grad():
        found, expected = lower(model)(images), model(images)
    assert found.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, rtol=2**-7, atol=0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_in_a_given_precision_probabilities_are_not_rounded(precision):
    model, images = softmax_in_half_precision(), pictures(8, 4, 4, 3)
    with torch.no_grad():
        found = lower(model, precision)(images)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.sum(-1), torch.ones(8))


def test_a_nested_model_in_half_precision_is_computed_in_the_precision_given():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        inner = keras.Sequential([keras.Input((4, 4, 3), dtype="bfloat16"), layers.Dense(5)])
        model = keras.Sequential([keras.Input((4, 4, 3)), layers.Dense(3), inner, layers.Flatten()])
    finally:
        keras.config.set_dtype_policy("float32")
    images, weights = pictures(2, 4, 4, 3), [torch.tensor(weight) for weight in model.get_weights()]
    expected = (images @ weights[0] + weights[1]) @ weights[2] + weights[3]
    with torch.no_grad():
        torch.testing.assert_close(lower(model, "float32")(images), expected.flatten(1))
