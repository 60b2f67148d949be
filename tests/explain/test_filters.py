"""What a channel looks for, where it is known."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import numpy as np
import pytest
import torch

from tellapart.errors import ConfigError
from tellapart.explain.filters import excitement, exciting_picture, exciting_pieces, kernels_as_pictures
from tellapart.explain.record import Recorder

layers = keras.layers


@pytest.fixture(scope="module")
def edges():
    """A network whose first channel wants bright pixels left of dark ones, whose second the opposite."""
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(2, 3, activation="relu", name="edges"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    kernel = np.zeros((3, 3, 1, 2), np.float32)
    kernel[:, 0, 0, 0], kernel[:, 2, 0, 0] = 1, -1
    kernel[..., 1] = -kernel[..., 0]
    model.get_layer("edges").set_weights([kernel, np.zeros(2, np.float32)])
    return Recorder(model, "probabilities")


def test_the_piece_that_excites_an_edge_detector_is_the_edge(edges):
    images = np.full((5, 16, 16, 1), 100, np.uint8)
    images[3, 4:10, :7] = 200  # bright to the left of column 7
    images[3, 4:10, 7:] = 20
    best = exciting_pieces(edges, images, "edges", [0], most=1)[0][0]
    assert best.picture == 3
    top, left, bottom, right = best.box
    assert (bottom - top, right - left) == (3, 3)
    assert left <= 6 < 7 < right
    assert best.excitement == pytest.approx(3 * 180)


def test_pieces_come_the_most_exciting_first_and_are_what_the_network_gives(recorder):
    images = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), np.uint8)  # more than go at once
    found = exciting_pieces(recorder, images, "activation_1", [0, 5], most=4)
    maps = recorder.run(torch.from_numpy(images.astype(np.float32))).layer("activation_1").output.detach()
    for channel, pieces in found.items():
        excitements = [piece.excitement for piece in pieces]
        assert excitements == sorted(excitements, reverse=True)
        highest = maps[..., channel].amax((1, 2)).sort(descending=True).values[:4]
        np.testing.assert_allclose(excitements, highest.numpy(), rtol=1e-4, atol=1e-5)


def test_kernels_are_shown_from_black_to_white(edges, recorder):
    name, pictures = kernels_as_pictures(edges.run(torch.zeros(1, 16, 16, 1)))
    assert name == "edges"
    assert pictures.shape == (2, 3, 3, 1)
    assert pictures[0, 0, :, 0].tolist() == [255, 128, 0]
    name, pictures = kernels_as_pictures(recorder.run(torch.zeros(1, 32, 32, 3)))
    assert name == "whitening"
    assert pictures.shape == (24, 2, 2, 3)


def test_a_network_without_a_convolution_over_pixels_shows_none():
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")]
    )
    assert kernels_as_pictures(Recorder(model, "probabilities").run(torch.zeros(1, 8, 8, 1))) is None


@pytest.mark.parametrize(("layer", "channel"), [("activation_1", 3), ("activation_4", 7), ("head", 5)])
def test_a_picture_made_for_a_channel_excites_it_more_than_noise_does(recorder, layer, channel):
    made = torch.from_numpy(exciting_picture(recorder, (32, 32, 3), layer, channel).astype(np.float32))
    noise = torch.rand(32, 32, 3, generator=torch.Generator().manual_seed(1)) * 255
    with torch.no_grad():
        assert (
            excitement(recorder, made, layer, channel) > 2 * excitement(recorder, noise, layer, channel).abs()
        )


def test_a_layer_that_is_not_there_is_named_with_those_that_are(edges):
    with pytest.raises(ConfigError, match=r"no layer 'conv'.*edges"):
        exciting_pieces(edges, np.zeros((1, 16, 16, 1), np.uint8), "conv", [0])
