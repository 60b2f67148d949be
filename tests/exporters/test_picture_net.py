"""Picture nets: what an export computes is what `predict` says."""

import numpy as np
import pytest
import torch

from tellapart.classifier.card import ModelCard, NoveltyLimit
from tellapart.classifier.classifier import Classifier
from tellapart.data.preprocess import Preprocessing
from tellapart.errors import ConfigError
from tellapart.exporters.picture_net import NOVELTY, PROBABILITIES, PictureNet
from tellapart.keras_backend import import_keras

keras = import_keras()
layers = keras.layers
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 17, 15, 3), dtype=np.uint8)


def body():
    """Odd sides, strides and "same" padding, so that Keras pads one side more than the other."""
    return [
        keras.Input((17, 15, 3)),
        layers.Rescaling(1 / 255, -0.3),
        layers.Conv2D(8, 4, 2, padding="same"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.DepthwiseConv2D(3, 2, padding="same"),
        layers.MaxPooling2D(2, padding="same"),
        layers.Flatten(),
        layers.Dense(12, activation="gelu"),
    ]


def classifier(classes=4, activation="softmax", **changes):
    keras.utils.set_random_seed(0)
    names = tuple("abcdefgh"[: max(classes, 2)])
    model = keras.Sequential([*body(), layers.Dense(classes, activation=activation)])
    model.layers[-1].kernel.assign(model.layers[-1].kernel * 40)
    card = ModelCard(names, Preprocessing(height=17, width=15), **changes)
    return Classifier.of_model(model, card)


def outputs_of(net, images=IMAGES):
    with torch.no_grad():
        return dict(
            zip(net.outputs, (output.numpy() for output in net(torch.from_numpy(images))), strict=True)
        )


@pytest.mark.parametrize("views", [1, 2, 6])
def test_every_number_of_views_is_averaged_as_predict_averages(views):
    own = classifier(tta_views=views)
    expected = own.probabilities(IMAGES)
    np.testing.assert_allclose(outputs_of(PictureNet(own))[PROBABILITIES], expected, atol=1e-6)
    if views > 1:
        assert np.abs(expected - own.probabilities(IMAGES, tta_views=1)).max() > 1e-3


def test_six_views_leave_the_sure_ones_at_two():
    own = classifier(tta_views=6)
    two, six = (own.probabilities(IMAGES, tta_views=views) for views in (2, 6))
    same = (np.abs(two - six) < 1e-6).all(1)
    assert 0 < same.sum() < len(IMAGES)


@pytest.mark.parametrize("views", [1, 2, 6])
def test_labels_are_averaged_by_their_odds(views):
    own = classifier(activation="sigmoid", multi_label=True, thresholds=(0.5,) * 4, tta_views=views)
    np.testing.assert_allclose(
        outputs_of(PictureNet(own))[PROBABILITIES], own.probabilities(IMAGES), atol=1e-6
    )


@pytest.mark.parametrize(("classes", "activation"), [(4, "linear"), (1, "sigmoid"), (1, "linear")])
def test_logits_and_single_outputs_become_probabilities(classes, activation):
    own = classifier(classes, activation)
    np.testing.assert_allclose(
        outputs_of(PictureNet(own))[PROBABILITIES], own.probabilities(IMAGES), atol=1e-6
    )


@pytest.mark.parametrize("method", ["energy", "standardized energy"])
def test_the_novelty_score_is_predicts(method):
    own = classifier(novelty=NoveltyLimit(method, 0.0), tta_views=2)
    expected = own.tta_probabilities(IMAGES, novelty=True).novelty
    found = outputs_of(PictureNet(own))[NOVELTY]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert np.ptp(expected) > 1e-3


def test_the_distance_to_the_training_pictures_is_predicts():
    own = classifier()
    features = np.abs(np.random.default_rng(1).normal(size=(200, 12))).astype(np.float32)
    own.learn_familiar(features, np.arange(200) % 4)
    expected = own.tta_probabilities(IMAGES, novelty=True).novelty
    np.testing.assert_allclose(outputs_of(PictureNet(own))[NOVELTY], expected, rtol=1e-4)
    assert expected.std() > 0.01


def test_a_model_without_a_method_has_no_novelty_output():
    assert PictureNet(classifier()).outputs == (PROBABILITIES,)


def test_a_net_that_has_no_folded_form_is_exported_as_it_is_lowered():
    class Halving(layers.Layer):
        def call(self, x):
            return x / 2

    inputs = keras.Input((17, 15, 3))
    outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(Halving()(inputs)))
    card = ModelCard(("a", "b", "c"), Preprocessing(height=17, width=15))
    own = Classifier.of_model(keras.Model(inputs, outputs), card)
    np.testing.assert_allclose(
        outputs_of(PictureNet(own))[PROBABILITIES], own.probabilities(IMAGES), atol=1e-6
    )


def test_another_number_of_views_is_refused():
    with pytest.raises(ConfigError, match="views is 1, 2 or 6"):
        PictureNet(classifier(), 3)


def test_the_views_may_be_chosen():
    own = classifier(tta_views=6)
    np.testing.assert_allclose(
        outputs_of(PictureNet(own, 1))[PROBABILITIES], own.probabilities(IMAGES, tta_views=1), atol=1e-6
    )
