"""What a lowered net does beside its rules: sharing weights, structure, modes, and layers run as themselves."""

import numpy as np
import pytest
import torch
from against_keras import assert_same_as_keras, pictures

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.models.first_cnn import first_cnn

keras = import_keras()
layers = keras.layers


def test_an_activation_read_twice_is_not_written_over():
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3)(inputs)
    model = keras.Model(inputs, layers.Add()([layers.Activation("relu")(x), x]))
    assert_same_as_keras(model, pictures(2, 6, 6, 3))


@pytest.mark.parametrize("first", ["sigmoid", "tanh"])
def test_a_result_that_a_backward_pass_needs_is_not_written_over(first):
    model = keras.Sequential(
        [keras.Input((6, 6, 3)), layers.Conv2D(4, 3), layers.Activation(first), layers.ELU(0.7)]
    )
    assert_same_as_keras(model, pictures(2, 6, 6, 3))


def test_weights_that_were_cast_once_are_cast_anew_after_they_are_dropped():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(3)])
    net, x = lower(model, "bfloat16"), pictures(2, 5)
    net.cast_weights(set())
    before = net(x)
    model.layers[0].kernel.assign(2 * model.layers[0].kernel)
    assert torch.equal(net(x), before)
    net.drop_cast_weights()
    assert not torch.equal(net(x), before)


def test_a_layer_without_a_rule_runs_as_itself():
    class Swap(layers.Layer):
        def call(self, x):
            return keras.ops.swapaxes(x, 1, 2)

    model = keras.Sequential([keras.Input((6, 8, 3)), layers.Conv2D(4, 3), Swap(), layers.Flatten()])
    assert_same_as_keras(model, pictures(2, 6, 8, 3), runs_as_itself=["Swap"])


def test_a_subclass_of_a_lowered_layer_runs_as_itself():
    class Doubled(layers.Dense):
        def call(self, x, training=None):
            return 2 * super().call(x)

    model = keras.Sequential([keras.Input((5,)), Doubled(3)])
    assert_same_as_keras(model, pictures(2, 5), runs_as_itself=["Doubled"])


def test_a_model_with_its_own_call_runs_as_itself():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x) + 1

    model = Own()
    model(pictures(2, 5))
    assert_same_as_keras(model, pictures(2, 5), runs_as_itself=["Dense"])


def test_dropout_drops_in_training_and_only_there():
    """Keras records for it the default of its `training` argument, False, which is no wish of anybody's."""
    inputs = keras.Input((4, 4, 3))
    functional = keras.Model(inputs, layers.Dropout(0.5)(inputs))
    for model in [functional, keras.Sequential([inputs, layers.Dropout(0.5)])]:
        net, ones = lower(model), torch.ones(8, 4, 4, 3)
        assert 0.3 < (net(ones, training=True) == 0).float().mean() < 0.7
        torch.testing.assert_close(net(ones, training=False), ones)


def test_a_training_argument_in_the_graph_yields_to_the_model_s_as_in_keras():
    inputs = keras.Input((4, 4, 3))
    normalized = layers.BatchNormalization()(inputs, training=False)
    model = keras.Model(inputs, [normalized, layers.Dropout(0.5)(inputs, training=True)])
    images = pictures(8, 4, 4, 3) + 5
    for training in [False, True]:
        normalized, dropped = lower(model)(images, training=training)
        expected, expected_dropped = model(images, training=training)
        torch.testing.assert_close(normalized, expected, rtol=1e-4, atol=1e-4)
        assert bool((dropped == 0).any()) == bool((expected_dropped == 0).any()) == training


def test_a_frozen_batch_normalization_keeps_its_statistics():
    layer = layers.BatchNormalization()
    model = keras.Sequential([keras.Input((4, 4, 3)), layer])
    layer.trainable = False
    lower(model)(pictures(8, 4, 4, 3) + 5, training=True)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), np.zeros(3))


def test_weights_are_shared_both_ways():
    model = first_cnn((14, 14, 1), 3)
    net = lower(model)
    images = torch.rand(2, 14, 14, 1) * 255
    before = net(images)
    model.set_weights([weight * 1.5 for weight in model.get_weights()])
    assert not torch.allclose(net(images), before)
    assert next(iter(net.operations[1].parameters())) is model.layers[1].kernel.value


def test_several_inputs_and_named_outputs_keep_their_structure():
    left, right = keras.Input((5,), name="left"), keras.Input((5,), name="right")
    total = layers.Add()([layers.Dense(3)(left), layers.Dense(3)(right)])
    model = keras.Model({"left": left, "right": right}, {"total": total, "mean": layers.Dense(1)(total)})
    given = {"left": pictures(2, 5), "right": pictures(2, 5, seed=1)}
    found, expected = lower(model)(given), model(given)
    assert set(found) == {"total", "mean"}
    torch.testing.assert_close(found["mean"], expected["mean"])


def test_bfloat16_computes_close_to_float32_and_returns_float32():
    model = first_cnn((32, 32, 3), 10)
    pixels = torch.randint(0, 256, (8, 32, 32, 3))
    coarse, fine = lower(model, "bfloat16")(pixels), lower(model, "float32")(pixels)
    assert coarse.dtype == torch.float32
    torch.testing.assert_close(coarse, fine, rtol=0.05, atol=0.01)


def softmax(x):
    """Of the user's own, with a name that Keras knows."""
    return keras.ops.softmax(5 * x)


@pytest.mark.parametrize(
    "activation",
    [softmax, lambda x: keras.ops.tanh(x), layers.LeakyReLU(0.3)],
    ids=["softmax", "lambda", "layer"],
)
@pytest.mark.parametrize("kind", ["dense", "convolution", "activation"])
def test_an_activation_of_the_users_own_is_never_replaced(kind, activation):
    layer = {
        "dense": lambda: layers.Dense(3, activation=activation),
        "convolution": lambda: layers.Conv2D(3, 3, activation=activation),
        "activation": lambda: layers.Activation(activation),
    }[kind]()
    model = keras.Sequential([keras.Input((6, 6, 3)), layer])
    assert_same_as_keras(model, pictures(2, 6, 6, 3), runs_as_itself=[type(layer).__name__])
