"""The lowered net against Keras itself: outputs in both modes, gradients, batch statistics."""

import numpy as np
import pytest
import torch

from tellapart.backend import import_keras
from tellapart.lower import lower
from tellapart.lower.activations import ACTIVATIONS
from tellapart.models.first_cnn import first_cnn

keras = import_keras()
layers = keras.layers


def pictures(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype("float32"))


def gradients(output, inputs, variables):
    """Of a loss that no symmetry hides, with respect to the inputs and every weight."""
    weights = torch.linspace(-1, 1, output.numel()).reshape(output.shape)
    return torch.autograd.grad(
        (output * weights).sum(), [inputs, *(variable.value for variable in variables)]
    )


def assert_same_as_keras(model, inputs, *, tolerance=1e-5, all_lowered=True):
    """Forward in both modes, gradients of every weight, and moving statistics."""
    inputs.requires_grad_(True)
    net = lower(model)
    if all_lowered:
        assert [row for row in net.report() if not row.lowered] == []
    with torch.no_grad():
        torch.testing.assert_close(net(inputs), model(inputs), rtol=tolerance, atol=tolerance)
    before = model.get_weights()
    torch.manual_seed(0)
    expected = model(inputs, training=True)
    expected_gradients = gradients(expected, inputs, model.trainable_variables)
    statistics = [variable.numpy().copy() for variable in model.non_trainable_variables]
    model.set_weights(before)
    torch.manual_seed(0)
    found = net(inputs, training=True)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    found_gradients = gradients(found, inputs, model.trainable_variables)
    for ours, theirs in zip(found_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=10 * tolerance, atol=10 * tolerance)
    for variable, value in zip(model.non_trainable_variables, statistics, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-4, atol=1e-5)


SINGLE_LAYERS = {
    "convolution same": lambda: layers.Conv2D(5, 3, padding="same", activation="relu"),
    "convolution valid": lambda: layers.Conv2D(5, (3, 2), activation="tanh"),
    "convolution strided same": lambda: layers.Conv2D(5, 3, strides=2, padding="same"),
    "convolution strided 3": lambda: layers.Conv2D(5, 2, strides=3, padding="same"),
    "convolution dilated": lambda: layers.Conv2D(4, 3, dilation_rate=2, padding="same"),
    "convolution in groups": lambda: layers.Conv2D(6, 3, groups=2, use_bias=False),
    "depthwise": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same"),
    "dense over channels": lambda: layers.Dense(7, activation="gelu"),
    "batch normalisation": lambda: layers.BatchNormalization(),
    "batch normalisation without scale": lambda: layers.BatchNormalization(scale=False, momentum=0.9),
    "max pooling": lambda: layers.MaxPooling2D(2),
    "max pooling same": lambda: layers.MaxPooling2D(3, strides=2, padding="same"),
    "average pooling": lambda: layers.AveragePooling2D((2, 3)),
    "global average": lambda: layers.GlobalAveragePooling2D(),
    "global average keeping dimensions": lambda: layers.GlobalAveragePooling2D(keepdims=True),
    "global maximum": lambda: layers.GlobalMaxPooling2D(),
    "rescaling": lambda: layers.Rescaling(1 / 127.5, offset=-1),
    "flatten": lambda: layers.Flatten(),
    "reshape": lambda: layers.Reshape((-1, 2)),
    "zero padding": lambda: layers.ZeroPadding2D(((1, 2), (0, 3))),
    "softmax over channels": lambda: layers.Softmax(),
    "relu with ceiling": lambda: layers.ReLU(max_value=0.5, negative_slope=0.1, threshold=0.05),
    "identity": lambda: layers.Identity(),
}


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("name", SINGLE_LAYERS)
def test_a_layer_gives_what_keras_gives(name, size):
    inputs = keras.Input((size, size, 4))
    assert_same_as_keras(keras.Model(inputs, SINGLE_LAYERS[name]()(inputs)), pictures(3, size, size, 4))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_gives_what_keras_gives(name):
    model = keras.Sequential([keras.Input((6, 6, 3)), layers.Conv2D(4, 3), layers.Activation(name)])
    assert_same_as_keras(model, 3 * pictures(2, 6, 6, 3))


@pytest.mark.parametrize(
    "kind", ["Add", "Subtract", "Multiply", "Maximum", "Minimum", "Average", "Concatenate"]
)
def test_a_merge_gives_what_keras_gives(kind):
    inputs = keras.Input((6, 6, 3))
    branches = [layers.Conv2D(4, 3)(inputs) for _ in range(2)]
    assert_same_as_keras(keras.Model(inputs, getattr(layers, kind)()(branches)), pictures(2, 6, 6, 3))


def test_the_tutorials_network_gives_what_keras_gives():
    model = first_cnn((32, 32, 3), 10)
    pixels = torch.randint(0, 256, (4, 32, 32, 3)).float()
    for layer in model.layers:
        if isinstance(layer, layers.Dropout):
            layer.rate = 0.0  # masks are drawn from different streams
    assert_same_as_keras(model, pixels)


def test_a_small_resnet_with_shared_and_nested_parts_gives_what_keras_gives():
    inputs = keras.Input((16, 16, 3))
    block = keras.Sequential(
        [layers.Conv2D(8, 3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU()]
    )
    shared = layers.Conv2D(8, 3, padding="same")
    x = block(shared(layers.Conv2D(8, 1)(inputs)))
    x = layers.ReLU()(layers.Add()([x, shared(x)]))
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    assert_same_as_keras(model, pictures(4, 16, 16, 3))


def test_an_activation_read_twice_is_not_written_over():
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3)(inputs)
    model = keras.Model(inputs, layers.Add()([layers.Activation("relu")(x), x]))
    assert_same_as_keras(model, pictures(2, 6, 6, 3))


@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50", "EfficientNetB0"])
def test_a_known_architecture_gives_what_keras_gives(name):
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3), classes=7)
    images = torch.rand(2, 32, 32, 3) * 255
    with torch.no_grad():
        torch.testing.assert_close(lower(model)(images), model(images), rtol=1e-4, atol=1e-5)


def test_a_layer_without_a_rule_runs_as_itself():
    class Swap(layers.Layer):
        def call(self, x):
            return keras.ops.swapaxes(x, 1, 2)

    model = keras.Sequential([keras.Input((6, 8, 3)), layers.Conv2D(4, 3), Swap(), layers.Flatten()])
    assert_same_as_keras(model, pictures(2, 6, 8, 3), all_lowered=False)
    assert [row.kind for row in lower(model).report() if not row.lowered] == ["Swap"]


def test_a_subclass_of_a_lowered_layer_runs_as_itself():
    class Doubled(layers.Dense):
        def call(self, x, training=None):
            return 2 * super().call(x)

    model = keras.Sequential([keras.Input((5,)), Doubled(3)])
    assert_same_as_keras(model, pictures(2, 5), all_lowered=False)


def test_a_model_with_its_own_call_runs_as_itself():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x) + 1

    model = Own()
    assert_same_as_keras(model, pictures(2, 5), all_lowered=False)


@pytest.mark.parametrize("size", [7, 8])
def test_an_average_pooling_over_a_padded_border_runs_as_itself(size):
    model = keras.Sequential([keras.Input((size, size, 3)), layers.AveragePooling2D(3, 2, padding="same")])
    assert_same_as_keras(model, pictures(2, size, size, 3), all_lowered=False)


def test_operations_on_symbolic_tensors_run_as_themselves():
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3)(inputs)
    model = keras.Model(inputs, keras.ops.mean(x * 2 + 1, axis=(1, 2)))
    assert_same_as_keras(model, pictures(2, 6, 6, 3), all_lowered=False)


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


def test_a_frozen_batch_normalisation_keeps_its_statistics():
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
    assert_same_as_keras(model, pictures(2, 6, 6, 3), all_lowered=False)
