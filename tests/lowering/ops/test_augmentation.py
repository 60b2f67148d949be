"""Augmentation layers: in training the images that Keras makes from the same seeds, in inference none."""

import pytest
import torch
from against_keras import pictures
from layer_cases import cases, make_layer

from tellapart.inference.folded_net import inference_net
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.lowering.ops.augmentation import RULES

keras = import_keras()
layers = keras.layers

AFFINE = {
    "rotation": lambda **more: layers.RandomRotation(0.3, seed=3, **more),
    "zoom": lambda **more: layers.RandomZoom((-0.5, 0.4), seed=3, **more),
    "zoom of width alone": lambda **more: layers.RandomZoom(0.0, (-0.4, 0.9), seed=3, **more),
    "translation": lambda **more: layers.RandomTranslation((-0.9, 0.9), 0.6, seed=3, **more),
}
OTHERS = {
    "flip": lambda: layers.RandomFlip(seed=3),
    "crop": lambda: layers.RandomCrop(9, 11, seed=3),
    "contrast": lambda: layers.RandomContrast(0.4, seed=3),
    "brightness": lambda: layers.RandomBrightness(0.4, value_range=(0, 1), seed=3),
}
IMAGES = pictures(8, 12, 17, 3)


def twice(layer, run_of):
    """What a model gives in two steps of training in a row, and in inference between them."""
    inputs = keras.Input(IMAGES.shape[1:])
    model = keras.Model(inputs, layer(inputs))
    run = run_of(model)
    return [run(IMAGES.clone(), training=training) for training in (True, False, True)]


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("fill_mode", ["reflect", "constant", "nearest", "wrap"])
@pytest.mark.parametrize("name", AFFINE)
def test_an_affine_layer_makes_the_images_that_keras_makes(name, fill_mode, interpolation):
    options = {"fill_mode": fill_mode, "interpolation": interpolation, "fill_value": 0.7}
    ours, theirs = (twice(AFFINE[name](**options), run_of) for run_of in (lower, lambda model: model))
    for found, expected in zip(ours, theirs, strict=True):
        off = (found - expected).abs() > 2e-5 * 4  # of the spread of the pixels
        assert off.float().mean() <= (
            0.005 if interpolation == "nearest" else 0
        )  # a place just between two pixels
    assert not torch.equal(ours[0], ours[2])
    torch.testing.assert_close(ours[1], IMAGES)


@pytest.mark.parametrize("name", OTHERS)
def test_another_layer_makes_the_images_that_keras_makes(name):
    for found, expected in zip(
        twice(OTHERS[name](), lower), twice(OTHERS[name](), lambda model: model), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_no_layer_writes_over_what_others_read():
    """As Keras's own RandomBrightness does."""
    by_layer = cases()
    for kind in RULES:
        assert_left_alone(by_layer[kind][0])


def assert_left_alone(case):
    inputs = keras.Input(batch_shape=case.shape)
    model = keras.Model(inputs, [make_layer(case, "float32")(inputs), layers.Identity()(inputs)])
    images = torch.rand(case.shape) * 255
    given = images.clone()
    _, kept = lower(model)(given, training=True)
    assert torch.equal(kept, images), case
    assert torch.equal(given, images), case


def test_a_model_with_augmentation_folds_for_prediction():
    model = keras.Sequential(
        [
            keras.Input((12, 17, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(5, "softmax"),
        ]
    )
    folded = inference_net(lower(model, "float32"))
    assert [type(step.operation).__name__ for step in folded.body + folded.head] == [
        "FoldedConvolution",
        "FunctionOperation",
        "FoldedDense",
    ]
    torch.testing.assert_close(folded(IMAGES), model(IMAGES, training=False).detach(), rtol=1e-5, atol=1e-6)


def test_a_step_with_augmentation_is_neither_recorded_nor_divided():
    """A CUDA graph would replay the first step's draws, and parts of a batch would draw in the order of threads."""
    inputs = keras.Input((12, 17, 3))
    plain, augmented = (
        lower(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))), "bfloat16")
        for x in (inputs, layers.RandomFlip()(inputs))
    )
    assert plain.recordable
    assert plain.can_split_batches
    assert not augmented.recordable
    assert not augmented.can_split_batches
