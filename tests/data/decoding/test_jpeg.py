"""Large JPEGs: decoded no larger than the network needs, with nothing lost that would be seen."""

import io

import numpy as np
import pytest
from PIL import Image

from tellapart.data.decode import decode, read_image
from tellapart.data.decoding import limits
from tellapart.data.decoding.jpeg import reduction_of
from tellapart.data.preprocess import POLICIES, Preprocessing
from tellapart.errors import PictureError

SMOOTH = np.asarray(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)).resize((401, 303))
)


def jpeg(image=SMOOTH, **options):
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(
        file, "JPEG", quality=95, **options
    )
    return file.getvalue()


def fast(height, width, policy="crop"):
    return Preprocessing(height=height, width=width, policy=policy, reading="fast")


@pytest.mark.parametrize(
    ("height", "width", "policy", "reduction"),
    [
        (303, 401, "crop", 1),
        (61, 61, "crop", 1),  # 303 / 61 = 4.97 times too large
        (60, 60, "crop", 2),  # 5.05 times: a half still is 2.5 times too large
        (30, 30, "crop", 4),
        (15, 15, "crop", 8),
        (2, 2, "crop", 8),
        (80, 80, "pad", 2),  # the longer side decides
        (60, 80, "stretch", 2),
        (61, 20, "stretch", 1),
    ],
)
def test_the_largest_reduction_that_leaves_enough_is_taken(height, width, policy, reduction):
    preprocessing = fast(height, width, policy)
    assert reduction_of(Image.open(io.BytesIO(jpeg())), preprocessing) == reduction
    image = read_image(jpeg(), preprocessing)
    assert image.pixels.shape == ((303 + reduction // 2) // reduction, (401 + reduction // 2) // reduction, 3)
    assert image.size == (303, 401)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_a_reduced_photo_looks_as_if_all_pixels_were_decoded(policy, options):
    preprocessing, content = fast(40, 48, policy), jpeg(SMOOTH[:296, :400], **options)  # whole blocks
    reduced, whole = (preprocessing.apply(decode(content, how)) for how in (preprocessing, None))
    assert np.abs(reduced.astype(int) - whole).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("flaw", [b"", b"stray"])
def test_turned_and_flawed_photos_are_reduced_alike(orientation, flaw):
    """simplejpeg reads the one, Pillow the other: the same reduction, and the same pixels within a level."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = jpeg(exif=exif)
    preprocessing = fast(30, 40, "stretch")
    plain = read_image(content, preprocessing)
    flawed = read_image(content[:-2] + flaw + content[-2:], preprocessing)
    assert plain.size == flawed.size == ((401, 303) if orientation >= 5 else (303, 401))
    assert plain.pixels.shape == flawed.pixels.shape
    assert max(plain.pixels.shape) <= 201
    assert np.abs(plain.pixels.astype(int) - flawed.pixels).max() <= 1
    upright = np.abs(preprocessing.apply(plain.pixels).astype(int) - preprocessing.apply(decode(content)))
    assert upright.mean() < 2.5


def test_exact_reading_decodes_every_pixel_as_before():
    exact = Preprocessing(height=4, width=4)
    np.testing.assert_array_equal(decode(jpeg(), exact), decode(jpeg()))


def test_a_photo_too_large_to_decode_whole_is_decoded_smaller(monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_PIXELS", 200 * 160)
    with pytest.raises(PictureError, match="401 x 303 pixels; at most 32,000"):
        decode(jpeg())
    exact, need_more = Preprocessing(height=4, width=4), Preprocessing(height=200, width=200)
    assert decode(jpeg(), exact).shape == (152, 201, 3)
    with pytest.raises(PictureError, match="too large"):
        decode(jpeg(), need_more)


def test_a_progressive_photo_counts_its_coefficients_at_any_scale(monkeypatch):
    monkeypatch.setattr(limits, "LARGEST_PIXELS", 401 * 303 * 5 // 7)
    decode(jpeg(), fast(8, 8))
    with pytest.raises(PictureError, match="of progressive JPEG"):
        decode(jpeg(progressive=True), fast(8, 8))


def test_a_photo_of_108_megapixels_is_read():
    """12,000 x 9,000 pixels, all of one color."""
    content = jpeg(Image.new("RGB", (12_000, 9_000), (200, 30, 90)))
    with pytest.raises(PictureError, match="too large"):
        decode(content)
    for reading in ("fast", "exact"):
        image = read_image(content, Preprocessing(height=224, width=224, reading=reading))
        assert image.size == (9_000, 12_000)
        assert np.abs(image.pixels[::99, ::99].astype(int) - [200, 30, 90]).max() <= 2
