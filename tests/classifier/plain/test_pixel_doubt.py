"""Labeled pictures show when the assumed pixels were wrong; the score stays that of the assumption."""

import numpy as np
import pytest
import torch
from keras_models import PREPARED, keras, keras_pixels, layers
from PIL import Image

import tellapart
from tellapart.classifier.plain.pixel_doubt import doubt_about_pixels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Classes told apart by how bright they are: pixels 255 times too large are all as bright as can be."""
    root, random = tmp_path_factory.mktemp("doubt") / "train", np.random.default_rng(0)
    for name, level in (("a", 60), ("b", 110), ("c", 160)):
        (root / name).mkdir(parents=True)
        for index in range(8):
            pixels = np.clip(random.normal(level, 15, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


def trained_without_statistics(prepared, y):
    """A network without batch normalization, whose layers say nothing of its pixels."""
    keras.utils.set_random_seed(0)
    stack = [
        layers.Conv2D(12, 3, activation="tanh"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, "softmax"),
    ]
    model = keras.Sequential([keras.Input(prepared.shape[1:]), *stack])
    model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(prepared, y, epochs=60, batch_size=8, verbose=0)
    return model


@pytest.mark.parametrize("pixels", ["0-1", "-1-1", "imagenet", "caffe"])
def test_pixels_that_would_be_better_are_named(pixels, folder, tmp_path):
    x, y = keras_pixels(folder)
    model = trained_without_statistics(PREPARED[pixels](x), y)
    model.save(tmp_path / "net.keras")
    wrong = tellapart.evaluate(tmp_path / "net.keras", folder)
    raw = np.rint(x)
    assert wrong.scores.accuracy == np.mean(model.predict(raw, verbose=0).argmax(1) == y)
    assert wrong.usage.pixels.source == "assumed"
    assert pixels in wrong.note.split("With --pixels ")[1]
    assert "The model was probably trained on such pixels" in wrong.note
    right = tellapart.evaluate(tmp_path / "net.keras", folder, pixels=pixels)
    assert right.scores.accuracy > wrong.scores.accuracy
    assert "probably" not in right.note


def test_right_pixels_are_not_doubted(folder, tmp_path):
    x, y = keras_pixels(folder)
    model = trained_without_statistics(x, y)
    model.save(tmp_path / "net.keras")
    evaluation = tellapart.evaluate(tmp_path / "net.keras", folder)
    assert evaluation.usage.pixels.source == "assumed"
    assert "probably" not in evaluation.note


class Certain:
    """Answers with one class, the same for all pixels within a range, and certain of it."""

    def __init__(self, answers):
        self.answers = answers

    def __call__(self, pixels):
        logits = torch.zeros(len(pixels), 3)
        logits[:, self.answers(pixels)] = 20
        return logits.softmax(-1)


def test_a_lower_loss_that_is_worse_than_guessing_names_no_scaling():
    """As of networks trained on pixels that no --pixels makes: 10.0% on 0-1, not 10.0%, said nothing of 0-1."""
    images, targets = np.full((30, 4, 4, 3), 200, np.uint8), np.array([0] * 4 + [1] * 10 + [2] * 16)
    net = Certain(lambda pixels: 1 if pixels.max() < 2 else 0)
    doubt = doubt_about_pixels(net, images, targets)
    assert "trained on such pixels" not in doubt
    assert "far above that of guessing, 1.10" in doubt


def test_a_network_that_guesses_is_not_doubted():
    images, targets = np.full((30, 4, 4, 3), 200, np.uint8), np.arange(30) % 3
    assert doubt_about_pixels(lambda pixels: torch.full((len(pixels), 3), 1 / 3), images, targets) == ""
