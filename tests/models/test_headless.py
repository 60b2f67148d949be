"""A head is cut off wherever it begins; what is left gives the features that the model itself computes."""

import keras
import numpy as np
import pytest
import torch
from keras import layers

from tellapart.errors import ConfigError, ModelError
from tellapart.inference.keras_file import read_stored_net
from tellapart.models.backbones import open_backbone, with_head
from tellapart.models.headless import headless, resized

PIXELS = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")


def outputs(model, pixels=PIXELS):
    return np.asarray(model(pixels).detach())


def body():
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(image))
    return keras.Model(image, layers.BatchNormalization()(x), name="body")


def tutorial():
    """Keras's own tutorial on transfer learning: a base model used as a layer."""
    image = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D(name="features")(body()(image, training=False))
    return keras.Model(image, layers.Dense(1)(layers.Dropout(0.2)(x)))


def nested_whole():
    inner = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(8, 3),
            layers.GlobalMaxPooling2D(name="features"),
            layers.Dense(5),
        ]
    )
    return keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(1 / 255), inner, layers.Softmax()])


def several_dense():
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)), layers.Conv2D(8, 3, strides=4), layers.Flatten(),
            layers.Dense(16, activation="relu", name="features"), layers.Dropout(0.5),
            layers.Dense(4), layers.Activation("softmax"),
        ]
    )  # fmt: skip


def convolutional_head():
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)), layers.Conv2D(8, 3, activation="relu"),
            layers.GlobalAveragePooling2D(keepdims=True, name="features"), layers.Dropout(0.1),
            layers.Conv2D(5, 1), layers.Flatten(), layers.Activation("softmax"),
        ]
    )  # fmt: skip


def tokens():
    image = keras.Input((32, 32, 3))
    x = layers.Reshape((64, 8), name="features")(layers.Conv2D(8, 4, strides=4)(image))
    return keras.Model(image, layers.Softmax()(layers.GlobalMaxPooling1D()(layers.Dense(3)(x))))


def inside(model, name):
    """The named layer, in the model or in a model within it, and the model that holds it."""
    for layer in model.layers:
        if layer.name == name:
            return model, layer
        if isinstance(layer, keras.Model) and (found := inside(layer, name)):
            return found
    return None


@pytest.mark.parametrize("build", [convolutional_head, several_dense, tutorial])
def test_the_features_are_what_the_head_reads(build):
    model = build()
    reference = keras.Model(model.inputs[0], model.get_layer("features").output)
    features = outputs(headless(model))
    np.testing.assert_allclose(features, outputs(reference).reshape(features.shape), atol=1e-6)


def test_a_head_within_a_model_within_a_model_is_found():
    model = nested_whole()
    inner = model.layers[1]
    reference = keras.Model(inner.inputs[0], inner.get_layer("features").output)
    np.testing.assert_allclose(outputs(headless(model)), outputs(reference, PIXELS / 255), atol=1e-6)


def test_maps_and_sequences_of_features_are_averaged():
    net = body()
    np.testing.assert_allclose(outputs(headless(net)), outputs(net).mean((1, 2)), atol=1e-6)
    image = keras.Input((32, 32, 3))
    sequence = keras.Model(image, layers.Reshape((64, 8))(layers.Conv2D(8, 4, strides=4)(image)))
    np.testing.assert_allclose(outputs(headless(sequence)), outputs(sequence).mean(1), rtol=1e-5, atol=1e-4)


def test_what_computes_features_is_no_head():
    dense = keras.Sequential([keras.Input((32, 32, 3)), layers.Flatten(), layers.Dense(6, activation="relu")])
    pooled = keras.Sequential(
        [keras.Input((32, 32, 3)), layers.Conv2D(6, 3), layers.GlobalAveragePooling2D()]
    )
    activated = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Flatten(),
            layers.Dense(6),
            layers.Activation("relu"),
            layers.Dropout(0.5),
        ]
    )
    for model in (dense, pooled, activated):
        np.testing.assert_array_equal(outputs(headless(model)), outputs(model))


def test_a_nested_model_of_two_outputs_stays_a_layer():
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(4, 3)(image)
    encoder = keras.Model(image, [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    features = layers.Concatenate(name="features")(encoder(image))
    model = keras.Model(image, layers.Dense(3)(features))
    np.testing.assert_array_equal(outputs(headless(model)), outputs(keras.Model(image, features)))


def test_a_network_of_keras_loses_its_head_only():
    model = keras.applications.MobileNetV2(weights=None, classes=5, input_shape=(32, 32, 3))
    without = keras.applications.MobileNetV2(
        weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3)
    )
    without.set_weights(model.get_weights()[:-2])
    np.testing.assert_array_equal(outputs(headless(model)), outputs(without))


def test_a_model_with_its_own_code_is_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ModelError, match="no Sequential or Functional model"):
        headless(Own())


@pytest.mark.parametrize("build", [nested_whole, tutorial])
def test_a_larger_image_meets_the_same_weights(build):
    features = headless(build())
    larger = resized(features, 48, 40)
    assert larger.input_shape == (None, 48, 40, 3)
    np.testing.assert_array_equal(outputs(resized(larger, 32, 32)), outputs(features))


def test_a_model_used_as_a_layer_is_read_from_a_file_without_keras(tmp_path):
    model = with_head(headless(tutorial()), 3)
    assert not [layer for layer in model.layers if isinstance(layer, keras.Model)]
    model.save(tmp_path / "net.keras")
    stored = read_stored_net(tmp_path / "net.keras")
    np.testing.assert_allclose(stored(torch.from_numpy(PIXELS)).numpy(), outputs(model), atol=1e-6)


def test_layers_of_the_same_name_in_two_models_are_told_apart(tmp_path):
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(3, 3, padding="same", name="same")(image)
    inner = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(4, 3, name="same"), layers.ReLU()])
    model = keras.Model(image, layers.Dense(2)(layers.GlobalMaxPooling2D(name="features")(inner(x))))
    reference = keras.Model(image, model.get_layer("features").output)
    expected = outputs(reference)
    features = headless(model)
    np.testing.assert_allclose(outputs(features), expected, atol=1e-6)
    features.save(tmp_path / "net.keras")
    np.testing.assert_allclose(outputs(keras.models.load_model(tmp_path / "net.keras")), expected, atol=1e-6)


def test_a_layer_with_two_outputs_is_followed():
    image = keras.Input((32, 32, 3))
    left, right = keras.ops.split(image, 2, axis=1)
    inner = keras.Sequential([keras.Input((16, 32, 3)), layers.Conv2D(4, 3)])
    model = keras.Model(image, layers.Subtract()([inner(right), layers.Conv2D(4, 3)(left)]))
    np.testing.assert_allclose(outputs(headless(model)), outputs(model).mean((1, 2)), rtol=1e-5, atol=1e-4)


def test_a_network_that_depends_on_the_size_says_so():
    with pytest.raises(
        ConfigError, match=r"takes pictures of 32 x 32 pixels and no others.*after Flatten.*--size"
    ):
        resized(headless(several_dense()), 48, 48)
    with pytest.raises(ConfigError, match=r"^mine\.h5 takes pictures of 32 x 32"):
        resized(headless(several_dense()), 48, 48, "mine.h5")


def test_lite0_takes_images_that_are_not_square():
    square, wide = open_backbone("lite0", 64), open_backbone("lite0", 64, 96)
    assert wide.input_shape == (None, 64, 96, 3)
    for one, other in zip(square.get_weights(), wide.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_new_head_follows_the_features_whatever_their_layers_are_called(tmp_path):
    model = with_head(with_head(headless(tutorial()), 4), 3)
    model.save(tmp_path / "net.keras")
    model = keras.models.load_model(tmp_path / "net.keras")
    assert model.get_layer("head").units == 3
    assert model.get_layer("backbone_head").units == 4
    assert model.output_shape == (None, 3)
    np.testing.assert_allclose(outputs(model).sum(1), 1, atol=1e-6)
