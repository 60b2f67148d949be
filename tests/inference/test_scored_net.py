"""One run of a network gives the probabilities that it gives anyway, and scores of its features and logits."""

import numpy as np
import pytest
import torch

from tellapart.classifier.card import ModelCard
from tellapart.classifier.classifier import Classifier
from tellapart.data.preprocess import Preprocessing
from tellapart.inference.predictor import tta_probabilities
from tellapart.inference.scored_net import scored_net
from tellapart.keras_backend import import_keras

keras = import_keras()
layers = keras.layers


def network(*end):
    return keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.Flatten(), *end]
    )


ENDS = {
    "softmax in the last dense layer": lambda: [layers.Dense(6, "relu"), layers.Dense(3, "softmax")],
    "softmax after a scale": lambda: [layers.Dense(3), layers.Rescaling(1 / 9), layers.Activation("softmax")],
    "logits": lambda: [layers.Dense(3)],
    "one sigmoid": lambda: [layers.Dense(1, "sigmoid")],
    "one sigmoid, a layer of its own": lambda: [layers.Dense(1), layers.Activation("sigmoid")],
}
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)


def classifier_of(model):
    classes = tuple("abc")[: max(2, model.output_shape[-1])]
    return Classifier.of_model(model, ModelCard(classes, Preprocessing(height=8, width=8), {}))


def by_keras(model):
    """The inputs of the last dense layer, and logits whose softmax are the probabilities."""
    dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)][-1]
    images = torch.from_numpy(IMAGES.astype(np.float32))
    features = keras.Model(model.inputs, dense.input)(images).detach().numpy()
    output = model(images).detach().numpy().astype(np.float64)
    if model.output_shape[-1] == 1:
        half = np.log(output / (1 - output)) / 2
        return features, np.concatenate([-half, half], 1)
    is_logits = not np.allclose(output.sum(1), 1)
    return features, output if is_logits else np.log(output)


def centered(logits):
    return logits - logits.mean(1, keepdims=True)


@pytest.mark.parametrize("end", ENDS)
def test_scores_are_of_the_features_and_logits_that_keras_computes(end):
    model = network(*ENDS[end]())
    net, seen = classifier_of(model).net, []

    def score(features, logits):
        seen.append((features, logits))
        return features.sum(1, dtype=np.float64)

    predictions = tta_probabilities(net, IMAGES, scored=scored_net(net, score))
    features, logits = by_keras(model)
    np.testing.assert_allclose(predictions.novelty, features.sum(1), rtol=1e-4, atol=1e-4)
    got = np.concatenate([logits for _, logits in sorted(seen, key=lambda pair: -len(pair[0]))])
    assert len(got) == len(IMAGES)
    if len(seen) == 1:
        np.testing.assert_allclose(centered(got), centered(logits), atol=1e-4)


@pytest.mark.parametrize("tta_views", [1, 2, 6])
@pytest.mark.parametrize("end", ENDS)
def test_the_probabilities_are_the_same_to_the_last_bit(end, tta_views):
    net = classifier_of(network(*ENDS[end]())).net
    scored = scored_net(net, lambda features, _: np.zeros(len(features)))
    plain = tta_probabilities(net, IMAGES, tta_views=tta_views)
    both = tta_probabilities(net, IMAGES, tta_views=tta_views, scored=scored)
    np.testing.assert_array_equal(both.averaged, plain.averaged)
    np.testing.assert_array_equal(both.plain, plain.plain)
    assert plain.novelty is None


@keras.saving.register_keras_serializable("scored")
class Halved(layers.Layer):
    """A layer without a rule: the net that has it cannot be folded."""

    def call(self, x):
        return x / 2


@pytest.mark.parametrize(
    "end", ["softmax in the last dense layer", "logits", "one sigmoid, a layer of its own"]
)
def test_a_network_that_cannot_be_folded_is_scored_as_well(end):
    model = network(Halved(), *ENDS[end]())
    net, seen = classifier_of(model).net, []
    assert net.ready() is net

    def score(features, logits):
        seen.append(logits)
        return features.sum(1, dtype=np.float64)

    predictions = tta_probabilities(net, IMAGES, scored=scored_net(net, score))
    features, logits = by_keras(model)
    np.testing.assert_allclose(predictions.novelty, features.sum(1), rtol=1e-4)
    np.testing.assert_allclose(centered(np.concatenate(seen)), centered(logits), atol=1e-4)
    np.testing.assert_array_equal(predictions.plain, tta_probabilities(net, IMAGES).plain)


def test_in_bfloat16_the_scores_are_close():
    net = classifier_of(network(*ENDS["softmax in the last dense layer"]())).net
    scored = scored_net(net, lambda features, _: features.sum(1, dtype=np.float64))
    exact, rounded = (
        tta_probabilities(net, IMAGES, precision=precision, scored=scored).novelty
        for precision in ("float32", "bfloat16")
    )
    np.testing.assert_allclose(rounded, exact, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    "end",
    [
        [layers.Dense(3), layers.Softmax()],
        [layers.Reshape((-1, 3)), layers.GlobalAveragePooling1D(), layers.Softmax()],
    ],
)
def test_a_network_whose_features_or_logits_cannot_be_seen_has_no_scored_form(end):
    assert scored_net(classifier_of(network(*end)).net, lambda features, _: features.sum(1)) is None
