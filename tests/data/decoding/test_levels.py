"""Pixels of more than 8 bits: scaled by what the file says or else by their own range, which is told."""

import io

import numpy as np
import pytest
from made_files import png16, tiff
from PIL import Image

from tellapart.data.decode import decode, image_shape, read_image
from tellapart.data.fitted import fitted
from tellapart.data.preprocess import Preprocessing
from tellapart.data.reading_notes import ReadingNote, in_words
from tellapart.errors import PictureError


def gray(content):
    image = read_image(content)
    assert (image.pixels == image.pixels[..., :1]).all()
    return image.pixels[..., 0].ravel().tolist(), image.note


def row(*levels, dtype=np.uint16):
    return np.array([levels], dtype)


@pytest.mark.parametrize("write", [png16, tiff])
@pytest.mark.parametrize(("bits", "white"), [(8, 255), (10, 1023), (12, 4095), (14, 16383)])
def test_a_camera_s_bits_in_a_16_bit_file_are_not_black(write, bits, white):
    levels, note = gray(write(row(0, white // 2, white)))
    assert levels == [0, 127, 255]
    assert note == f"16-bit levels of which only {bits} bits are used, read with {white:,} as white"


@pytest.mark.parametrize("write", [png16, tiff])
@pytest.mark.parametrize("levels", [(0, 257, 65535), (0, 128, 129, 32896, 16384)])
def test_16_bits_that_are_used_are_scaled_as_16_bits_without_a_word(write, levels):
    assert gray(write(row(*levels))) == ([(level + 128) // 257 for level in levels], "")


def test_a_black_picture_stays_black_without_a_word():
    assert gray(png16(row(0, 0))) == ([0, 0], "")


def test_significant_bits_that_a_png_states_need_no_assumption():
    assert gray(png16(row(0, 300, 4095), significant=12)) == ([0, 19, 255], "")


def test_a_png_that_is_scaled_as_its_standard_asks_is_not_scaled_again():
    """The standard wants full-range samples, and sBIT only to say how many bits they once had."""
    assert gray(png16(row(0, 32896, 65535), significant=12)) == ([0, 128, 255], "")


def test_the_range_that_a_tiff_states_is_taken():
    stated = [(340, 3, 100), (341, 3, 1100)]
    assert gray(tiff(row(100, 600, 1100, 2000), stated)) == ([0, 128, 255, 255], "")


def test_a_tiff_where_white_is_zero_is_inverted():
    assert gray(tiff(row(0, 65535), [(262, 3, 0)])) == ([255, 0], "")


def test_a_pgm_states_its_white():
    assert gray(b"P5 3 1 4095\n" + np.array([0, 2048, 4095], ">u2").tobytes()) == ([0, 128, 255], "")


@pytest.mark.parametrize(
    ("levels", "dtype"),
    [
        ((0, 500_000, 1_000_000), np.uint32),
        ((-1000, 0, 1000), np.int32),
        ((-1000, 0, 1000), np.int16),
        ((0, 2**31, 2**32 - 1), np.uint32),
    ],
)
def test_other_whole_levels_are_spread_from_darkest_to_brightest(levels, dtype):
    found, note = gray(tiff(row(*levels, dtype=dtype)))
    assert found == [0, 128, 255]
    assert "scaled from its darkest to its brightest pixel" in note


def test_32_bit_levels_that_fit_16_bits_are_read_like_these():
    assert gray(tiff(row(0, 65535, dtype=np.uint32))) == ([0, 255], "")
    assert gray(tiff(row(0, 4095, dtype=np.uint32)))[0] == [0, 255]


@pytest.mark.parametrize(
    ("levels", "expected", "words"),
    [
        ((0, 0.5, 0.75), [0, 128, 191], "0 as black and 1 as white"),
        ((0, 128, 200), [0, 128, 200], "0 as black and 255 as white"),
        ((-2, 0, 2), [0, 128, 255], "darkest to its brightest"),
        ((0, 0.001, 0.002), [0, 128, 255], "darkest to its brightest"),
        ((7, 7, 7), [0, 0, 0], "darkest to its brightest"),
        ((0, np.nan, 1, np.inf, -np.inf), [0, 0, 255, 255, 0], "0 as black and 1 as white"),
    ],
)
def test_floating_point_levels_are_scaled_and_told(levels, expected, words):
    content = tiff(row(*levels, dtype=np.float32))
    found, note = gray(content)
    assert found == expected
    assert words in note
    assert image_shape(content) == (1, len(levels), 3)


def test_a_picture_without_one_number_is_refused():
    with pytest.raises(PictureError, match="none of which is a number"):
        decode(tiff(row(np.nan, np.nan, dtype=np.float32)))


def test_a_range_of_floats_that_a_tiff_states_is_taken():
    assert gray(tiff(row(0, 5, 10, dtype=np.float32), [(340, 11, 0.0), (341, 11, 10.0)])) == (
        [0, 128, 255],
        "",
    )


@pytest.mark.parametrize("write", [png16, tiff])
def test_dark_color_of_16_bits_is_read_with_the_bits_that_it_uses(write):
    levels = np.array([[[0, 2048, 4095], [4095, 100, 7]]], np.uint16)
    image = read_image(write(levels))
    np.testing.assert_array_equal(image.pixels, np.rint(levels / 4095 * 255))
    assert "only 12 bits" in image.note
    full = levels.copy()
    full[0, 0] = 65535
    image = read_image(write(full))
    np.testing.assert_array_equal(image.pixels, full >> 8)
    assert image.note == ""


def test_the_transparency_of_dark_color_is_kept():
    levels = np.array([[[0, 2048, 4095, 65535], [0, 0, 0, 0]]], np.uint16)
    np.testing.assert_array_equal(decode(png16(levels)), [[[0, 128, 255], [255, 255, 255]]])


def test_deep_pictures_keep_orientation_and_row_by_row_conversion(monkeypatch):
    from tellapart.data.decoding import upright

    levels = np.arange(35, dtype=np.uint16).reshape(5, 7) * 100
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG", exif=exif)
    at_once = decode(file.getvalue())
    np.testing.assert_array_equal(at_once[..., 0], np.rot90(np.rint(levels / 4095 * 255), -1))
    monkeypatch.setattr(upright, "CONVERTED_AT_ONCE", 14)
    np.testing.assert_array_equal(decode(file.getvalue()), at_once)


def test_notes_reach_whoever_fits_a_picture_and_each_kind_is_told_once():
    preprocessing = Preprocessing(height=1, width=2)
    note = fitted(png16(row(0, 4095)), preprocessing).note
    other = fitted(tiff(row(0, 1.0, dtype=np.float32)), preprocessing).note
    lines = in_words([ReadingNote("a.png", note), ReadingNote("b.tif", other), ReadingNote("c.png", note)])
    assert lines == [f"2 pictures: {note} (such as a.png)", f"1 picture: {other} (b.tif)"]
