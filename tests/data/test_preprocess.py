import json

import numpy as np
import pytest
from PIL import Image

from tellapart.data.preprocess import PADDING_GRAY, POLICIES, Preprocessing
from tellapart.errors import ConfigError, DataError

PHOTO = np.asarray(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)).resize((200, 120))
)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_picture_that_fits_is_left_alone(policy):
    assert Preprocessing(height=120, width=200, policy=policy).apply(PHOTO) is PHOTO


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (5, 7), (300, 300), (33, 500), (120, 1)])
@pytest.mark.parametrize("shape", [(120, 200), (200, 120), (1, 1), (1, 50), (33, 33)])
def test_every_picture_comes_out_in_the_asked_shape(policy, channels, size, shape):
    for old_channels in (1, 3):
        picture = np.full((*shape, old_channels), 90, np.uint8)
        path = Preprocessing(height=size[0], width=size[1], channels=channels, policy=policy)
        fitted = path.apply(picture)
        assert fitted.shape == (*size, channels)
        assert fitted.dtype == np.uint8
        if policy != "pad":
            assert (fitted == 90).all()


def test_gray_is_pillow_s_gray():
    gray = Preprocessing(height=120, width=200, channels=1).apply(PHOTO)
    np.testing.assert_array_equal(gray[..., 0], np.asarray(Image.fromarray(PHOTO).convert("L")))


def test_gray_of_every_equal_level_is_that_level():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    three = Preprocessing(height=16, width=16).apply(levels)
    assert (three == levels).all()
    np.testing.assert_array_equal(Preprocessing(height=16, width=16, channels=1).apply(three), levels)


def test_crop_is_resizing_the_shorter_side_and_cutting_the_middle():
    """120 x 200 -> 60 x 100 -> the middle 60 x 60."""
    small = Image.fromarray(PHOTO).resize((100, 60), Image.Resampling.BICUBIC, reducing_gap=3.0)
    ours = Preprocessing(height=60, width=60).apply(PHOTO)
    assert np.abs(ours.astype(int) - np.asarray(small)[:, 20:80]).max() <= 2


def test_pad_keeps_the_whole_picture_and_fills_with_gray():
    padded = Preprocessing(height=100, width=100, policy="pad").apply(PHOTO)
    assert (padded[:20] == PADDING_GRAY).all()
    assert (padded[80:] == PADDING_GRAY).all()
    inner = Image.fromarray(PHOTO).resize((100, 60), Image.Resampling.BICUBIC, reducing_gap=3.0)
    np.testing.assert_array_equal(padded[20:80], np.asarray(inner))


def test_stretch_is_pillow_s_resize():
    ours = Preprocessing(height=50, width=50, policy="stretch").apply(PHOTO)
    np.testing.assert_array_equal(
        ours, np.asarray(Image.fromarray(PHOTO).resize((50, 50), Image.Resampling.BICUBIC, reducing_gap=3.0))
    )


def test_shrinking_averages_instead_of_skipping():
    """A one-pixel checkerboard becomes gray, not black or white."""
    board = np.indices((128, 128)).sum(axis=0) % 2 * 255
    shrunk = Preprocessing(height=16, width=16, channels=1).apply(board.astype(np.uint8)[..., None])
    assert np.abs(shrunk.astype(int) - 127.5).max() < 3


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("shape", [(120, 200), (200, 120), (96, 96)])
def test_a_placement_says_where_each_pixel_comes_from(policy, shape):
    """In a picture whose levels are coordinates, the result's levels are those of the placement's line."""
    height, width = shape
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0], picture[..., 1] = np.arange(width), np.arange(height)[:, None]
    picture[..., 2] = 255  # marks what is no padding
    preprocessing = Preprocessing(height=64, width=48, policy=policy)
    seen = preprocessing.apply(picture).astype(float)
    source, target = preprocessing.placement(height, width)
    inner = np.zeros((64, 48), bool)
    inner[round(target[1]) : round(target[3]), round(target[0]) : round(target[2])] = True
    np.testing.assert_array_equal(seen[..., 2] > 200, inner)
    for axis, levels in ((0, seen[..., 0]), (1, np.swapaxes(seen[..., 1], 0, 1))):
        begin, end = target[axis], target[axis + 2]
        scale = (source[axis + 2] - source[axis]) / (end - begin)
        columns = np.arange(round(begin) + 3, round(end) - 3)  # away from the edges, where resampling clips
        expected = source[axis] + (columns + 0.5 - begin) * scale - 0.5
        middle = levels[levels.shape[0] // 2, columns]
        np.testing.assert_allclose(middle, expected, atol=1.0)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_mirrored_picture_stays_mirrored(policy):
    path = Preprocessing(height=31, width=31, policy=policy)
    straight, mirrored = path.apply(PHOTO), path.apply(PHOTO[:, ::-1])
    trimmed = slice(None) if policy != "pad" else slice(8, 22)
    assert np.abs(straight[trimmed].astype(int) - mirrored[trimmed, ::-1]).max() <= 2


def test_a_path_survives_json():
    path = Preprocessing(height=32, width=48, channels=1, policy="pad")
    assert Preprocessing.from_dict(json.loads(json.dumps(path.to_dict()))) == path
    assert path.shape == (32, 48, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 0}, "height is a whole number"),
        ({"width": 2.5}, "width is a whole number"),
        ({"height": True}, "height is a whole number"),
        ({"channels": 4}, "channels is 3"),
        ({"policy": "squash"}, "crop, pad, stretch; got 'squash'"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        Preprocessing.from_dict({"height": 8, "width": 8, "channels": 3, "policy": "crop", **change})


@pytest.mark.parametrize("saved", [{}, {"height": 8}, {"size": 8}, None])
def test_missing_and_unknown_fields_are_refused(saved):
    with pytest.raises(ConfigError, match="exactly the fields"):
        Preprocessing.from_dict(saved)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(DataError, match="A picture is uint8"):
        Preprocessing(height=2, width=2).apply(picture)
