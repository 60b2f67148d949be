"""What is recorded of a layer is what the Keras layer of that name gives, over whole nets."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import numpy as np
import pytest
import torch

from tellapart.explanations.recorder import Recorder

layers = keras.layers


def sequential():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def nested_and_merged():
    inner = keras.Sequential([keras.Input((16, 16, 4)), layers.Conv2D(4, 3, padding="same")], name="inner")
    pictures = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 1)(pictures)
    x = layers.Add()([inner(x), x]) + x
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(pictures, layers.Activation("softmax")(layers.Dense(3)(x)))


def mobilenet():
    return keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=3)


def sigmoid():
    return keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(1, "sigmoid")]
    )


def recorded(model, head="probabilities"):
    shape = (2, *model.input_shape[1:])
    images = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32))
    return Recorder(model, head).run(images), images


@pytest.mark.parametrize("build", [sequential, nested_and_merged, mobilenet])
def test_every_layer_gives_what_keras_gives(build):
    keras.utils.set_random_seed(0)
    model = build()
    recording, images = recorded(model)
    own = {run.name: run for run in recording.layers}
    checked = 0
    for layer in model.layers:
        if layer.name not in own or isinstance(layer, keras.Model):
            continue
        theirs = keras.Model(model.inputs, layer.output)([images]).detach()
        torch.testing.assert_close(own[layer.name].output, theirs, rtol=1e-4, atol=1e-4)
        checked += 1
    assert checked >= 5


def test_a_nested_models_layers_are_named_after_it():
    recording, _ = recorded(nested_and_merged())
    names = [run.name for run in recording.layers]
    assert any(name.startswith("inner/conv2d") for name in names)
    assert "inner" not in names


def test_a_layer_called_twice_is_recorded_twice():
    pictures = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    x = layers.Flatten()(shared(shared(pictures)))
    recording, _ = recorded(keras.Model(pictures, layers.Dense(3, activation="softmax")(x)))
    assert [run.name for run in recording.layers][:2] == ["shared", "shared#2"]


@pytest.mark.parametrize("build", [sequential, nested_and_merged, mobilenet])
def test_the_softmax_of_the_logits_is_the_answer(build):
    recording, _ = recorded(build())
    torch.testing.assert_close(recording.logits.softmax(-1), recording.output)
    assert not torch.allclose(recording.logits, recording.output.log(), atol=1e-3) or build is not sequential


def test_of_a_sigmoid_both_classes_have_a_logit():
    recording, _ = recorded(sigmoid(), "one probability")
    both = recording.logits.softmax(-1)
    torch.testing.assert_close(both[:, 1:], recording.output)
    torch.testing.assert_close(both.sum(-1), torch.ones(2))


def test_recording_leaves_the_net_unwatched():
    model = sequential()
    recorder = Recorder(model, "probabilities")
    recorder.run(torch.zeros(1, 16, 16, 3))
    assert recorder.net._observer is None
