"""Color profiles: colors come out in sRGB, photos that already are stay as they are."""

import io

import numpy as np
import pytest
from made_files import D50, in_srgb, profile
from PIL import Image, ImageCms

from tellapart.data.decode import decode
from tellapart.data.decoding.profiles import to_srgb

COLORS = np.random.default_rng(0).integers(0, 256, (8, 9, 3), np.uint8)
ADOBE, P3 = profile(D50["adobe"]), profile(D50["p3"])


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("space", ["adobe", "p3"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_colors_of_a_wide_space_become_srgb(space, kind):
    """Oracle: matrices and curves of the definitions, in floating point."""
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(Image.fromarray(COLORS), kind, icc_profile=profile(D50[space]), **options)
    np.testing.assert_allclose(decode(content), in_srgb(COLORS, D50[space]), atol=2.5)
    assert np.abs(decode(content).astype(int) - COLORS).max() > 20


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_with_a_profile_is_converted_too(options):
    flat = np.full((16, 16, 3), (200, 60, 60), np.uint8)
    content = saved(Image.fromarray(flat), "JPEG", quality=100, icc_profile=ADOBE, **options)
    expected = in_srgb(decode(saved(Image.fromarray(flat), "JPEG", quality=100)), D50["adobe"])
    np.testing.assert_allclose(decode(content), expected, atol=2.5)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_photo_in_srgb_keeps_every_byte(kind):
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = saved(Image.fromarray(COLORS), kind, icc_profile=own)
    np.testing.assert_array_equal(decode(content), decode(saved(Image.fromarray(COLORS), kind)))


@pytest.mark.parametrize("broken", [b"no profile", ADOBE[:200], b"", bytes(3000)])
def test_a_damaged_profile_is_ignored(broken):
    content = saved(Image.fromarray(COLORS), "PNG", icc_profile=broken)
    np.testing.assert_array_equal(decode(content), COLORS)


def test_a_profile_for_other_pixels_is_ignored():
    gray = Image.fromarray(COLORS[..., 0])
    np.testing.assert_array_equal(decode(saved(gray, "PNG", icc_profile=ADOBE))[..., 0], COLORS[..., 0])


def test_transparent_and_palette_pictures_are_converted_before_white_shines_through():
    rgba = np.dstack([COLORS, np.full(COLORS.shape[:2], 128, np.uint8)])
    ours = decode(saved(Image.fromarray(rgba), "PNG", icc_profile=P3))
    expected = in_srgb(COLORS, D50["p3"]) * 128 / 255 + 255 * 127 / 255
    np.testing.assert_allclose(ours, expected, atol=2.5)
    palette = Image.new("P", (1, 1))
    palette.putpalette([200, 60, 60])
    ours = decode(saved(palette, "PNG", icc_profile=P3))
    np.testing.assert_allclose(ours, in_srgb([[[200, 60, 60]]], D50["p3"]), atol=2.5)


def test_an_image_of_another_mode_is_left_to_others():
    image = Image.new("YCbCr", (1, 1))
    assert to_srgb(image, ADOBE) is image


def test_lab_is_read():
    lab = np.array([[[0, 128, 128], [255, 128, 128]]], np.uint8) ^ [0, 128, 128]
    content = saved(Image.fromarray(lab.astype(np.uint8), "LAB"), "TIFF")
    np.testing.assert_allclose(decode(content), [[[0] * 3, [255] * 3]], atol=2)
