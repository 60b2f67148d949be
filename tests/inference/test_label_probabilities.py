"""Probabilities of several labels a picture: a sigmoid each, views averaged by their odds, other networks refused."""

import keras
import numpy as np
import pytest

from tellapart.errors import ModelError
from tellapart.inference.probability_net import probability_net_of
from tellapart.inference.tta import averaged, with_tta


def network(activation, outputs=3):
    layers = [
        keras.Input((8, 8, 3)),
        keras.layers.Flatten(),
        keras.layers.Dense(outputs, activation=activation),
    ]
    return keras.Sequential(layers)


def test_each_output_is_the_probability_of_a_label():
    model = network("sigmoid")
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.float32) / 255
    net = probability_net_of(model, 3, multi_label=True)
    assert net.head == "label probabilities"
    expected = model.predict(images, verbose=0)
    import torch

    np.testing.assert_allclose(net.ready()(torch.from_numpy(images)).detach().numpy(), expected, atol=1e-6)
    assert not net.predicts_in("bfloat16")


@pytest.mark.parametrize(("activation", "outputs"), [("softmax", 3), (None, 3), ("sigmoid", 2)])
def test_other_outputs_are_refused(activation, outputs):
    with pytest.raises(ModelError, match=r"3 (labels|classes)"):
        probability_net_of(network(activation, outputs), 3, multi_label=True)


def test_views_are_averaged_by_their_odds():
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    by_side = {0: np.array([[0.9, 0.2]] * 2, np.float32), 1: np.array([[0.6, 0.4]] * 2, np.float32)}

    def predict(given, _):
        return by_side[int(not np.array_equal(given, images))]

    odds = np.sqrt((0.9 / 0.1) * (0.6 / 0.4)), np.sqrt((0.2 / 0.8) * (0.4 / 0.6))
    expected = np.array([[each / (1 + each) for each in odds]] * 2)
    answer = with_tta(predict, images, 2, multi_label=True)
    np.testing.assert_allclose(answer.averaged, expected, atol=1e-6)
    np.testing.assert_allclose(averaged(list(by_side.values()), multi_label=True), expected, atol=1e-6)
