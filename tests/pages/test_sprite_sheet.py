"""Pictures laid out on one, found again at their places."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tellapart.pages.sprite_sheet import sheet


def read(made):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(made.url.split(",")[1]))).convert("RGB"))


@pytest.mark.parametrize("count", [1, 2, 7, 30])
@pytest.mark.parametrize("channels", [1, 3])
def test_each_picture_is_at_its_place(count, channels):
    shades = {f"test/{i}": np.full((16, 16, channels), 8 * i + 4, np.uint8) for i in range(count)}
    made = sheet(shades)
    pixels = read(made)
    for name, place in made.places.items():
        y, x = place // made.columns * made.height, place % made.columns * made.width
        tile = pixels[y : y + made.height, x : x + made.width]
        assert abs(int(tile.mean()) - int(shades[name].mean())) <= 3


def test_large_pictures_are_made_smaller_and_keep_their_form():
    made = sheet({"a": np.zeros((100, 200, 3), np.uint8)})
    assert (made.width, made.height) == (48, 24)
    assert sheet({"a": np.zeros((100, 200, 3), np.uint8)}, side=96).width == 96


def test_no_pictures_make_no_sheet():
    assert sheet({}) is None


def test_positions_are_csss():
    made = sheet({str(i): np.zeros((8, 8, 3), np.uint8) for i in range(5)})  # 3 columns, 2 rows
    assert made.positions["0"] == "0.0000% 0.0000%"
    assert made.positions["2"] == "100.0000% 0.0000%"
    assert made.positions["4"] == "50.0000% 100.0000%"
