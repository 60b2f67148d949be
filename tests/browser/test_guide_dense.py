"""The guide's page on flattening and dense layers in a browser: its places and sums are Keras's."""

import numpy as np
import pytest
from frames import frame_offsets
from scipy.special import softmax

from tellapart.guide.contents import named
from tellapart.keras_backend import import_keras

keras = import_keras()
FACTS = named("dense").facts
PICTURES = {
    "cat": np.array(FACTS["cat"], np.float32).reshape(4, 4, 3),
    "digit": np.array(FACTS["digits"][2]["pixels"], np.float32).reshape(8, 8, 1),
}


@pytest.fixture
def page(lesson):
    return lesson("dense")


def said(page, place, what):
    return float(page.locator(f"#{place} [data-what={what}]").get_attribute("data-value"))


@pytest.mark.parametrize(
    ("what", "row", "column", "channel"),
    [("cat", 0, 0, 0), ("cat", 1, 2, 1), ("cat", 3, 3, 2), ("digit", 0, 5, 0), ("digit", 7, 7, 0)],
)
def test_a_number_has_the_place_that_keras_gives_it(page, what, row, column, channel):
    page.select_option("#what", what)
    page.locator("#row").fill(str(row))
    page.locator("#column").fill(str(column))
    if what == "cat":
        page.locator("#channel").fill(str(channel))
    picture = PICTURES[what]
    counted = np.arange(picture.size).reshape(picture.shape)
    places = keras.ops.convert_to_numpy(keras.layers.Flatten()(counted[None]))[0]
    place = int(said(page, "place", "place"))
    assert places[place] == counted[row, column, channel]
    assert said(page, "place", "value") == picture[row, column, channel]
    assert f"of 0 to {picture.size - 1}" in page.inner_text("#place")


def test_a_digit_has_no_channel_to_choose_and_more_rows(page):
    page.select_option("#what", "digit")
    assert not page.locator("#channel").is_visible()
    page.locator("#row").fill("7")
    page.select_option("#what", "cat")
    assert page.locator("#channel").is_visible()
    assert page.locator("#row").input_value() == "3"
    assert page.inner_text("#row-says") == "3"


CELLS = "all => all.map((one) => ['x', 'y', 'width'].map((name) => Number(one.getAttribute(name))))"


@pytest.mark.parametrize("what", ["cat", "digit"])
def test_all_numbers_leave_the_picture_and_arrive_in_the_row(page, what):
    page.select_option("#what", what)
    picture = PICTURES[what]
    cells = page.locator("#flight rect[data-place]:not([fill=transparent])")
    page.locator("#way").fill("100")
    arrived = np.array(cells.evaluate_all(CELLS))
    width = 640 / picture.size
    np.testing.assert_allclose(arrived[:, 0], np.arange(picture.size) * width, atol=0.01)
    assert len(set(arrived[:, 1])) == 1
    page.locator("#way").fill("0")
    started = np.array(cells.evaluate_all(CELLS)).reshape(*picture.shape, 3)
    assert (np.diff(started[..., 1], axis=0) > 0).all()
    assert (np.diff(started[..., 0], axis=1) > 0).all()
    assert (started[:, :-1, :, 0] + started[:, :-1, :, 2] <= started[:, 1:, :, 0] + 0.01).all()


def test_a_number_is_chosen_by_the_pointer(page):
    page.locator("#way").fill("0")
    page.locator("#flight rect[data-place='31']:not([fill=transparent])").click()
    assert said(page, "place", "place") == 31
    assert [page.locator(f"#{name}").input_value() for name in ("row", "column", "channel")] == [
        "2",
        "2",
        "1",
    ]


@pytest.mark.parametrize("digit", range(len(FACTS["digits"])))
def test_sums_and_answer_are_those_of_the_network(page, digit):
    page.locator("#digits button").nth(digit).click()
    told = FACTS["digits"][digit]
    sums = np.array(FACTS["weights"]) @ told["pixels"] + FACTS["biases"]
    shown = page.locator("#classes [data-what=unit-sum]")
    np.testing.assert_allclose(
        [float(one) for one in shown.evaluate_all("all => all.map((one) => one.dataset.value)")], sums
    )
    np.testing.assert_allclose([float(one) for one in shown.all_inner_texts()], sums, atol=0.006)
    verdict = page.inner_text("#verdict")
    assert f"the network predicts {sums.argmax()}" in verdict
    assert f"{100 * softmax(sums).max():.1f}%" in verdict
    assert ("That is right" in verdict) == (sums.argmax() == told["label"])


@pytest.mark.parametrize(("unit", "row", "column"), [(0, 0, 0), (3, 3, 4), (9, 7, 2)])
def test_a_pixel_is_multiplied_by_the_units_weight(page, unit, row, column):
    page.locator("#classes button").nth(unit).click()
    page.locator("#pixel-row").fill(str(row))
    page.locator("#pixel-column").fill(str(column))
    pixels, weights = np.array(FACTS["digits"][3]["pixels"]), np.array(FACTS["weights"][unit])
    place = row * 8 + column
    assert said(page, "sum", "pixel") == pixels[place]
    assert said(page, "sum", "weight") == weights[place]
    assert said(page, "sum", "product") == pytest.approx(pixels[place] * weights[place])
    assert said(page, "sum", "sum") == pytest.approx(pixels @ weights)
    assert said(page, "sum", "unit") == pytest.approx(pixels @ weights + FACTS["biases"][unit])


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 4), (7, 7)])
def test_frames_enclose_the_chosen_pixel(lesson, width, row, column):
    page = lesson("dense", width)
    page.locator("#pixel-row").fill(str(row))
    page.locator("#pixel-column").fill(str(column))
    for canvas in ("pixels", "weights", "products"):
        assert np.abs(frame_offsets(page, canvas, f"#{canvas}-at", 8, row, column)).max() < 1, canvas


def test_the_pointer_chooses_a_pixel(page):
    page.locator("#weights").hover(position={"x": 2, "y": 2})
    assert page.locator("#pixel-row").input_value() == page.locator("#pixel-column").input_value() == "0"


@pytest.mark.parametrize(("numbers", "units"), [(1, 1), (6, 4), (10, 10)])
def test_every_line_is_a_weight_and_every_square_a_bias(page, numbers, units):
    page.locator("#numbers").fill(str(numbers))
    page.locator("#outputs").fill(str(units))
    layer = keras.layers.Dense(units)
    layer.build((None, numbers))
    lines, squares = page.locator("#wires path").count(), page.locator("#wires rect").count()
    assert lines + squares == layer.count_params()
    assert f"= {layer.count_params()} parameters" in page.inner_text("#wires-say")


def test_the_chart_says_every_count(page):
    says = page.locator("#shares svg[role=img]").get_attribute("aria-label")
    for layer in FACTS["layers"]:
        assert f"{layer['name']} {layer['parameters']:,}" in says
