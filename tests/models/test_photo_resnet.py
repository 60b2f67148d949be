"""The network for photos from scratch: as small in the middle as others, whatever the photo's size."""

import numpy as np
import pytest
import torch

from tellapart.errors import ConfigError
from tellapart.lowering import lower
from tellapart.models.networks import NETWORKS
from tellapart.models.photo_resnet import photo_resnet
from tellapart.models.whitened_cnn import initialize
from tellapart.recipes.recipes import photos_from_scratch

WIDTHS = (8, 12, 16)


@pytest.mark.parametrize(("side", "last"), [(64, 4), (128, 8), (224, 14), (16, 1)])
def test_photos_of_all_sizes_end_in_few_places(side, last):
    model = photo_resnet((side, side, 3), 3, WIDTHS, 3)
    assert model.get_layer(model.layers[-5].name).output.shape[1:] == (last, last, WIDTHS[-1])
    assert model.output_shape == (None, 3)


def test_a_shortcut_bridges_two_convolutions_of_each_group():
    assert sum(type(layer).__name__ == "Add" for layer in photo_resnet((32, 32, 3), 2, WIDTHS, 3).layers) == 3
    assert not any(type(layer).__name__ == "Add" for layer in photo_resnet((32, 32, 3), 2, WIDTHS, 2).layers)


def test_the_lowered_network_predicts_what_keras_does():
    images = np.random.default_rng(0).integers(0, 256, (5, 40, 48, 3), dtype=np.uint8)
    model = photo_resnet((40, 48, 3), 3, WIDTHS, 3)
    initialize(model, images, 0)
    expected = model(images.astype("float32"), training=False).detach().numpy()
    lowered = lower(model, "float32")(torch.from_numpy(images), training=False)
    np.testing.assert_allclose(lowered.detach().numpy(), expected, atol=1e-5)


def test_the_recipe_names_it_with_what_it_can_have():
    config = photos_from_scratch()
    NETWORKS[config.network].check(config.network, config.widths, config.depth)
    assert config.size == (128, 128)
    assert [policy.name for policy in config.augmentation.policies] == ["random-resized-crop"]


def test_tiny_pictures_are_refused():
    with pytest.raises(ConfigError, match="at least 16 x 16 pixels; got 15 x 40"):
        photo_resnet((15, 40, 3), 2, WIDTHS, 3)
