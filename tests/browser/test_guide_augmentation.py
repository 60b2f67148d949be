"""The guide's page on augmentation in a browser: it moves pictures as tellapart does."""

import numpy as np
import pytest
from PIL import Image

from tellapart.guide.contents import named
from tellapart.guide.lessons import augmentation as making
from tellapart.guide.lessons._photo import cat

FACTS = named("augmentation").facts
SIDE = making.SIDE


@pytest.fixture
def page(lesson):
    return lesson("augmentation")


def pixels_of(page, selector, channels=3):
    """What a canvas shows, (H, W, channels)."""
    found = page.locator(selector).evaluate(
        """(canvas) => {
          const { width, height } = canvas;
          return [height, width, [...canvas.getContext("2d").getImageData(0, 0, width, height).data]];
        }"""
    )
    height, width, values = found
    return np.array(values, float).reshape(height, width, 4)[..., :channels]


def tellaparts(picture, dy, dx, is_mirrored, fill):
    return making.moved(picture[None], dy, dx, is_mirrored, fill)[0]


def test_the_cat_is_shown_as_it_is(page):
    np.testing.assert_array_equal(pixels_of(page, "#before"), cat(SIDE))


@pytest.mark.parametrize("fill", FACTS["fill_modes"])
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_every_pixel_is_moved_as_tellapart_moves_it(page, fill, is_mirrored):
    page.select_option("#fill", fill)
    page.locator("#mirror").set_checked(is_mirrored)
    for across, up in [(0, 0), (0.1, -0.05), (-0.25, 0.25), (0.005, 0.17), (0.125, 0)]:
        page.locator("#across").fill(str(across))
        page.locator("#up").fill(str(up))
        wanted = tellaparts(cat(SIDE), up * SIDE, -across * SIDE, is_mirrored, fill)
        np.testing.assert_allclose(pixels_of(page, "#after"), wanted, atol=1)


def test_what_was_done_is_said(page):
    page.locator("#across").fill("-0.1")
    page.locator("#up").fill("0")
    page.locator("#mirror").check()
    assert page.inner_text("#says") == "The picture is shifted 9.6 pixels left, then mirrored."
    page.locator("#across").fill("0")
    page.locator("#mirror").uncheck()
    assert page.inner_text("#says") == "The picture is unchanged."


def test_twelve_are_drawn_as_the_tutorial_would(page):
    seen = []
    for _ in range(10):
        page.click("#draw")
        drawn = page.locator("#variants canvas").evaluate_all(
            "(all) => all.map((one) => ({ ...one.dataset }))"
        )
        assert len(drawn) == 12
        assert f"{sum(one['mirrored'] == 'true' for one in drawn)} of them" in page.inner_text(
            "#variants-say"
        )
        seen += drawn
    shifts = np.array([[float(one["dy"]), float(one["dx"])] for one in seen]) / SIDE
    assert np.abs(shifts).max() <= 0.1
    assert np.abs(shifts).max(0).min() > 0.09
    assert 40 < sum(one["mirrored"] == "true" for one in seen) < 80
    first = drawn[0]
    wanted = tellaparts(
        cat(SIDE), float(first["dy"]), float(first["dx"]), first["mirrored"] == "true", "nearest"
    )
    np.testing.assert_allclose(pixels_of(page, "#variants canvas >> nth=0"), wanted, atol=1)


def test_ones_own_picture_is_read_and_stays_here(page, tmp_path):
    photo = np.zeros((120, 200, 3), np.uint8)
    photo[:, :100], photo[:, 100:] = (250, 0, 0), (0, 0, 250)
    Image.fromarray(photo).save(tmp_path / "own.png")
    page.locator("#own").set_input_files(tmp_path / "own.png")
    page.wait_for_function("document.getElementById('own-says').textContent.includes('center square')")
    shown = pixels_of(page, "#before")
    assert shown[5, 5].tolist() == [250, 0, 0]
    assert shown[90, 90].tolist() == [0, 0, 250]
    page.locator("#across").fill("0")
    page.locator("#up").fill("0")
    page.locator("#mirror").check()
    np.testing.assert_allclose(pixels_of(page, "#after"), shown[:, ::-1], atol=1)
    assert page.troubles == []  # among them would be every request to a network


def test_a_file_that_is_no_picture_is_said_to_be_none(page, tmp_path):
    (tmp_path / "own.txt").write_text("no picture")
    page.locator("#own").set_input_files(tmp_path / "own.txt")
    page.wait_for_function("document.getElementById('own-says').textContent.includes('cannot read')")
    np.testing.assert_array_equal(pixels_of(page, "#before"), cat(SIDE))


def test_the_effect_is_read_off(page):
    for place, distance in enumerate(FACTS["distances"]):
        page.locator("#distance").fill(str(place))
        said = page.inner_text("#effect-says")
        for way in ("as they are", "shifted"):
            share = np.mean([seed[place] for seed in FACTS["moved"][way]])
            assert f"{100 * share:.1f}%" in said
        three = np.array(FACTS["digits"][3], np.uint8).reshape(8, 8, 1)
        wanted = tellaparts(three, 0, -distance, False, "nearest")
        np.testing.assert_allclose(pixels_of(page, "#digit", 1), wanted, atol=1)


def test_digits_are_mirrored(page):
    seven = np.array(FACTS["digits"][7]).reshape(8, 8)
    np.testing.assert_array_equal(pixels_of(page, "#digits canvas >> nth=7", 1)[..., 0], seven[:, ::-1])
    assert f"7: {100 * FACTS['mirrored_classes'][7]:.0f}%" in page.inner_text("#digits")
    page.locator("#mirror-digits").uncheck()
    np.testing.assert_array_equal(pixels_of(page, "#digits canvas >> nth=7", 1)[..., 0], seven)
    assert "%" not in page.inner_text("#digits")
