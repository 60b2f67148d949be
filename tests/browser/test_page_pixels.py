"""The modules that prepare pixels in a browser, against the Python functions that they copy: byte for byte."""

import numpy as np
import pytest
from exported_page import READY, asked, prepared, read
from PIL import Image
from sklearn.datasets import load_sample_image

import tellapart
from tellapart.data.decode import decode
from tellapart.data.fitted import fitted
from tellapart.data.preprocess import POLICIES, Preprocessing
from tellapart.errors import PictureError

CASES = 12
"""Random sizes for each policy and reading."""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tellapart.export(
        "digits", "web", tmp_path_factory.mktemp("page") / "m.html", data="digits", count=8
    ).path


@pytest.fixture
def page(opened, path):
    page = opened(path)
    page.wait_for_selector(READY)
    return page


def cases(reading, policy):
    """Images (h, w, C) with hard edges, and what they are to become."""
    rng = np.random.default_rng([len(reading), len(policy)])
    for number in range(CASES):
        height, width = (int(side) for side in rng.integers(1, 500 if number % 3 else 30, 2))
        image = rng.integers(0, 256, (height, width, int(rng.choice([1, 3]))), dtype=np.uint8)
        if number % 2:
            image = (image > 127).astype(np.uint8) * 255
        target_height, target_width = (int(side) for side in rng.integers(1, 230, 2))
        channels = int(rng.choice([1, 3]))
        yield (
            image,
            Preprocessing(
                height=target_height, width=target_width, channels=channels, policy=policy, reading=reading
            ),
        )


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("reading", ["fast", "exact", "nearest"])
def test_no_byte_differs_whatever_the_size(page, reading, policy):
    for image, preprocessing in cases(reading, policy):
        ours = preprocessing.apply(image)
        theirs = prepared(page, image, preprocessing)
        assert np.array_equal(theirs, ours), (image.shape, preprocessing)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_blend_of_keras_loaders_is_off_by_a_level_at_most_where_it_rounds_a_half(page, policy):
    """Torch's order of sums depends on the processor."""
    wrong = total = 0
    for image, preprocessing in cases("bilinear", policy):
        difference = np.abs(preprocessing.apply(image).astype(int) - prepared(page, image, preprocessing))
        assert difference.max() <= 1
        wrong, total = wrong + int(difference.sum()), total + difference.size
    assert wrong <= 1e-3 * total


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(
    "how", [{"subsampling": 2}, {"subsampling": 1, "progressive": True}, {"subsampling": 0}]
)
def test_a_large_jpeg_is_decoded_at_the_reduced_size_of_fast_reading(page, tmp_path, policy, how):
    """At 1/8, 1/4, 1/2 and whole: no byte differs, also behind the camera's turn."""
    china = Image.fromarray(load_sample_image("china.jpg"))
    for side in (100, 40, 20, 200):
        for turn in (1, 6):
            exif = Image.Exif()
            exif[0x0112] = turn
            file = tmp_path / f"{side}-{turn}.jpg"
            china.resize((901, 603)).save(file, quality=75, exif=exif, **how)
            preprocessing = Preprocessing(height=side, width=side, policy=policy, reading="fast")
            ours = fitted(file, preprocessing).pixels
            assert np.array_equal(read(page, file, preprocessing), ours)


@pytest.mark.parametrize("reading", ["bilinear", "exact", "nearest"])
def test_other_readings_decode_whole_jpegs_by_their_own_transform(page, tmp_path, reading):
    """Of the picture's own size, so that nothing is resized: `bilinear` is TensorFlow's fast transform."""
    for name, how in (("a", {"subsampling": 2, "quality": 60}), ("b", {"progressive": True, "quality": 90})):
        file = tmp_path / f"{name}.jpg"
        Image.fromarray(load_sample_image("flower.jpg")).save(file, **how)
        preprocessing = Preprocessing(height=427, width=640, reading=reading)
        assert np.array_equal(read(page, file, preprocessing), decode(file, preprocessing))


def test_a_truncated_jpeg_is_refused_as_by_predict(page, tmp_path):
    whole = tmp_path / "whole.jpg"
    Image.fromarray(load_sample_image("china.jpg")).save(whole)
    (tmp_path / "cut.jpg").write_bytes(whole.read_bytes()[:-20_000])
    with pytest.raises(PictureError):
        decode(tmp_path / "cut.jpg")
    page.set_input_files("#file", tmp_path / "cut.jpg")
    page.get_by_text("cut.jpg is no picture that this browser can read, or it is damaged.").wait_for()
    assert asked(page, whole)["note"] == ""


def test_png_with_transparency_is_laid_over_white_within_a_level(page, tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (28, 28, 4), dtype=np.uint8)).save(tmp_path / "through.png")
    preprocessing = Preprocessing(height=28, width=28)
    ours = fitted(tmp_path / "through.png", preprocessing).pixels.astype(int)
    assert np.abs(read(page, tmp_path / "through.png", preprocessing) - ours).max() <= 1
