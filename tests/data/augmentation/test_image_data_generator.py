"""Every switch of ImageDataGenerator: on the same drawn parameters, the pixels are Keras's within one level."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import dataclasses
import inspect

import numpy as np
import pytest
import torch
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from scipy import ndimage

from tellapart.data.augmentation.affine import about_center, turned, warp
from tellapart.data.augmentation.augmenter import apply_all, augmented, draw_all
from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError

N, SIDE = 12, 17
BLENDED = 0.02
"""Levels by which blending in float32 differs from Keras's in float64 (measured: 4e-3)."""


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth_images(n=N, size=(SIDE, SIDE), channels=3):
    """(n, H, W, channels) uint8 with edges and slopes."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, *size, channels)).astype(float)
    return ndimage.gaussian_filter(pixels, (0, 0.7, 0.7, 0)).round().clip(0, 255).astype(np.uint8)


def by_keras(images, drawn, settings):
    """Keras's apply_transform; its `tx` moves columns and its `ty` rows, see `shift_flip`."""
    generator = ImageDataGenerator(
        fill_mode=settings.fill_mode, cval=settings.cval, data_format="channels_last"
    )
    moves, bends = drawn.moves, drawn.bends
    results = []
    for i, image in enumerate(images):
        params = {
            "tx": float(moves.dx[i]),
            "ty": float(moves.dy[i]),
            "flip_horizontal": bool(moves.mirrored[i]),
            "flip_vertical": bool(moves.flipped[i]),
        }
        if bends is not None:
            params |= {
                "theta": float(bends.rotation[i]),
                "shear": float(bends.shear[i]),
                "zx": float(bends.zoom_columns[i]),
                "zy": float(bends.zoom_rows[i]),
            }
            if settings.channel_shift_range:
                params["channel_shift_intensity"] = float(bends.channel_shift[i])
            if settings.brightness_range:
                params["brightness"] = float(bends.brightness[i])
        results.append(generator.apply_transform(image.astype("float32"), params))
    return np.stack(results)


def ours(images, drawn, settings):
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    return apply_all(pixels, drawn, settings).permute(0, 2, 3, 1).numpy()


def drawn_for(settings, n=N, shape=(3, SIDE, SIDE), seed=0):
    return draw_all(settings, n, shape, seeded(seed))


SWITCHES = {
    "rotation": {"rotation_range": 40},
    "full rotation": {"rotation_range": 180.0},
    "shift as a share": {"width_shift_range": 0.3, "height_shift_range": 0.2},
    "shift in pixels": {"width_shift_range": 4, "height_shift_range": 3},
    "shift from a list": {"width_shift_range": (0.1, 0.4), "height_shift_range": (-3, 0, 5)},
    "brightness": {"brightness_range": (0.4, 1.7)},
    "shear": {"shear_range": 35},
    "zoom by a share": {"zoom_range": 0.4},
    "zoom between two": {"zoom_range": (0.5, 0.8)},
    "channel shift": {"channel_shift_range": 90},
    "mirrored": {"horizontal_flip": True},
    "upside down": {"vertical_flip": True},
    "everything": {
        "rotation_range": 30, "width_shift_range": 0.2, "height_shift_range": 0.2, "shear_range": 20, "zoom_range": 0.3,
        "channel_shift_range": 40, "brightness_range": (0.6, 1.3), "horizontal_flip": True, "vertical_flip": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "reflect", "wrap"])
@pytest.mark.parametrize("switches", SWITCHES.values(), ids=list(SWITCHES))
def test_each_switch_gives_kerass_pixels(switches, fill_mode):
    settings = Augmentation(fill_mode=fill_mode, cval=30.0, **switches)
    images, drawn = smooth_images(), drawn_for(settings)
    expected, result = by_keras(images, drawn, settings), ours(images, drawn, settings)
    assert np.abs(result - images).max() > 30, "nothing was turned on"
    differences = np.abs(result - expected)
    if settings.brightness_range:
        # A level that blending left a hair below a whole number is cut to the one below, then multiplied.
        assert (differences > 0).mean() < 1e-3
        assert differences.max() <= 2
    else:
        assert differences.max() < BLENDED


def test_brightness_cuts_to_whole_levels_as_kerass_does():
    settings = Augmentation(brightness_range=(0.3, 1.9))
    images, drawn = smooth_images(), drawn_for(settings)
    np.testing.assert_array_equal(ours(images, drawn, settings), by_keras(images, drawn, settings))


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_and_color_bend_alike(channels):
    settings = Augmentation(rotation_range=30, zoom_range=0.2, fill_mode="reflect")
    images = smooth_images(channels=channels)
    drawn = drawn_for(settings, shape=(channels, SIDE, SIDE))
    np.testing.assert_allclose(
        ours(images, drawn, settings), by_keras(images, drawn, settings), atol=BLENDED, rtol=0
    )


@pytest.mark.parametrize("mode", ["constant", "nearest", "reflect", "wrap", "mirror"])
@pytest.mark.parametrize("size", [(9, 14), (15, 6), (1, 5)])
def test_images_that_are_not_square_bend_about_their_center(mode, size):
    """Where ImageDataGenerator takes another point; the oracle is SciPy itself."""
    images = torch.from_numpy(smooth_images(3, size, 1)).permute(0, 3, 1, 2)
    shift = torch.tensor([[0.0, 0.0], [2.3, -4.1], [-30.0, 17.0]], dtype=torch.float64)
    matrix = about_center(turned(torch.tensor([25.0, -70.0, 140.0], dtype=torch.float64)), shift, *size)
    result = warp(images, matrix, mode, 9.0)
    for image, lines, bent in zip(images[:, 0].numpy(), matrix.numpy(), result[:, 0], strict=True):
        expected = ndimage.affine_transform(
            image.astype(float), lines[:, :2], lines[:, 2], order=1, mode=mode, cval=9.0
        )
        np.testing.assert_allclose(bent, expected, atol=BLENDED)


@pytest.mark.parametrize("mode", ["constant", "nearest", "reflect", "wrap", "mirror"])
def test_whole_shifts_fall_on_the_same_pixels_as_scipys(mode):
    """Also those by exactly one or two sizes of the image, where a period ends."""
    size = (6, 5)
    shifts = [(row, column) for row in range(-13, 14) for column in (-8, -4, 0, 4, 5)]
    images = torch.from_numpy(smooth_images(1, size, 1)).permute(0, 3, 1, 2).expand(len(shifts), -1, -1, -1)
    linear = torch.eye(2, dtype=torch.float64).expand(len(shifts), 2, 2)
    result = warp(images, about_center(linear, torch.tensor(shifts, dtype=torch.float64), *size), mode, 9.0)
    for shift, image, moved in zip(shifts, images[:, 0].numpy(), result[:, 0], strict=True):
        back = tuple(-step for step in shift)
        expected = ndimage.shift(image.astype(float), back, order=1, mode=mode, cval=9.0)
        np.testing.assert_allclose(moved, expected, atol=BLENDED, err_msg=str(shift))


def test_the_center_pixel_stays_where_it_is():
    image = torch.zeros(1, 1, 5, 9)
    image[0, 0, 2, 4] = 200
    matrix = about_center(turned(torch.tensor([90.0], dtype=torch.float64)), torch.zeros(1, 2).double(), 5, 9)
    assert warp(image, matrix)[0, 0, 2, 4] == pytest.approx(200, abs=1e-3)


RANGES = {
    "rotation": ({"rotation_range": 20}, -20, 20),
    "shear": ({"shear_range": 20}, -20, 20),
    "zoom_rows": ({"zoom_range": 0.3}, 0.7, 1.3),
    "zoom_columns": ({"zoom_range": (0.5, 2)}, 0.5, 2),
    "channel_shift": ({"channel_shift_range": 30}, -30, 30),
    "brightness": ({"brightness_range": (0.2, 1.5)}, 0.2, 1.5),
}


@pytest.mark.parametrize(("name", "how"), RANGES.items())
def test_each_parameter_is_uniform_in_its_range(name, how):
    """Chi-square over 20 bins of 40,000 draws; 19 degrees of freedom, 0.1% quantile at 43.8."""
    switches, least, most = how
    values = getattr(draw_all(Augmentation(**switches), 40_000, (3, 8, 8), seeded()).bends, name).numpy()
    counts, _ = np.histogram(values, bins=20, range=(least, most))
    assert counts.sum() == 40_000
    assert ((counts - 2000) ** 2 / 2000).sum() < 43.8


def test_height_and_width_are_zoomed_independently():
    bends = draw_all(Augmentation(zoom_range=0.2), 10_000, (3, 8, 8), seeded()).bends
    assert abs(torch.corrcoef(torch.stack([bends.zoom_rows, bends.zoom_columns]))[0, 1]) < 0.05


@pytest.mark.parametrize("choices", [(0.1, 0.25), (-2, 0, 3)])
def test_shifts_from_a_list_are_kerass(choices):
    mine = draw_all(Augmentation(width_shift_range=choices), 4000, (3, 20, 20), seeded()).moves.dx
    keras_way = ImageDataGenerator(width_shift_range=list(choices))
    of_keras = [keras_way.get_random_transform((20, 20, 3), seed=i)["ty"] for i in range(300)]
    assert sorted(set(mine.numpy().round(4).tolist())) == sorted(set(np.round(of_keras, 4).tolist()))


def test_what_is_only_shifted_and_mirrored_keeps_its_bits():
    from tellapart.data.augmentation.shift_flip import augment

    images = torch.from_numpy(smooth_images()).permute(0, 3, 1, 2)
    settings = dataclasses.replace(Augmentation.tutorial(), cutout=5)
    assert torch.equal(augmented(images, settings, seeded(3)), augment(images, settings, seeded(3)))


def test_a_bend_changes_no_move():
    plain, bent = Augmentation.tutorial(), dataclasses.replace(Augmentation.tutorial(), rotation_range=9)
    first, second = drawn_for(plain).moves, drawn_for(bent).moves
    assert torch.equal(first.dx, second.dx)
    assert torch.equal(first.mirrored, second.mirrored)


def test_cutout_lies_over_bent_images():
    settings = Augmentation(rotation_range=20, cutout=5, brightness_range=(0.5, 0.5))
    images = torch.full((6, 3, SIDE, SIDE), 255, dtype=torch.uint8)
    result = augmented(images, settings, seeded())
    assert ((result == 128).all(1).sum((1, 2)) == 25).all()


def test_a_preprocessing_function_gets_each_augmented_image():
    seen = []

    def halve(image):
        seen.append((image.shape, image.dtype))
        return image / 2

    settings = Augmentation(horizontal_flip=True, preprocessing_function=halve)
    images = torch.from_numpy(smooth_images()).permute(0, 3, 1, 2)
    plain = augmented(images, dataclasses.replace(settings, preprocessing_function=None), seeded(1))
    assert torch.equal(augmented(images, settings, seeded(1)), plain / 2)
    assert seen == [((SIDE, SIDE, 3), np.dtype("float32"))] * N


def test_a_function_that_is_only_a_name_or_changes_the_shape_is_refused():
    images = torch.zeros(2, 3, 4, 4)
    with pytest.raises(ConfigError, match=r"mine\.brighten, a function in Python"):
        augmented(images, Augmentation(preprocessing_function="mine.brighten"), seeded())
    with pytest.raises(ConfigError, match=r"same shape, \(4, 4, 3\); got \(4, 4\)"):
        augmented(images, Augmentation(preprocessing_function=lambda image: image[..., 0]), seeded())


def test_every_switch_of_image_data_generator_has_its_field():
    switches = set(inspect.signature(ImageDataGenerator).parameters)
    of_the_training = {"data_format", "validation_split", "interpolation_order", "dtype"}
    of_our_own = {"alternating_flip", "cutout", "policies", "any_orientation"}
    assert {
        field.name for field in dataclasses.fields(Augmentation)
    } - of_our_own == switches - of_the_training


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rotation_range": -1}, "rotation_range is in degrees, 0 to 360; got -1"),
        ({"rotation_range": True}, "got True"),
        ({"shear_range": 90}, "0 to 89; got 90"),
        ({"zoom_range": 1.5}, "0 to 0.99, or two factors; got 1.5"),
        ({"zoom_range": (0, 1)}, "factors above 0"),
        ({"zoom_range": (1.2, 0.8)}, "smallest and a largest factor"),
        ({"brightness_range": 0.5}, "smallest and a largest factor"),
        ({"channel_shift_range": 256}, "0 to 255; got 256"),
        ({"rescale": 0}, "a factor above 0"),
        ({"zca_whitening": 1}, "true or false; got 1"),
        ({"preprocessing_function": 3}, "called with an image"),
        ({"policies": ("rand-augment",)}, "tuple of policies"),
    ],
)
def test_values_out_of_range_are_refused_by_name(settings, words):
    with pytest.raises(ConfigError) as refusal:
        Augmentation(**settings)
    assert words in str(refusal.value)
