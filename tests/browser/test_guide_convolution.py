"""The guide's page on convolution in a browser: what it computes is what the engine computes."""

import numpy as np
import pytest
from frames import frame_offsets

from tellapart.guide.lessons import convolution as making
from tellapart.guide.lessons._photo import cat
from tellapart.keras_backend import import_keras

keras = import_keras()


@pytest.fixture
def page(lesson):
    return lesson("convolution")


def numbers(page, what):
    return [
        float(one)
        for one in page.locator(f"#sums [data-what={what}]").evaluate_all(
            "all => all.map((one) => one.dataset.value)"
        )
    ]


@pytest.mark.parametrize("name", making.KERNELS)
def test_the_window_is_multiplied_and_added_up_as_the_engine_does(page, name):
    page.select_option("#kernel", name)
    picture = cat(making.SIDE, 1)[..., 0]
    made = making.convolved(picture, np.array(making.KERNELS[name], np.float32))
    for row, column in [(0, 0), (9, 7), (21, 21), (3, 18)]:
        page.locator("#row").fill(str(row))
        page.locator("#column").fill(str(column))
        assert numbers(page, "input") == picture[row : row + 3, column : column + 3].flatten().tolist()
        assert numbers(page, "sum")[0] == pytest.approx(float(made[row, column]), abs=1e-3)


def test_own_numbers_make_a_kernel(page):
    page.locator("#own input").nth(4).fill("2.5")
    assert page.locator("#kernel").input_value() == ""
    assert numbers(page, "weight")[4] == 2.5
    assert numbers(page, "product")[4] == 2.5 * numbers(page, "input")[4]


def test_the_pointer_moves_the_window(page):
    page.locator("#picture").hover(position={"x": 1, "y": 1})
    assert page.locator("#row").input_value() == "0"
    assert page.locator("#column").input_value() == "0"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (9, 7), (12, 10), (21, 21), (3, 21)])
def test_the_frames_enclose_the_window_and_its_cell_of_the_map(lesson, width, row, column):
    page = lesson("convolution", width)
    page.locator("#row").fill(str(row))
    page.locator("#column").fill(str(column))
    for canvas, frame, side, size in [
        ("picture", "#picture-window", making.SIDE, 3),
        ("made", "#made-place", making.SIDE - 2, 1),
    ]:
        offsets = frame_offsets(page, canvas, frame, side, row, column, size)
        assert np.abs(offsets).max() < 1, (canvas, offsets)


def keras_border(size, stride, padding):
    """Rows of zeros above and below, by Keras: where a map of ones, convolved with a column of ones, is not whole."""
    layer = keras.layers.Conv2D(1, (size, 1), stride, padding, use_bias=False, kernel_initializer="ones")
    ones = np.ones((1, making.SIDE, making.SIDE, 1), np.float32)
    missing = size - keras.ops.convert_to_numpy(layer(ones))[0, :, 0, 0].round().astype(int)
    return int(missing[0]), int(missing[-1])


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (3, 2), (5, 2), (7, 1), (7, 3), (1, 3)])
def test_the_grid_its_border_and_every_place_of_the_window_are_drawn(page, size, stride, padding):
    for name, value in (("window", size), ("stride", stride), ("padding", padding)):
        page.select_option(f"#size-{name}", str(value))
    side = making.SIDE
    above, below = keras_border(size, stride, padding)
    layer = keras.layers.Conv2D(1, size, stride, padding)
    out = layer.compute_output_shape((None, side, side, 1))[1]
    assert f"has {out} × {out} numbers" in page.inner_text("#size-says")
    count = {
        one: page.locator(f"#size-picture .{one}").count() for one in ("pixel", "zero", "place", "window")
    }
    zeros = (side + above + below) ** 2 - side**2
    assert count == {"pixel": side**2, "zero": zeros, "place": out**2, "window": 2}
    assert page.locator("#size-map .number").count() == out**2
    rows = page.locator("#size-picture .place").evaluate_all(
        "(all) => all.map((one) => one.getAttribute('cy'))"
    )
    middles = [place * stride - above + size / 2 for place in range(out)]
    assert sorted({float(row) for row in rows}) == middles
    label = page.locator("#size-picture").get_attribute("aria-label")
    assert f"{out} by {out} positions of a window of {size} by {size}" in label
    for rows_of_zeros, where in ((above, "above"), (below, "below")):
        assert (f"{rows_of_zeros} row" in label and where in label) == (rows_of_zeros > 0)
    assert ("without padding" in label) == (above == below == 0)


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_the_drawing_of_sizes_fits_and_takes_the_pages_colors(lesson, width, scheme):
    page = lesson("convolution", width, scheme)
    page.select_option("#size-window", "7")
    page.select_option("#size-padding", "same")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    cells = [
        page.locator(f"#size-{one}").first.bounding_box()["width"]
        for one in ("picture .pixel", "map .number")
    ]
    assert cells[0] > 8
    assert cells[0] == pytest.approx(cells[1], rel=0.02)
    accent = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()")
    assert page.locator("#size-picture .place").first.get_attribute("fill") == accent


def test_the_question_is_checked(page):
    form = page.locator("form.question")
    for answer, says in [("", "first"), ("rows", "first"), ("30", "Not quite"), ("28", "Right")]:
        form.locator("input").fill(answer)
        form.locator("button").click()
        assert says in form.locator(".verdict").inner_text()
    assert form.locator(".because").is_visible()
