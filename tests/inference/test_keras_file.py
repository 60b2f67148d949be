"""A stored net gives what Keras gives for the same file, and never imports Keras."""

import ast
import subprocess
import sys

import numpy as np
import pytest
import torch

from tellapart.errors import ModelError
from tellapart.inference.folded_net import inference_net
from tellapart.inference.keras_file import read_stored_net
from tellapart.keras_backend import import_keras
from tellapart.models.efficientnet_lite import efficientnet_lite
from tellapart.models.first_cnn import first_cnn
from tellapart.models.layer_list import keras_model

keras = import_keras()
layers = keras.layers


def assert_same_as_keras(model, path):
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in model.get_weights()])
    model.save(path)
    images = random.integers(0, 256, (3, *model.input_shape[1:])).astype("uint8")
    net = read_stored_net(path)
    with torch.no_grad():
        outputs, expected = net(torch.from_numpy(images)), model(images.astype("float32"))
    torch.testing.assert_close(outputs, expected, rtol=1e-6, atol=1e-6)
    for stored, weight in zip(net.weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(stored.numpy(), weight)


def test_the_tutorials_network_gives_what_keras_gives(tmp_path):
    assert_same_as_keras(first_cnn((20, 30, 3), 5), tmp_path / "model.keras")


def test_every_kind_of_weight_finds_its_layer(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Rescaling(1 / 255),
            layers.DepthwiseConv2D(3, activation="relu"),
            layers.BatchNormalization(),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(scale=False),
            layers.ReLU(max_value=6.0),
            layers.AveragePooling2D(2),
            layers.ZeroPadding2D(1),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    assert_same_as_keras(model, tmp_path / "model.keras")


def test_augmentation_in_a_file_changes_nothing_and_needs_no_keras(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.2),
            layers.RandomCrop(12, 12),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.save(tmp_path / "model.keras")
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 12, 12, 3)).astype("uint8"))
    net = read_stored_net(tmp_path / "model.keras")
    with torch.no_grad():
        expected = model(images.float(), training=False)
        torch.testing.assert_close(net(images), expected)
        torch.testing.assert_close(inference_net(net)(images), expected)


def test_a_stored_net_whose_images_touch_does_not_pass_them_a_few_at_a_time(tmp_path):
    model = keras.Sequential(
        [keras.Input((4, 4, 3)), layers.Flatten(), layers.Dense(3), layers.Softmax(axis=0)]
    )
    model.save(tmp_path / "model.keras")
    net = read_stored_net(tmp_path / "model.keras")
    assert net is not None
    assert inference_net(net) is None


@pytest.mark.parametrize(
    "build",
    [
        lambda x: keras.ops.split(x, 3, axis=-1)[0],
        lambda x: layers.MultiHeadAttention(2, 4)(query=x, value=x),
    ],
    ids=["split", "attention by name"],
)
def test_what_a_file_says_in_other_ways_is_left_to_keras(tmp_path, build):
    inputs = keras.Input((4, 4, 3))
    x = layers.Flatten()(build(layers.Dense(3)(inputs)))
    keras.Model(inputs, layers.Dense(2, "softmax")(x)).save(tmp_path / "model.keras")
    assert read_stored_net(tmp_path / "model.keras") is None


def test_the_layers_of_newer_networks_find_their_weights(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Normalization(),
            layers.Rescaling([1.0, 2.0, 3.0]),
            layers.SeparableConv2D(6, 3, activation="gelu"),
            layers.LayerNormalization(epsilon=1e-6),
            layers.Conv2DTranspose(6, 3, strides=2, padding="same"),
            layers.GroupNormalization(groups=2),
            layers.PReLU(shared_axes=[1, 2]),
            layers.AveragePooling2D(3, strides=1, padding="same"),
            layers.SpatialDropout2D(0.5),
            layers.Reshape((-1, 6)),
            layers.Conv1D(4, 3, strides=2),
            layers.EinsumDense("...x,xy->...y", 5, bias_axes="y"),
            layers.RMSNormalization(),
            layers.GlobalMaxPooling1D(),
            layers.Softmax(),
        ]
    )
    assert_same_as_keras(model, tmp_path / "model.keras")


def test_a_functional_network_gives_what_keras_gives(tmp_path):
    images = keras.Input((12, 12, 3))
    x = layers.Conv2D(6, 3, strides=2, padding="same")(images)
    y = layers.ReLU(max_value=6)(layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x)))
    merged = layers.Concatenate()([layers.Add()([x, y]), layers.Subtract()([y, x])])
    pooled = layers.GlobalAveragePooling2D()(merged)
    outputs = layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(pooled))
    assert_same_as_keras(keras.Model(images, outputs), tmp_path / "model.keras")


def test_a_backbone_gives_what_keras_gives(tmp_path):
    assert_same_as_keras(keras_model(efficientnet_lite(0, 32, 7), "lite"), tmp_path / "model.keras")


def test_what_only_keras_understands_is_left_to_keras(tmp_path):
    def functional(outputs_of, *more):
        images = keras.Input((8, 8, 3))
        return keras.Model([images, *more] if more else images, outputs_of(images, *more))

    def gated(x):
        x = layers.Conv2D(4, 3)(x)
        return layers.Flatten()(
            layers.Multiply()([x, layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))])
        )

    shared = layers.Conv2D(3, 1)
    models = [
        keras.Sequential([keras.Input((8, 8, 3)), layers.AveragePooling2D(3, padding="same")]),
        keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 3, dtype="mixed_bfloat16")]),
        functional(lambda x: layers.Flatten()(shared(shared(x)))),
        functional(lambda x: layers.Flatten()(keras.ops.relu(x))),
        functional(lambda x: layers.Flatten()(keras.Sequential([keras.Input((8, 8, 3)), layers.ReLU()])(x))),
        functional(lambda x, y: layers.Flatten()(layers.Add()([x, y])), keras.Input((8, 8, 3))),
        functional(lambda x: [layers.Flatten()(x), layers.GlobalAveragePooling2D()(x)]),
        functional(lambda x: layers.Flatten()(layers.Dropout(0.5)(x, training=True))),
        functional(lambda x: layers.Flatten()(layers.MultiHeadAttention(1, 2)(x, x))),
        functional(gated),
        functional(
            lambda x: layers.Activation("linear")(layers.Dense(1, activation="sigmoid")(layers.Flatten()(x)))
        ),
    ]
    for number, model in enumerate(models):
        model.save(tmp_path / f"{number}.keras")
        assert read_stored_net(tmp_path / f"{number}.keras") is None, number
    (tmp_path / "bad.keras").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="the file is damaged"):
        read_stored_net(tmp_path / "bad.keras")


def test_predicting_does_not_import_keras(trained, color_photos):
    script = (
        "import sys, tellapart\n"
        "classifier = tellapart.load(sys.argv[1])\n"
        "(prediction,), refused = classifier.predict([sys.argv[2]])\n"
        "assert 'keras' not in sys.modules and 'sklearn' not in sys.modules\n"
        "print(repr(prediction.probabilities))\n"
        "classifier.model; assert 'keras' in sys.modules\n"
    )
    picture = color_photos / "test" / "red" / "0.png"
    command = [sys.executable, "-c", script, str(trained.folder), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (expected,), _ = trained.classifier.predict([picture])
    np.testing.assert_allclose(ast.literal_eval(done.stdout), expected.probabilities, atol=1e-6)
