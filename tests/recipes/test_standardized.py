"""Standardization is a part of the saved network, and gives ImageDataGenerator's values."""

import keras
import numpy as np
import pytest
import torch
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from tellapart.data.augmentation.settings import STANDARDIZING, Augmentation
from tellapart.data.augmentation.standardization import fit_statistics
from tellapart.errors import ConfigError
from tellapart.lowering import lower
from tellapart.recipes.augmented import check_augmentation, with_augmentation
from tellapart.recipes.build import build_network
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.recipes import RECIPES, quick

SHAPE = (14, 15, 3)

pytestmark = pytest.mark.filterwarnings("ignore:This ImageDataGenerator specifies")


def images_of(n=900):
    """Few directions carry most of the variance, as in photos."""
    random = np.random.default_rng(0)
    low = random.normal(size=(n, 4, 5, 3)).repeat(4, 1)[:, :14].repeat(3, 2)
    return (110 + 40 * low + random.normal(0, 12, (n, *SHAPE))).clip(0, 255).astype(np.uint8)


def after_standardization(settings, images, n=6):
    """What the first convolution of the network gets."""
    config = quick().changed(augmentation=settings)
    model = build_network(config, SHAPE, 4, images)
    convolution = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    front = keras.Model(model.inputs[0], convolution.input)
    return front(images[:n].astype("float32")).detach().cpu().numpy()


def by_keras(switches, images, n=6):
    """ImageDataGenerator's, on the tutorial's pixels: divided by 255, unless `rescale` does it."""
    switches = dict(switches)
    scaled = images.astype("float32") / (1 if "rescale" in switches else 255)
    generator = ImageDataGenerator(**switches, data_format="channels_last")
    generator.fit(scaled)
    return np.stack([generator.standardize(image.copy()) for image in scaled[:n]])


@pytest.mark.parametrize(
    "switches",
    [
        {"rescale": 1 / 127},
        {"samplewise_center": True},
        {"samplewise_std_normalization": True},
        {"samplewise_center": True, "samplewise_std_normalization": True},
        {"featurewise_center": True},
        {"featurewise_std_normalization": True},
        {"featurewise_center": True, "featurewise_std_normalization": True},
        {"zca_whitening": True, "zca_epsilon": 1e-2},
        {
            "featurewise_center": True,
            "featurewise_std_normalization": True,
            "zca_whitening": True,
            "zca_epsilon": 0.1,
        },
        {"rescale": 1 / 64, "samplewise_center": True, "featurewise_center": True},
    ],
)
def test_the_network_sees_what_image_data_generator_gives(switches):
    images = images_of()
    expected = by_keras(switches, images)
    result = after_standardization(Augmentation(**switches), images)
    level = np.ptp(expected) / 255
    np.testing.assert_allclose(result, expected, atol=0.1 * level, rtol=0)


def test_few_images_are_whitened_along_their_own_directions():
    images = images_of(40)
    switches = {"featurewise_center": True, "zca_whitening": True, "zca_epsilon": 1e-2}
    expected, result = by_keras(switches, images), after_standardization(Augmentation(**switches), images)
    np.testing.assert_allclose(result, expected, atol=0.1 * np.ptp(expected) / 255, rtol=0)


EVERYTHING = Augmentation(
    samplewise_center=True, samplewise_std_normalization=True, featurewise_center=True, zca_whitening=True
)


def test_a_saved_network_needs_nothing_else(tmp_path):
    """Plain Keras and the lowered net predict what the network in memory does."""
    images = images_of(64)
    model = build_network(quick().changed(augmentation=EVERYTHING), SHAPE, 4, images)
    expected = model(images.astype("float32"), training=False).detach().numpy()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(images.astype("float32")).detach().numpy(), expected, atol=1e-5)
    pixels = torch.from_numpy(images)
    np.testing.assert_allclose(lower(model)(pixels, training=False).detach().numpy(), expected, atol=1e-4)


def test_what_was_learned_is_not_trained():
    model = build_network(quick().changed(augmentation=EVERYTHING), SHAPE, 4, images_of(64))
    plain = build_network(quick(), SHAPE, 4)
    shapes, expected = ([tuple(weight.shape) for weight in each.trainable_weights] for each in (model, plain))
    assert shapes == expected


def test_a_network_that_is_only_looked_at_changes_nothing():
    statistics = fit_statistics(None, SHAPE, EVERYTHING, 1 / 255, 0.0)
    assert not statistics.mean.any()
    np.testing.assert_array_equal(statistics.whitening, np.eye(np.prod(SHAPE)))


def test_large_images_are_not_whitened():
    with pytest.raises(ConfigError, match="12,288 x 12,288; at most 4,096 values"):
        fit_statistics(None, (64, 64, 3), EVERYTHING, 1.0, 0.0)


@pytest.mark.parametrize("switch", STANDARDIZING)
@pytest.mark.parametrize("name", ["fast", "transfer"])
def test_networks_that_standardize_by_themselves_refuse(name, switch):
    text = f"{switch}=1/255" if switch == "rescale" else switch
    config = with_augmentation(RECIPES[name](), text)
    with pytest.raises(ConfigError, match=rf"{switch}: not possible with .* standardizes pixels itself"):
        check_augmentation(config, mirrors=True)


@pytest.mark.parametrize(
    "text", ["horizontal_flip", "vertical_flip", "rotation_range=90", "trivial-augment-wide"]
)
@pytest.mark.parametrize("name", ["quick", "transfer"])
def test_what_changes_the_meaning_is_refused_until_somebody_insists(name, text):
    config = with_augmentation(RECIPES[name](mirrors=False), text)
    with pytest.raises(ConfigError, match=r"a 6 upside down is a 9.*add any_orientation"):
        check_augmentation(config, mirrors=False)
    check_augmentation(config, mirrors=True)
    check_augmentation(with_augmentation(config, "any_orientation"), mirrors=False)


def test_small_turns_keep_the_meaning():
    check_augmentation(
        with_augmentation(quick(mirrors=False), "rotation_range=15,rand-augment"), mirrors=False
    )


def test_a_config_with_policies_survives_toml():
    import tomllib

    import tomli_w

    text = "rotation_range=15,zoom_range=0.8:1.2,random-erasing,rand-augment.magnitude=5,mixup.strength=0.4"
    config = with_augmentation(quick(), text)
    assert TrainConfig.from_dict(tomllib.loads(tomli_w.dumps(config.to_dict()))) == config


def test_a_function_is_recorded_by_its_name():
    config = quick().changed(augmentation=Augmentation(preprocessing_function=images_of))
    saved = TrainConfig.from_dict(config.to_dict())
    assert saved.augmentation.preprocessing_function == f"{__name__}.images_of"
