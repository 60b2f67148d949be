"""Logits from a folded net, on every core, are those of the recorded net; so are their gradients."""

import tellapart.api

import keras  # isort: skip
import numpy as np
import pytest
import torch

import tellapart
from tellapart.explanations.recorder import Recorder

layers = keras.layers


def images(shape, count=5):
    pixels = np.random.default_rng(0).uniform(0, 255, (count, *shape)).astype(np.float32)
    return torch.from_numpy(pixels)


def convolutional(*end):
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(6),
            layers.Flatten(),
            *end,
        ]
    )


def ending_in_an_operator():
    pictures = keras.Input((16, 16, 3))
    x = layers.Dense(3)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(pictures)))
    return keras.Model(pictures, keras.ops.softmax(x))


def ending_in_a_nested_model():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
    pictures = keras.Input((16, 16, 3))
    return keras.Model(pictures, inner(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(pictures))))


def mobilenet():
    return keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=3)


NETWORKS = {
    "softmax in a dense layer": (lambda: convolutional(layers.Dense(3, "softmax")), "probabilities"),
    "softmax as a layer": (lambda: convolutional(layers.Dense(3), layers.Softmax()), "probabilities"),
    "softmax as an operator": (ending_in_an_operator, "probabilities"),
    "softmax of probabilities, scaled": (
        lambda: convolutional(layers.Dense(3, "softmax"), layers.Rescaling(1.0)),
        "probabilities",
    ),
    "a nested model at the end": (ending_in_a_nested_model, "probabilities"),
    "logits": (lambda: convolutional(layers.Dense(3)), "logits"),
    "one sigmoid": (lambda: convolutional(layers.Dense(1, "sigmoid")), "one probability"),
    "MobileNetV2": (mobilenet, "probabilities"),
}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_logits_and_their_gradients_are_those_of_the_recorded_net(name):
    keras.utils.set_random_seed(0)
    build, head = NETWORKS[name]
    recorder = Recorder(build(), head)
    pixels = images(recorder.net.model.input_shape[1:]).requires_grad_()
    recorded, logits = recorder.run(pixels).logits, recorder.logits(pixels)
    torch.testing.assert_close(logits, recorded, rtol=1e-4, atol=1e-4)
    theirs, ours = (torch.autograd.grad(each[:, 0].sum(), pixels)[0] for each in (recorded, logits))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max()))
    torch.testing.assert_close(recorder.logits(pixels.detach()), recorded, rtol=1e-4, atol=1e-4)


def test_the_first_call_may_be_in_inference_mode():
    recorder = Recorder(convolutional(layers.Dense(3, "softmax")), "probabilities")
    pixels = images((16, 16, 3))
    with torch.inference_mode():
        recorder.logits(pixels)
    pixels.requires_grad_()
    (gradient,) = torch.autograd.grad(recorder.logits(pixels).sum(), pixels)
    assert gradient.abs().max() > 0


def test_a_network_read_without_keras_computes_logits_without_it(tmp_path):
    file = tmp_path / "net.keras"
    tellapart.load("cifar10").save(file)
    classifier = tellapart.load(file)

    def fail():
        raise AssertionError("Keras is not needed for this.")

    recorder = Recorder.of_stored(classifier.net.net, classifier.net.head, fail)
    pixels = images(classifier.card.preprocessing.shape)
    expected = Recorder(classifier.model, classifier.net.head).run(pixels).logits
    torch.testing.assert_close(recorder.logits(pixels), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", ["expanded_conv_depthwise_relu", "block_3_expand_relu", "out_relu"])
def test_a_part_of_a_network_ends_in_that_layers_output(layer):
    recorder = Recorder(mobilenet(), "probabilities")
    pixels = images((32, 32, 3))
    part = recorder.part(layer)(pixels)
    expected = recorder.layer_outputs(pixels, [layer])[layer]
    torch.testing.assert_close(part, expected, rtol=1e-4, atol=1e-4)


def test_of_a_layer_inside_a_model_or_called_twice_there_is_no_part():
    pictures, twice = keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same", name="twice")
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 3, name="hidden")], name="inner")
    model = keras.Model(pictures, layers.Softmax()(layers.Flatten()(inner(twice(twice(pictures))))))
    recorder = Recorder(model, "probabilities")
    assert recorder.part("twice") is None
    assert recorder.part("inner/hidden") is None
