"""The fast recipes' network: its first layer whitens, its others begin by passing their input on."""

import numpy as np
import pytest
import torch

from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.models.networks import NETWORKS
from tellapart.models.whitened_cnn import dirac, initialize, whitened_cnn, whitening_filters

keras = import_keras()


def smooth_pictures(n, size, channels, seed=0):
    """Noise blurred in both directions, so that neighboring pixels are alike, as in photos."""
    noise = np.random.default_rng(seed).normal(size=(n, size + 4, size + 4, channels))
    blurred = sum(noise[:, i : i + size, j : j + size] for i in range(5) for j in range(5))
    return np.clip(128 + 12 * blurred, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_answers_of_the_whitening_filters_are_uncorrelated_and_of_one_size(channels):
    images = smooth_pictures(200, 24, channels)
    filters = whitening_filters(images)
    scaled = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 64 - 2
    answers = torch.nn.functional.conv2d(scaled, torch.from_numpy(filters).permute(3, 2, 0, 1), stride=1)
    half = answers.shape[1] // 2
    flat = answers[:, :half].permute(1, 0, 2, 3).reshape(half, -1)
    second_moments = (flat @ flat.T / flat.shape[1]).numpy()
    variances = np.diag(second_moments)
    assert (variances > 0.5).all()
    assert (variances < 1.01).all()
    np.testing.assert_allclose(second_moments, np.diag(variances), atol=1e-3)
    np.testing.assert_allclose(answers[:, :half].numpy(), -answers[:, half:].numpy(), atol=1e-5)


def test_a_dirac_kernel_copies_its_inputs():
    kernel = dirac((3, 3, 5, 8), np.random.default_rng(0))
    x = torch.randn(2, 5, 6, 6)
    answers = torch.nn.functional.conv2d(x, torch.from_numpy(kernel).permute(3, 2, 0, 1), padding=1)
    np.testing.assert_array_equal(answers[:, :5].numpy(), x.numpy())
    assert not np.allclose(answers[:, 5:].numpy(), 0)


def test_the_whitening_kernel_is_not_learned_but_its_bias_is():
    model = whitened_cnn((32, 32, 3), 10, (8, 8, 8))
    learned = {variable.path for variable in model.trainable_variables}
    assert {"whitening/bias"} == {path for path in learned if "whitening" in path}


@pytest.mark.parametrize("depth", [2, 3])
def test_it_is_a_plain_keras_model_that_runs_lowered_throughout(tmp_path, depth):
    model = whitened_cnn((32, 32, 3), 10, (8, 16, 24), depth)
    initialize(model, smooth_pictures(20, 32, 3), seed=0)
    assert all(layer.lowered for layer in lower(model).report())
    model.save(tmp_path / "model.keras")
    images = smooth_pictures(3, 32, 3, seed=1).astype("float32")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(images, verbose=0), model.predict(images, verbose=0), atol=1e-6)


def test_the_same_seed_gives_the_same_weights():
    images = smooth_pictures(20, 16, 1)
    models = [whitened_cnn((16, 16, 1), 10, (8, 8, 8)) for _ in range(2)]
    for model in models:
        initialize(model, images, seed=3)
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("shape", "classes"), [((13, 32, 3), 10), ((32, 32, 3), 1)])
def test_what_it_cannot_tell_apart_is_refused(shape, classes):
    with pytest.raises(ConfigError, match="at least"):
        whitened_cnn(shape, classes, (8, 8, 8))


def test_a_depth_that_the_network_cannot_have_is_refused():
    NETWORKS["whitened-cnn"].check("whitened-cnn", (8, 8, 8), 3)
    with pytest.raises(ConfigError, match="depth of the network whitened-cnn is 2 or 3; got 4"):
        NETWORKS["whitened-cnn"].check("whitened-cnn", (8, 8, 8), 4)
