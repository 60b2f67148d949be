"""What a channel responds to, where it is known."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import numpy as np
import pytest
import torch

from tellapart.errors import ConfigError
from tellapart.explanations.channels.activation_maximization import maximizing_images, mean_activations
from tellapart.explanations.channels.patches import kernels_as_images, peaks, top_patches
from tellapart.explanations.recorder import Recorder

layers = keras.layers


@pytest.fixture(scope="module")
def edges():
    """A network whose first channel responds to bright pixels left of dark ones, its second to the opposite."""
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


def test_the_patch_that_activates_an_edge_detector_is_the_edge(edges):
    images = np.full((5, 16, 16, 1), 100, np.uint8)
    images[3, 4:10, :7] = 200  # bright to the left of column 7
    images[3, 4:10, 7:] = 20
    best = top_patches(edges, images, "edges", [0], count=1)[0][0]
    assert best.row == 3
    top, left, bottom, right = best.box
    assert (bottom - top, right - left) == (3, 3)
    assert left <= 6 < 7 < right
    assert best.activation == pytest.approx(3 * 180)


def test_patches_come_the_strongest_first_with_the_networks_own_values(recorder):
    images = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), np.uint8)  # more than a batch
    by_channel = top_patches(recorder, images, "activation_1", [0, 5], count=4)
    maps = recorder.run(torch.from_numpy(images.astype(np.float32))).layer("activation_1").output.detach()
    for channel, patches in by_channel.items():
        activations = [patch.activation for patch in patches]
        assert activations == sorted(activations, reverse=True)
        highest = maps[..., channel].amax((1, 2)).sort(descending=True).values[:4]
        np.testing.assert_allclose(activations, highest.numpy(), rtol=1e-4, atol=1e-5)


def test_a_value_at_its_activations_ceiling_depends_on_its_window_too():
    """ReLU6 has no gradient at 6."""
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(2, 3, activation="relu6", name="light"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    kernel = np.stack([np.full((3, 3, 1), 1.0), np.full((3, 3, 1), 1e-3)], -1).astype(np.float32)
    model.get_layer("light").set_weights([kernel, np.zeros(2, np.float32)])
    image = np.zeros((1, 16, 16, 1), np.uint8)
    image[0, 4:7, 8:11] = 255
    patches = top_patches(Recorder(model, "logits"), image, "light", [0], count=1)
    assert patches[0][0].activation == 6
    top, left, bottom, right = patches[0][0].box
    assert (bottom - top, right - left) == (3, 3)


def test_kernels_are_shown_from_black_to_white(edges, recorder):
    name, pictures = kernels_as_images(edges.run(torch.zeros(1, 16, 16, 1)))
    assert name == "edges"
    assert pictures.shape == (2, 3, 3, 1)
    assert pictures[0, 0, :, 0].tolist() == [255, 128, 0]
    name, pictures = kernels_as_images(recorder.run(torch.zeros(1, 32, 32, 3)))
    assert name == "whitening"
    assert pictures.shape == (24, 2, 2, 3)


def test_a_network_without_a_convolution_over_pixels_shows_none():
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")]
    )
    assert kernels_as_images(Recorder(model, "probabilities").run(torch.zeros(1, 8, 8, 1))) is None


@pytest.mark.parametrize("layer", ["activation_1", "activation_4", "head"])
def test_images_created_for_channels_activate_them_more_than_noise_does(recorder, layer):
    channels = [3, 7, 5]
    created = maximizing_images(recorder, (32, 32, 3), layer, channels)
    assert created.shape == (3, 32, 32, 3)
    assert created.dtype == np.uint8
    noise = torch.rand(3, 32, 32, 3, generator=torch.Generator().manual_seed(1)) * 255
    with torch.no_grad():
        activations = mean_activations(
            recorder, torch.from_numpy(created.astype(np.float32)), layer, channels
        )
        assert (activations > 1.5 * mean_activations(recorder, noise, layer, channels).abs()).all()


def test_the_same_seed_creates_the_same_image_also_a_gray_one(edges):
    first, again = (maximizing_images(edges, (16, 16, 1), "edges", [0], steps=8) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (1, 16, 16, 1)


def test_a_channel_that_responds_to_brightness_gets_a_bright_image():
    model = keras.Sequential(
        [keras.Input((16, 16, 1)), layers.Conv2D(1, 3, name="light"), layers.Flatten(), layers.Dense(2)]
    )
    model.get_layer("light").set_weights([np.full((3, 3, 1, 1), 1 / 9, np.float32), np.zeros(1, np.float32)])
    created = maximizing_images(Recorder(model, "logits"), (16, 16, 1), "light", [0])
    assert created.mean() > 240


def test_peaks_of_several_layers_are_those_of_a_whole_run(recorder):
    images = np.random.default_rng(0).integers(0, 256, (70, 32, 32, 3), np.uint8)
    by_layer = peaks(recorder, images, ["activation_4", "activation_1"])
    recording = recorder.run(torch.from_numpy(images.astype(np.float32)))
    for name, of_layer in by_layer.items():
        maps = recording.layer(name).output.detach()
        np.testing.assert_allclose(of_layer.highest, maps.amax((1, 2)), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(of_layer.means, maps.mean((1, 2)), rtol=1e-4, atol=1e-5)
        row, column = of_layer.places[69, 3]
        assert float(maps[69, row, column, 3]) == pytest.approx(float(of_layer.highest[69, 3]), rel=1e-4)


def test_a_run_that_ends_at_a_layer_leaves_the_recorder_as_it_was(recorder):
    first = recorder.net.graph.calls[0].layer.name
    outputs = recorder.layer_outputs(torch.zeros(1, 32, 32, 3), [first])
    assert list(outputs) == [first]
    assert recorder.run(torch.zeros(1, 32, 32, 3)).layers  # the witness of the cut run is gone


def test_a_layer_that_is_not_there_is_named_with_those_that_are(edges):
    with pytest.raises(ConfigError, match=r"no layer 'conv'.*edges"):
        top_patches(edges, np.zeros((1, 16, 16, 1), np.uint8), "conv", [0])
