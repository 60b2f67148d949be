"""The description of dropout and its relatives is what Keras's layers do in training; they do nothing otherwise."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import numpy as np
import pytest
import torch

from tellapart.explanations.arithmetic import dropout
from tellapart.explanations.arithmetic.layer_arithmetic import Selection
from tellapart.explanations.arithmetic.registry import arithmetic_of
from tellapart.explanations.recorder import Recorder

layers = keras.layers
RATE = 0.3
SIZE = (16, 16, 64)


def arithmetic(layer, shape=(8, 8, 3)):
    model = keras.Sequential([keras.Input(shape), layer, layers.Flatten(), layers.Dense(2)])
    image = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (1, *shape)).astype(np.float32))
    with torch.no_grad():
        return arithmetic_of(Recorder(model, "logits").run(image).layers[0])


def details(layer, shape=(8, 8, 3)):
    return arithmetic(layer, shape).details(Selection([0], [0], [0]))


def in_training(layer):
    """The input, and the output of Keras's own layer in a training step."""
    keras.utils.set_random_seed(0)
    given = np.random.default_rng(0).normal(1, 0.1, (1, *SIZE)).astype(np.float32)
    return given[0], keras.ops.convert_to_numpy(layer(given, training=True))[0]


def test_dropout_drops_single_numbers():
    assert details(layers.Dropout(RATE)) == {"drawing": "numbers", "rate": RATE}
    taken, given = in_training(layers.Dropout(RATE))
    stays = given != 0
    assert 1 - stays.mean() == pytest.approx(RATE, abs=0.02)
    np.testing.assert_allclose(given[stays], taken[stays] / (1 - RATE), rtol=1e-5)


def test_dropout_in_groups_is_not_drawn_number_by_number():
    described = arithmetic(layers.Dropout(RATE, noise_shape=(None, 1, 1, None)))
    assert described.description == dropout.IN_GROUPS
    assert described.details(Selection([0], [0], [0])) == {}


def test_spatial_dropout_drops_whole_channels():
    assert details(layers.SpatialDropout2D(RATE)) == {"drawing": "channels", "rate": RATE}
    assert details(layers.SpatialDropout1D(RATE), (8, 3)) == {"drawing": "channels", "rate": RATE}
    taken, given = in_training(layers.SpatialDropout2D(RATE))
    stays = given[0, 0] != 0
    assert 0 < stays.sum() < SIZE[2]
    np.testing.assert_allclose(given, taken / (1 - RATE) * stays, rtol=1e-5)


def test_gaussian_dropout_multiplies_by_normal_noise():
    assert details(layers.GaussianDropout(RATE)) == {"drawing": "noise", "rate": RATE}
    taken, given = in_training(layers.GaussianDropout(RATE))
    noise = given / taken
    assert noise.mean() == pytest.approx(1, abs=0.02)
    assert noise.std() == pytest.approx(np.sqrt(RATE / (1 - RATE)), abs=0.02)
    assert (given != 0).all()


def test_alpha_dropout_sets_no_zeros_and_keeps_mean_and_variance():
    described = arithmetic(layers.AlphaDropout(RATE))
    assert described.description == dropout.ALPHA
    assert described.details(Selection([0], [0], [0])) == {}
    standard = np.random.default_rng(0).normal(size=(1, 64, 64, 16)).astype(np.float32)
    given = keras.ops.convert_to_numpy(layers.AlphaDropout(RATE, seed=0)(standard, training=True))
    lowest = keras.ops.convert_to_numpy(keras.activations.selu(np.array([-1e4], np.float32)))[0]
    values, counts = np.unique(given, return_counts=True)
    assert counts.max() / given.size == pytest.approx(RATE, abs=0.02)  # all dropped ones are the same
    stays = given != values[counts.argmax()]
    stretch, shift = np.polyfit(standard[stays], given[stays], 1)
    assert values[counts.argmax()] == pytest.approx(stretch * lowest + shift, rel=1e-3)
    assert (given != 0).all()
    assert given.mean() == pytest.approx(0, abs=0.02)
    assert given.std() == pytest.approx(1, abs=0.02)


def test_stochastic_depth_leaves_out_the_whole_branch():
    from keras.src.applications.convnext import StochasticDepth

    assert arithmetic(StochasticDepth(RATE)).description == dropout.DEPTH
    assert details(StochasticDepth(RATE)) == {}
    keras.utils.set_random_seed(0)
    ones = np.ones((200, 2, 2, 3), np.float32)
    given = keras.ops.convert_to_numpy(StochasticDepth(RATE)(ones, training=True)).reshape(200, -1)
    kept = given[:, 0] != 0
    assert 0 < kept.sum() < 200
    np.testing.assert_allclose(given, np.repeat(kept[:, None] / (1 - RATE), 12, axis=1), rtol=1e-5)


@pytest.mark.parametrize(
    ("layer", "description"),
    [
        (layers.GaussianNoise(0.2), dropout.NOISE),
        (layers.ActivityRegularization(l2=0.1), dropout.COST),
        (layers.Identity(), dropout.PASSES),
        (layers.Resizing(8, 8), dropout.PASSES),
        (layers.RandomFlip(), dropout.AUGMENTS),
        (layers.RandomRotation(0.2), dropout.AUGMENTS),
        (layers.RandomZoom(0.2), dropout.AUGMENTS),
        (layers.RandomTranslation(0.1, 0.1), dropout.AUGMENTS),
        (layers.RandomContrast(0.2), dropout.AUGMENTS),
        (layers.RandomBrightness(0.2), dropout.AUGMENTS),
        (layers.RandomCrop(8, 8), dropout.AUGMENTS),
        (layers.RandomErasing(), dropout.AUGMENTS),
        (layers.RandAugment(), dropout.AUGMENTS),
        (layers.AugMix(), dropout.AUGMENTS),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_layer_that_acts_in_training_alone_passes_numbers_when_answering(layer, description):
    described = arithmetic(layer)
    assert described.kind == "off"
    assert described.description == description


def test_a_layer_that_changes_numbers_when_answering_is_not_said_to_pass_them():
    assert arithmetic(layers.Resizing(4, 4)).kind == "other"
