"""The folded form of a net predicts as the unfolded one, and leaves operations that it cannot fold alone."""

import numpy as np
import pytest
import torch

from tellapart.inference.fold import FoldedDense, FoldedPooling
from tellapart.inference.folded_convolution import FoldedConvolution
from tellapart.inference.folded_net import inference_net
from tellapart.inference.keras_file import read_stored_net
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.lowering.ops.activation_layers import ActivationOperation
from tellapart.lowering.ops.merging import Addition
from tellapart.lowering.ops.normalization import BatchNormalization
from tellapart.models.first_cnn import first_cnn

keras = import_keras()
layers = keras.layers


def sequential(*parts, shape=(12, 14, 3)):
    return keras.Sequential([keras.Input(shape), layers.Rescaling(1 / 255), *parts])


def norm(**options):
    return layers.BatchNormalization(**options)


def residual():
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, padding="same")(layers.Rescaling(1 / 127.5, offset=-1)(inputs))
    y = layers.ReLU()(norm()(layers.Conv2D(8, 3, padding="same", use_bias=False)(x)))
    y = norm()(layers.DepthwiseConv2D(3, padding="same")(y))
    y = layers.Activation("relu")(layers.Add()([x, y]))
    return keras.Model(inputs, layers.Dense(5, "softmax")(layers.GlobalAveragePooling2D()(y)))


def convolution_read_twice():
    inputs = keras.Input((9, 9, 3))
    x = layers.Conv2D(4, 3)(inputs)
    return keras.Model(inputs, layers.Flatten()(layers.Add()([norm()(x), layers.Activation("relu")(x)])))


def layer_called_twice():
    inputs, convolution = keras.Input((9, 9, 3)), layers.Conv2D(3, 3, padding="same")
    x = norm()(convolution(layers.Activation("relu")(convolution(inputs))))
    return keras.Model(inputs, layers.Flatten()(x))


NETS = {
    "the tutorial's": lambda: first_cnn((32, 32, 3), 5),
    "convolution, pooling, norm, gelu": lambda: sequential(
        layers.Conv2D(8, 3, padding="same", use_bias=False),
        layers.MaxPooling2D(2),
        norm(),
        layers.Activation("gelu"),
        layers.Conv2D(8, 3, padding="same", use_bias=False),
        norm(scale=False),
        layers.Activation("gelu"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(4),
    ),
    "strides, dilation, groups, uneven padding": lambda: sequential(
        layers.Conv2D(8, 3, strides=2, padding="same", activation="tanh"),
        norm(center=False),
        layers.Conv2D(8, 3, dilation_rate=2, groups=4),
        norm(),
        layers.ReLU(max_value=6.0),
        layers.Conv2D(6, 2, padding="same"),
        layers.Flatten(),
        layers.Dense(4, "softmax"),
    ),
    "pooling that leaves a rest": lambda: sequential(
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(3),
        layers.Conv2D(8, 2),
        layers.MaxPooling2D(2, strides=1),
        layers.Conv2D(4, 1, strides=2),
        layers.MaxPooling2D(1, padding="same"),
        layers.Flatten(),
        shape=(17, 19, 3),
    ),
    "dense layers on pixels": lambda: sequential(
        layers.Dense(6, "gelu"), norm(), layers.Dense(3), layers.Softmax(), layers.Flatten()
    ),
    "norm over rows": lambda: sequential(layers.Conv2D(4, 3), norm(axis=1), layers.Flatten()),
    "a net within a net": lambda: sequential(
        keras.Sequential([layers.Conv2D(4, 3), norm(), layers.Dropout(0.5)]),
        layers.Flatten(),
        layers.Dense(2),
    ),
    "nothing but a dense layer": lambda: keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(3)]
    ),
    "residual": residual,
    "a convolution read twice": convolution_read_twice,
    "a layer called twice": layer_called_twice,
}


def with_statistics(model, seed=0):
    """Weights as after a training: batch statistics of their own, factors of both signs."""
    random = np.random.default_rng(seed)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            for variable in layer.weights:
                low, high = (0.3, 2) if variable.name == "moving_variance" else (-1, 1)
                variable.assign(random.uniform(low, high, variable.shape))
    return model


def pictures(model, count=5):
    shape = (count, *model.input_shape[1:])
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, shape).astype("uint8"))


@pytest.mark.parametrize("name", NETS)
@torch.inference_mode()
def test_a_folded_net_predicts_as_the_unfolded_one(name):
    model = with_statistics(NETS[name]())
    before, images, net = model.get_weights(), pictures(model), lower(model, "float32")
    expected = net(images)
    scale = float(expected.abs().max())
    outputs = inference_net(net)(images)
    torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-5 * max(1, scale))
    low = inference_net(net, "bfloat16")(images).float()
    torch.testing.assert_close(low, expected, rtol=0, atol=0.05 * max(1, scale))
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def kinds(net):
    return [type(step.operation) for step in net.body + net.head]


def normalized_after_pooling(gamma):
    model = sequential(layers.Conv2D(4, 3), layers.MaxPooling2D(2), norm(), layers.Flatten(), layers.Dense(2))
    model.layers[3].gamma.assign(gamma)
    return inference_net(lower(model, "float32"))


def test_a_norm_behind_pooling_is_folded_only_where_no_factor_is_negative():
    assert BatchNormalization not in kinds(normalized_after_pooling([1, 2, 0.5, 1]))
    assert BatchNormalization in kinds(normalized_after_pooling([1, 2, -0.5, 1]))


def test_of_the_tutorials_network_only_products_and_poolings_are_left():
    net = inference_net(lower(first_cnn((32, 32, 3), 10), "float32"))
    assert kinds(net)[:6] == [FoldedConvolution, FoldedConvolution, FoldedPooling] * 2
    assert kinds(net)[-2:] == [FoldedDense, FoldedDense]
    assert len(kinds(net)) == 9  # and what flattens


def test_rows_that_no_pooling_window_reads_are_not_computed():
    net = inference_net(lower(first_cnn((32, 32, 3), 10), "float32"))
    last = net.body[4].operation
    assert last(torch.zeros(1, 64, 15, 15), training=False).shape == (1, 64, 12, 12)


@torch.inference_mode()
def test_pictures_are_answered_alike_alone_and_among_many():
    model = with_statistics(NETS["convolution, pooling, norm, gelu"]())
    net, images = inference_net(lower(model, "float32")), pictures(model, 150)
    torch.testing.assert_close(torch.cat([net(one[None]) for one in images[:4]]), net(images)[:4])


@torch.inference_mode()
def test_a_stored_net_is_folded_too(tmp_path):
    model = with_statistics(NETS["convolution, pooling, norm, gelu"]())
    model.save(tmp_path / "model.keras")
    stored, images = read_stored_net(tmp_path / "model.keras"), pictures(model)
    torch.testing.assert_close(inference_net(stored)(images), stored(images), rtol=0, atol=1e-5)


def test_what_is_no_plain_function_of_pictures_keeps_its_form():
    class Own(layers.Layer):
        def call(self, x):
            return x

    inputs = keras.Input((8, 8, 3))
    two = keras.Model(inputs, [layers.Flatten()(inputs), layers.GlobalMaxPooling2D()(inputs)])
    own = keras.Model(inputs, Own()(inputs))
    assert inference_net(lower(two, "float32")) is None
    assert inference_net(lower(own, "float32")) is None


def test_it_cannot_run_as_in_training():
    with pytest.raises(ValueError, match="inference"):
        normalized_after_pooling([1, 1, 1, 1])(torch.zeros(1, 12, 14, 3), training=True)


@pytest.mark.parametrize(("name", "normalizes"), [("MobileNetV2", True), ("ResNet50", False)])
@torch.inference_mode()
def test_known_networks_predict_as_in_keras_with_nothing_left_to_fuse(name, normalizes):
    """Through MobileNetV2's random weights nothing gets but by normalization, through ResNet-50's too much."""
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=7)
    images = pictures(model, 9) / 10
    if normalizes:
        for layer in model.layers:
            layer.momentum = 0.0
        model(images, training=True)  # takes the images' own statistics
    expected, net = model(images, training=False), inference_net(lower(model, "float32"))
    assert float(expected.std(0).min()) > 1e-3
    torch.testing.assert_close(net(images), expected, rtol=0, atol=1e-5)
    assert {BatchNormalization, ActivationOperation, Addition}.isdisjoint(kinds(net))


def halves_of_channels():
    inputs = keras.Input((12, 14, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(inputs))
    kept, changed = keras.ops.split(x, 2, axis=-1)
    x = keras.ops.concatenate([kept, layers.Conv2D(4, 3, padding="same")(changed)], axis=-1)
    return keras.Model(inputs, layers.Dense(5, "softmax")(keras.ops.mean(x, axis=(1, 2))))


def channel_offsets():
    """A tensor of another rank is added to a convolution's result, which the convolution cannot do itself."""
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(4, 3, padding="same")(layers.Rescaling(1 / 255)(inputs))
    offsets = layers.Dense(4)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(5, "softmax")(layers.Flatten()(layers.Add()([x, offsets]))))


def windows_of_pictures():
    """As in Swin: windows become a larger batch, and pictures again."""
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 1)(layers.Rescaling(1 / 255)(inputs))
    windows = keras.ops.reshape(
        keras.ops.transpose(keras.ops.reshape(x, (-1, 2, 6, 2, 6, 8)), (0, 1, 3, 2, 4, 5)), (-1, 36, 8)
    )
    windows = layers.MultiHeadAttention(2, 4)(query=windows, value=windows)
    x = keras.ops.reshape(windows, (-1, 4 * 36 * 8))
    return keras.Model(inputs, layers.Dense(5, "softmax")(x))


@pytest.mark.parametrize(
    ("build", "folds"), [(halves_of_channels, True), (channel_offsets, True), (windows_of_pictures, False)]
)
def test_a_net_folds_unless_images_cannot_pass_a_few_at_a_time(build, folds):
    model = build()
    net = lower(model, "float32")
    assert all(row.lowered for row in net.report())
    folded = inference_net(net)
    assert (folded is not None) == folds
    images = torch.rand(70, *model.input_shape[1:]) * 255
    with torch.no_grad():
        torch.testing.assert_close((folded or net)(images), model(images), rtol=1e-4, atol=1e-5)
