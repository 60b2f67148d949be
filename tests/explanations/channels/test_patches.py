"""What a channel looks for, where it is known."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import numpy as np
import pytest
import torch

from tellapart.errors import ConfigError
from tellapart.explanations.channels.activation_maximization import excitements, exciting_pictures
from tellapart.explanations.channels.patches import exciting_pieces, kernels_as_pictures, peaks
from tellapart.explanations.recorder import Recorder

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


@pytest.mark.parametrize("layer", ["activation_1", "activation_4", "head"])
def test_pictures_made_for_channels_excite_them_more_than_noise_does(recorder, layer):
    channels = [3, 7, 5]
    made = exciting_pictures(recorder, (32, 32, 3), layer, channels)
    assert made.shape == (3, 32, 32, 3)
    assert made.dtype == np.uint8
    noise = torch.rand(3, 32, 32, 3, generator=torch.Generator().manual_seed(1)) * 255
    with torch.no_grad():
        climbed = excitements(recorder, torch.from_numpy(made.astype(np.float32)), layer, channels)
        assert (climbed > 1.5 * excitements(recorder, noise, layer, channels).abs()).all()


def test_the_same_seed_makes_the_same_picture_and_gray_ones_are_made_too(edges):
    first, again = (exciting_pictures(edges, (16, 16, 1), "edges", [0], steps=8) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (1, 16, 16, 1)


def test_a_channel_that_wants_an_even_picture_gets_one():
    model = keras.Sequential(
        [keras.Input((16, 16, 1)), layers.Conv2D(1, 3, name="light"), layers.Flatten(), layers.Dense(2)]
    )
    model.get_layer("light").set_weights([np.full((3, 3, 1, 1), 1 / 9, np.float32), np.zeros(1, np.float32)])
    made = exciting_pictures(Recorder(model, "logits"), (16, 16, 1), "light", [0])
    assert made.mean() > 240


def test_peaks_of_several_layers_are_those_of_a_whole_run(recorder):
    images = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), np.uint8)
    found = peaks(recorder, images, ["activation_4", "activation_1"])
    recording = recorder.run(torch.from_numpy(images.astype(np.float32)))
    for name, one in found.items():
        maps = recording.layer(name).output.detach()
        np.testing.assert_allclose(one.highest, maps.amax((1, 2)), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(one.means, maps.mean((1, 2)), rtol=1e-4, atol=1e-5)
        row, column = one.places[69, 3]
        assert float(maps[69, row, column, 3]) == pytest.approx(float(one.highest[69, 3]), rel=1e-4)


def test_a_run_that_ends_at_a_layer_leaves_the_recorder_as_it_was(recorder):
    first = recorder.net.graph.calls[0].layer.name
    found = recorder.layer_outputs(torch.zeros(1, 32, 32, 3), [first])
    assert list(found) == [first]
    assert recorder.run(torch.zeros(1, 32, 32, 3)).layers  # the witness of the cut run is gone


def test_a_layer_that_is_not_there_is_named_with_those_that_are(edges):
    with pytest.raises(ConfigError, match=r"no layer 'conv'.*edges"):
        exciting_pieces(edges, np.zeros((1, 16, 16, 1), np.uint8), "conv", [0])
