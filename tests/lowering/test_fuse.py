"""Joined operations give what they gave apart, bit for bit in float32, and only where nobody else looks."""

import pytest
import torch
from against_keras import scatter_weights

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.lowering.ops.activation_layers import ActivationOperation
from tellapart.lowering.ops.convolution import Convolution2D
from tellapart.lowering.ops.normalization import BatchNormalization
from tellapart.lowering.ops.pooling import MaxPooling2D

keras = import_keras()
layers = keras.layers
PICTURES = torch.rand((3, 9, 9, 3), generator=torch.Generator().manual_seed(0)) - 0.5


def operation(net, kind):
    return next(part for part in net.operations if isinstance(part, kind))


def assert_equal(ours, theirs, to_the_bit):
    tolerance = 0.0 if to_the_bit else 1e-5
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def assert_same_as_keras(model, *, to_the_bit):
    net = lower(model)
    weights = [variable.value for variable in model.trainable_variables]
    ours, theirs = net(PICTURES, training=True), model(PICTURES, training=True)
    assert_equal(ours, theirs, to_the_bit)
    upstream = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1))
    for one, other in zip(
        torch.autograd.grad(ours, weights, upstream),
        torch.autograd.grad(theirs, weights, upstream),
        strict=True,
    ):
        assert_equal(one, other, to_the_bit)
    return net


def test_relu_moves_behind_the_pooling_with_the_same_bits():
    model = keras.Sequential(
        [keras.Input((9, 9, 3)), layers.Conv2D(5, 3), layers.ReLU(), layers.MaxPooling2D(2)]
    )
    net = assert_same_as_keras(model, to_the_bit=True)
    assert operation(net, MaxPooling2D).relu
    assert operation(net, ActivationOperation).name == "linear"


def test_a_convolutions_own_relu_moves_too():
    model = keras.Sequential(
        [keras.Input((9, 9, 3)), layers.Conv2D(5, 3, activation="relu"), layers.MaxPooling2D(2)]
    )
    net = assert_same_as_keras(model, to_the_bit=True)
    assert operation(net, Convolution2D).activation == "linear"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_relu_behind_a_convolution_goes_into_it_in_low_precision_only(precision):
    model = keras.Sequential([keras.Input((9, 9, 3)), layers.Conv2D(5, 3), layers.Activation("relu")])
    net = lower(model, precision)
    assert operation(net, Convolution2D).activation == ("relu" if precision == "bfloat16" else "linear")
    assert (net(PICTURES, training=True) >= 0).all()


def test_a_map_that_another_layer_reads_stays():
    pictures = keras.Input((9, 9, 3))
    maps = layers.Conv2D(5, 3)(pictures)
    positive = layers.ReLU()(maps)
    pooled = layers.GlobalAveragePooling2D()(positive)
    peaks = layers.GlobalMaxPooling2D()(layers.MaxPooling2D(2)(positive))
    model = keras.Model(
        pictures, layers.Concatenate()([pooled, peaks, layers.GlobalAveragePooling2D()(maps)])
    )
    net = assert_same_as_keras(model, to_the_bit=False)
    assert not operation(net, MaxPooling2D).relu
    assert operation(net, ActivationOperation).name == "relu"


def test_a_layer_called_twice_stays():
    relu = layers.ReLU()
    pictures = keras.Input((9, 9, 3))
    model = keras.Model(pictures, layers.MaxPooling2D(2)(relu(layers.Conv2D(5, 3)(relu(pictures)))))
    net = assert_same_as_keras(model, to_the_bit=True)
    assert not operation(net, MaxPooling2D).relu


@pytest.mark.parametrize("activation", ["gelu", "silu", "elu"])
def test_other_activations_stay_before_the_pooling(activation):
    model = keras.Sequential(
        [keras.Input((9, 9, 3)), layers.Conv2D(5, 3), layers.Activation(activation), layers.MaxPooling2D(2)]
    )
    assert not operation(assert_same_as_keras(model, to_the_bit=False), MaxPooling2D).relu


@pytest.mark.parametrize("fused", [True, False])
def test_a_nested_model_is_fused_where_the_whole_one_is(fused):
    inner = [keras.Input((9, 9, 3)), layers.Conv2D(5, 3), layers.ReLU(), layers.MaxPooling2D(2)]
    model = keras.Sequential([keras.Input((9, 9, 3)), keras.Sequential(inner), layers.Flatten()])
    pooling = [part for part in lower(model, fused=fused).modules() if isinstance(part, MaxPooling2D)]
    assert [part.relu for part in pooling] == [fused]


def normalized_convolutions(activation):
    return keras.Sequential(
        [
            keras.Input((9, 9, 3)),
            layers.Conv2D(8, 3, padding="same", strides=2),
            layers.BatchNormalization(),
            layers.Activation(activation),
            layers.DepthwiseConv2D(3, padding="same", use_bias=False),
            layers.BatchNormalization(scale=False),
        ]
    )


@pytest.mark.parametrize("activation", ["relu", "relu6", "silu", "tanh"])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_normalization_goes_into_the_convolution_before_it(activation, frozen):
    model = normalized_convolutions(activation)
    scatter_weights(model)
    model.trainable = not frozen
    net = lower(model)
    assert operation(net, Convolution2D).normalization is operation(net, BatchNormalization)
    for training in (False, True):
        expected = model(PICTURES, training=training)
        found = net(PICTURES, training=training)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        assert found.requires_grad is not frozen


def test_a_fixed_normalization_is_folded_only_where_nothing_needs_its_parts():
    """A frozen trunk saves nothing for a backward pass; as soon as an input or a weight learns, gradients are right."""
    model = normalized_convolutions("silu")
    scatter_weights(model)
    for layer in model.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)
    assert_same_as_keras(model, to_the_bit=False)
    model.trainable = False
    pictures = [PICTURES.clone().requires_grad_() for _ in range(2)]
    ours, theirs = lower(model)(pictures[0], training=True), model(pictures[1], training=True)
    torch.testing.assert_close(
        torch.autograd.grad(ours.square().sum(), pictures[0]),
        torch.autograd.grad(theirs.square().sum(), pictures[1]),
        rtol=1e-4,
        atol=1e-5,
    )


def test_weights_set_later_count_in_a_folded_normalization():
    model = normalized_convolutions("relu")
    model.trainable = False
    net = lower(model)
    net(PICTURES)
    scatter_weights(model)
    torch.testing.assert_close(net(PICTURES), model(PICTURES), rtol=1e-5, atol=1e-5)
